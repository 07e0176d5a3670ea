"""The process in which `data/apart.py` has work done that may stop a process or never end. It is run as a script.

Nothing of ours is imported, so that it starts in a few hundredths of a second. What comes in and goes out is a JSON
document a line. Memory and CPU time are bounded where the system can (Linux; elsewhere the one who asks watches the
clock), so that what goes wrong ends this process and no other.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

HelperRequest = dict[str, Any]
KIND = 40  # characters of what a kind of column is called


def main() -> None:
    """Answer one request, or say in one line why not."""
    request = next(requests())
    try:
        sys.path = request["modules"]
        bound(memory=request["memory"], seconds=request["seconds"])
        JOBS[request["job"]](request)
    except BaseException as error:  # noqa: BLE001  where native code panics that is no Exception
        send({"error": f"{type(error).__name__}: {error}"[:300]})


def bound(*, memory: int, seconds: int) -> None:
    """Let the system end this process beyond so many bytes of memory and seconds of CPU time."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, limit in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory)):
        try:
            resource.setrlimit(kind, (limit, limit))
        except (ValueError, OSError):  # a system that has no such limit, or a lower one already
            continue


def requests() -> Iterator[Any]:
    for line in sys.stdin.buffer:
        yield json.loads(line)


def send(document: object) -> None:
    sys.stdout.buffer.write(json.dumps(document).encode() + b"\n")
    sys.stdout.buffer.flush()


def search_pattern(request: HelperRequest) -> None:
    """What a regular expression captures in each text, or all that it matches there; null where it does not match."""
    try:
        pattern = re.compile(request["pattern"])
    except (re.error, RecursionError, OverflowError) as error:
        send({"no_pattern": f"{error or 'nested too deeply'}"[:300]})
        return
    send({"no_pattern": None})
    for texts in requests():
        send({"found": [captured(pattern, text) for text in texts]})


def captured(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    if found is None:
        return None
    parts = [part for part in found.groups() if part is not None]
    return "/".join(parts) if parts else found.group()


def send_parquet(request: HelperRequest) -> None:
    """First the names and kinds of columns and the number of rows; then, of what is asked for, each batch of rows."""
    from arro3.io import read_parquet as opened

    with open(request["file"], "rb") as file:  # noqa: PTH123
        batches = opened(file, batch_size=request["batch"])
        names, kinds = batches.schema.names, [str(field.type)[:KIND] for field in batches.schema]
        if len(names) > request["most_columns"]:
            raise ValueError(f"{len(names):,} columns, more than {request['most_columns']:,}")
        rows = sum(batch.num_rows for batch in batches) if request["count"] else 0
        send({"columns": names, "kinds": kinds, "rows": rows})
        file.seek(0)
        batches = opened(file, batch_size=request["batch"])
        asked, longest = next(requests()), request["longest"]
        for batch in batches:
            columns = [
                column_values(batch.column(place), longest, place in asked["plain"]) for place in asked["places"]
            ]
            send({"rows": list(zip(*columns, strict=True))})
        send({"rows": None})


def column_values(column: Any, longest: int, is_plain: bool) -> list[Any]:  # noqa: ANN401  without types
    """The values of a column; of one that is to be plain only if they are: no pictures, no lists."""
    if is_plain and any(word in str(column.type).lower() for word in ("binary", "struct", "list", "map")):
        return [None] * len(column)
    found = [plain_value(value, longest) for value in column.to_pylist()]
    return [None if isinstance(value, list | dict) else value for value in found] if is_plain else found


def plain_value(value: Any, longest: int) -> Any:  # noqa: ANN401  what a cell of Parquet may hold
    """A value that JSON has; one that is longer than a cell may be is cut behind that, so that its length tells."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | dict):
        text = json.dumps(value, default=str)
        return json.loads(text) if len(text) <= longest else text[: longest + 1]
    return str(value)[: longest + 1]


def run_ir(request: HelperRequest) -> None:
    """First what OpenVINO's own form of a net tells beside it; then, for each picture, what comes out by name."""
    import base64

    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # as backbones/openvino_runtime.py has it
    import numpy as np
    import openvino

    core = openvino.Core()
    model = core.read_model(request["file"])
    told = {name: model.get_rt_info(["tellapart", name]).astype(str) for name in request["told"]}
    for name in request["perhaps"]:
        if model.has_rt_info(["tellapart", name]):
            told[name] = model.get_rt_info(["tellapart", name]).astype(str)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    send({"told": told})
    for asked in requests():
        pixels = np.frombuffer(base64.b64decode(asked["pixels"]), np.uint8).reshape(asked["shape"])
        found = compiled(pixels)
        send({"outputs": {output.get_any_name(): found[output].tolist() for output in compiled.outputs}})


JOBS: dict[str, Callable[[HelperRequest], None]] = {
    "search_pattern": search_pattern,
    "read_parquet": send_parquet,
    "run_ir": run_ir,
}

if __name__ == "__main__":
    main()
