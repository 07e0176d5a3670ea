"""The ways into the program, as its users have them: another process for each, asked about picture files.

Legend: N pictures, K classes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import MissingExtraError, ModelFileError, TellapartError
from tellapart.export.agreement import Said
from tellapart.heads.abstention import Flags

PATIENCE: Final = 300  # seconds
SERVE_HINT: Final = "Install it with: pip install 'tellapart[serve]'"
PROGRAM: Final = """
import json, sys
from tellapart import load
model, paths = load(sys.argv[1]), sys.argv[2:]
names = [str(name) for name in model.classes_.tolist()]
shares = model.predict_proba(paths).tolist()
answers = [str(name) for name in model.predict(paths).tolist()]
marks = [model.unsure(paths), model.unlike(paths)]
for place in range(len(paths)):
    unsure, unlike = (None if mark is None else bool(mark[place]) for mark in marks)
    row = {"predicted": answers[place], "probabilities": dict(zip(names, shares[place]))}
    print(json.dumps({**row, "unsure": unsure, "unlike": unlike}))
"""


def said_in_python(model: Path, pictures: Sequence[Path], classes: Sequence[str]) -> Said:
    """What `tellapart.load` in another process says of picture files."""
    return _said(_heard(["-c", PROGRAM, str(model), *map(str, pictures)], door="Python", model=model), classes)


def said_on_the_command_line(model: Path, pictures: Sequence[Path], classes: Sequence[str]) -> Said:
    """What `tellapart predict` says of picture files."""
    command = ["-m", "tellapart", "predict", str(model), *map(str, pictures), "--format", "jsonl"]
    return _said(_heard(command, door="the command line", model=model), classes)


def said_over_http(model: Path, pictures: Sequence[Path], classes: Sequence[str]) -> Said:
    """What `tellapart serve` says of picture files.

    Raises:
        MissingExtraError: the extra serve is not installed.
        ModelFileError: the server does not start, or does not answer.
    """
    command = [sys.executable or "python", "-P", "-m", "tellapart", "serve", str(model), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:  # noqa: S603
        watch = threading.Timer(PATIENCE, server.kill)
        watch.start()
        try:
            lines = iter(server.stderr or ())
            first = next(lines, b"").decode(errors="replace").strip()
            if not first.startswith("{"):
                raise _not_served(server.wait(), first, model)
            rows = [_asked(json.loads(first)["port"], picture.read_bytes()) for picture in pictures]
        except (OSError, HTTPException, ValueError, KeyError) as error:
            raise ModelFileError(f"HTTP cannot use the model file ({error})", where=model) from error
        finally:
            watch.cancel()
            server.kill()
    return _said(rows, classes)


def _not_served(code: int, told: str, model: Path) -> TellapartError:
    if code == MissingExtraError.exit_code:
        return MissingExtraError("the extra serve is not installed", hint=SERVE_HINT)
    return ModelFileError(f"HTTP cannot use the model file ({told})", where=model)


def _asked(port: int, content: bytes) -> Mapping[str, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("POST", "/predict", content)
        answer: Mapping[str, Any] = json.loads(connection.getresponse().read())["answers"][0]
    finally:
        connection.close()
    return answer


def _heard(arguments: Sequence[str], *, door: str, model: Path) -> list[Mapping[str, Any]]:
    """The rows that another process prints.

    Raises:
        ModelFileError: it does not end well.
    """
    command = [sys.executable or "python", "-P", *arguments]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        told = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip().splitlines()
        reason = told[-1] if told else str(error)
        raise ModelFileError(f"{door} cannot use the model file ({reason})", where=model) from error
    return [json.loads(line) for line in ended.stdout.splitlines()]


def _said(rows: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> Said:
    """Rows as `predict --format jsonl` prints them."""
    return Said(
        probabilities=np.array([[row["probabilities"][name] for name in classes] for row in rows], np.float64),
        labels=np.array([list(classes).index(row["predicted"]) for row in rows], np.int64),
        flags=Flags(unsure=_marks(rows, "unsure"), unlike=_marks(rows, "unlike")),
    )


def _marks(rows: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.bool_] | None:
    marks = [row[name] for row in rows]
    return None if None in marks else np.array(marks, bool)


Door = Callable[[Path, Sequence[Path], Sequence[str]], Said]
DOORS: Final[Mapping[str, Door]] = {
    "Python": said_in_python,
    "command line": said_on_the_command_line,
    "HTTP": said_over_http,
}
