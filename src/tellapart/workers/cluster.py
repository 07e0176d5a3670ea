"""A cluster of Ray to work on: one that runs, or one of our own on this machine, which ends with the work."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tellapart.cores import thread_count
from tellapart.errors import UsageError
from tellapart.extras import load_extra
from tellapart.progress import Progress

HINT: Final = "Install it with: pip install 'tellapart[ray]'"
NOT_BEGUN: Final = "The machine may be too busy for it: try again, or use --on local."
CONNECT_SECONDS: Final = 5.0
STORE_BYTES: Final = 200_000_000  # of the memory in which a cluster of our own keeps what travels
LOOPBACK: Final = "127.0.0.1"
# RFC 9113, section 3.4: what a client begins with, and both sides' first frame, a SETTINGS frame (type 4).
SETTINGS_FRAME: Final = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
HELLO: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SETTINGS_FRAME
SETTINGS: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",  # it would tell its makers that it runs
    "RAY_worker_niceness": "0",  # else workers give way to every other program, by 15, where the command does not
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what it asks for, else it says so at each start
}
HURRY: Final = {"RAY_NUM_REDIS_GET_RETRIES": "2"}  # tries to find a cluster; one takes up to 40 s


@contextlib.contextmanager
def ray_cluster(address: str, progress: Progress) -> Iterator[Any]:
    """The module ray, a part of the cluster at an address, or of one of our own where that is "".

    The listener is told where one of our own is begun, which takes some seconds, and minutes on a busy machine.

    Raises:
        UsageError: no cluster answers, or this program is a part of one already.
        MissingExtraError: Ray is not installed.
    """
    ray = load_ray(SETTINGS | (HURRY if address else own_token()))
    if ray.is_initialized():
        raise UsageError(
            "this program is a part of a cluster of Ray already",
            hint="End that with ray.shutdown() first, or use --on local.",
        )
    with contextlib.ExitStack() as stack:
        stack.enter_context(ended_as_by_a_key())
        folder = "" if address else stack.enter_context(short_folder())
        stack.callback(ray.shutdown)  # of what has begun, also where that was not all
        with exits_as_by_a_key():
            if address:
                connect_to_cluster(ray, address)
            else:
                progress.note("Beginning a cluster of Ray on this machine.")
                begin(ray, folder)
        yield ray


@contextlib.contextmanager
def ended_as_by_a_key() -> Iterator[None]:
    """Let whoever ends this process (SIGTERM) stop the work as Ctrl-C does, where Ray shows its stack and exits."""
    before = signal.getsignal(signal.SIGTERM)
    hear_sigterm()
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def hear_sigterm() -> None:
    """Take SIGTERM as Ctrl-C from here on, in the main thread, which alone may say so."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextlib.contextmanager
def exits_as_by_a_key() -> Iterator[None]:
    """Take the exit that Ray asks for where SIGTERM comes while it begins as Ctrl-C, and hear SIGTERM again after it.

    In the last second of beginning Ray hears the signal below Python: the work stops and says so then too, but Ray
    shows a stack and ends the process by a signal of its own.
    """
    try:
        yield
    except SystemExit as error:
        raise KeyboardInterrupt from error
    finally:
        hear_sigterm()


def own_token() -> dict[str, str]:
    """What lets only this process and its children speak to a cluster of our own, which listens at every address."""
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def load_ray(settings: Mapping[str, str] = SETTINGS) -> Any:  # noqa: ANN401 - a module
    """The module ray, told to tell nobody.

    Raises:
        MissingExtraError: it is not installed.
    """
    os.environ.update(settings)  # read when it is imported
    ray = load_extra("ray", "Ray", hint=HINT)
    # Of a worker that died it writes to standard output, log_to_driver or not: that is for what was asked for.
    load_extra("ray._private.worker", "Ray", hint=HINT)._worker_logs_enabled = False  # noqa: SLF001 - no other way
    return ray


@contextlib.contextmanager
def short_folder() -> Iterator[str]:
    """A folder for a cluster of our own; short, since names of sockets below it have at most 107 bytes."""
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp" if os.path.isdir("/tmp") else None)  # noqa: S108, PTH112
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def begin(ray: Any, folder: str) -> None:  # noqa: ANN401 - a module
    """Begin a cluster of our own, on this machine and for this process only."""
    try:
        ray.init(
            address="local",
            num_cpus=thread_count(),
            num_gpus=0,
            include_dashboard=False,
            object_store_memory=STORE_BYTES,
            _node_ip_address=LOOPBACK,
            _temp_dir=folder,
            **quiet(),
        )
    except Exception as error:
        raise UsageError(f"Ray cannot begin ({first_line(error)})", hint=NOT_BEGUN) from error


def connect_to_cluster(ray: Any, address: str) -> None:  # noqa: ANN401 - a module
    """Become a part of a cluster that runs.

    Raises:
        UsageError: none answers there, or it is of other versions.
    """
    hint = "Begin one with `ray start --head`, and run this on one of its machines; or use --on ray."
    host, _, port = address.rpartition(":")
    try:
        if port.isdecimal():
            check_speaks(host.strip("[]"), int(port))
        ray.init(address=address, **quiet())
    except Exception as error:  # Ray raises what it likes: ConnectionError, RuntimeError, ValueError
        raise UsageError(f"no cluster of Ray to work on ({first_line(error)})", where=address, hint=hint) from error


def check_speaks(host: str, port: int) -> None:
    """Ask for the first frame of HTTP/2, which Ray speaks: of a server that does not, Ray waits for minutes.

    Raises:
        OSError: nobody answers in time, or something else.
    """
    with socket.create_connection((host, port), timeout=CONNECT_SECONDS) as connection:
        connection.sendall(HELLO)
        answer = connection.recv(len(SETTINGS_FRAME))
    if answer[3:4] != SETTINGS_FRAME[3:4]:
        raise OSError("something else answers")


def quiet() -> dict[str, Any]:
    """Arguments of ray.init that leave standard error to us."""
    return {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": True}


def first_line(error: BaseException) -> str:
    """What an error says first."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
