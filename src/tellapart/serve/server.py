"""A server from its model file to its end.

TERM and INT end it when what has been asked is answered; HUP lets it read its model file again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tellapart.errors import OutputError, one_line
from tellapart.extras import load_extra
from tellapart.heads.products import one_thread
from tellapart.serve.app import Service, make_app
from tellapart.serve.gate import log_line, whence
from tellapart.serve.limits import Limits
from tellapart.serve.measures import HINT, ServerMetrics
from tellapart.serve.patience import impatient
from tellapart.serve.served import open_served

LINGER: Final = 30  # seconds that open requests have once the end was asked for
IDLE: Final = 15  # seconds after which a connection without a request on it is closed
SOON: Final = 0.02  # seconds between two looks whether the server has begun
END: Final = (signal.SIGTERM, signal.SIGINT)
RELOAD: Final = (signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()
PACKAGES: Final = {"starlette": "Starlette", "uvicorn": "Uvicorn", "python_multipart": "python-multipart"}


def serve(model: Path, *, host: str, port: int, key: str | None, origins: Sequence[str], limits: Limits) -> None:
    """Answer until the end is asked for.

    Args:
        model: a model file.
        host: the address to listen at.
        port: and the port; 0 takes one that is free, which the log names.
        key: what every request must bring; None for nothing.
        origins: pages of other sites that may ask.
        limits: what is taken on.

    Raises:
        MissingExtraError: the extra serve is not installed.
        ModelFileError: the model file is damaged, or gives other answers than it must.
        OutputError: the address is taken, or may not be used.
    """
    for module, called in PACKAGES.items():
        load_extra(module, called, hint=HINT)
    measures, heard = ServerMetrics(), list[int]()
    remember(RELOAD, heard)
    served = open_served(model)
    with listen(host, port) as listening, one_thread(), warnings_in_log():
        asyncio.run(_serve(served, measures, listening, heard, key=key, origins=origins, limits=limits))


def remember(signals: Iterable[signal.Signals], heard: list[int]) -> None:
    """Put what of these signals comes into a list, until somebody can act on it."""
    for number in signals:
        signal.signal(number, lambda got, _: heard.append(got))


async def _serve(
    served: Any,  # noqa: ANN401
    measures: ServerMetrics,
    listening: socket.socket,
    heard: list[int],
    *,
    key: str | None,
    origins: Sequence[str],
    limits: Limits,
) -> None:
    import uvicorn

    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # else a line for every odd byte
    service = Service(served, limits=limits, measures=measures, log=log)
    app: Any = make_app(service, key=key, origins=origins, log=log)
    config = uvicorn.Config(
        app,
        http=impatient(IDLE),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        ws="none",
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=LINGER,
        limit_concurrency=4 * limits.requests,
    )
    remember(END, heard)  # uvicorn ends by them, and sends itself the same once more behind that
    host, port = listening.getsockname()[:2]
    log(log_line("listening", host=host, port=port))
    tasks = set[asyncio.Task[None]]()

    def reload() -> None:
        task = asyncio.get_running_loop().create_task(service.reload())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = uvicorn.Server(config)

    async def act_on_heard() -> None:
        """What was asked before there was a server is done as soon as there is one."""
        while not server.started:  # noqa: ASYNC110  uvicorn tells nobody
            await asyncio.sleep(SOON)
        if set(heard) & set(RELOAD):
            reload()
        server.should_exit = server.should_exit or bool(set(heard) & set(END))

    for number in RELOAD:
        asyncio.get_running_loop().add_signal_handler(number, reload)
    early = asyncio.create_task(act_on_heard())
    await server.serve(sockets=[listening])
    early.cancel()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at an address.

    Raises:
        OutputError: it is taken, or may not be used.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        what = f"cannot listen at this address ({(error.strerror or str(error)).lower()})"
        raise OutputError(what, where=f"{host}:{port}", hint="Choose another with --host and --port.") from error
    return listening


class Warnings(logging.Handler):
    """What libraries warn of, as lines of the log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one, with where an error came from."""
        error = record.exc_info[1] if record.exc_info else None
        come = {} if error is None else whence(error)
        try:
            said = record.getMessage()
        except Exception:  # noqa: BLE001  whoever warns may have got its own words wrong, and is not to end by it
            said = str(record.msg)
        log(log_line(record.levelname.lower(), of=record.name, said=one_line(said.strip()), **come))


@contextlib.contextmanager
def warnings_in_log() -> Iterator[None]:
    """While this lasts; else Python prints what nobody handles as plain text, with tracebacks."""
    handler = Warnings(logging.WARNING)
    logging.getLogger().addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        logging.getLogger().removeHandler(handler)


def log(line: str) -> None:
    """One line on standard error, at once."""
    print(line, file=sys.stderr, flush=True)
