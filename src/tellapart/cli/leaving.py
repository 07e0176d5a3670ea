"""The commands for models that leave home."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tellapart.cli.options import Boxes, Device, Encoding, Json, Model, PathColumn, reading
from tellapart.cli.output import complain, line
from tellapart.cli.tables import print_agreement, print_int8, print_json
from tellapart.errors import ModelFileError, UsageError
from tellapart.progress import listener

SHORTEST_KEY, LONGEST_KEY = 16, 1_000  # characters
KEY_HINT = f"Put {SHORTEST_KEY} or more letters and digits in it, on one line."


def export(
    model: Model,
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE", help="The file to write; for OpenVINO a new folder.")
    ],
    to: Annotated[
        str | None, typer.Option("--to", metavar="FORM", help="onnx, openvino or html; else as FILE ends.")
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Let the base compute in int8, if that costs no answers; for openvino.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DATA", help="For --int8: where the pictures of the run are now.")
    ] = None,
    web_runtime: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="A page's runtime, onnxruntime-web; else it is looked for or fetched by npm."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a model file in another form.

    onnx: one file for any ONNX runtime, in any language. Pixels of any size go in; probabilities, the label and the
    marks unsure and unlike come out. openvino: a folder for OpenVINO's Model Server, FILE/1/model.xml and model.bin.
    html: a page that answers by itself in any browser, with the model and what it runs in inside.

    Each answers about the test cards in its own runtime before it has its name.

    --int8 (extra int8) calibrates by pictures of train and is judged by those of valid, in pairs with float32: it ends
    with 4, and writes nothing, where labels, log loss or the promise do not hold.

    \b
    tellapart export runs/pictures/model.tellapart -o pictures.onnx
    tellapart export runs/pictures/model.tellapart -o pictures.html
    tellapart export runs/pictures/model.tellapart -o models/pictures --to openvino
    tellapart export runs/pictures/model.tellapart -o models/fast --to openvino --int8
    """
    from tellapart.commands.export import export_model

    made = export_model(model, out, to=to, int8=int8, data=data, web_runtime=web_runtime, progress=listener())
    if as_json:
        print_json(made)
    else:
        print_agreement([made["check"]])
        if made["int8"] is not None:
            print_int8(made["int8"])
        line(f"written to {out}")


def verify(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A model.tellapart, or what `tellapart export` wrote of one.")
    ],
    data: Annotated[
        Path | None, typer.Argument(metavar="[DATA]", help="Pictures to ask about too: a file, a folder or a table.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", metavar="MODEL", help="The model.tellapart that it must agree with.")
    ] = None,
    runtime: Annotated[
        str | None, typer.Option(metavar="NAME", help="Ask only this one: openvino or onnxruntime.")
    ] = None,
    path_column: PathColumn = None,
    encoding: Encoding = None,
    boxes: Boxes = None,
    as_json: Json = False,
) -> None:
    """Prove that a model file, or an export of one, answers as it did where it was made.

    Its test cards go through every runtime that is installed and, of a model file, through Python, the command line
    and HTTP.
    With DATA real pictures do. Ends with 4 if anything differs by more than rounding.

    \b
    tellapart verify runs/pictures/model.tellapart
    tellapart verify pictures.onnx --against runs/pictures/model.tellapart inbox/
    tellapart verify pictures.html --against runs/pictures/model.tellapart
    tellapart verify models/pictures --against runs/pictures/model.tellapart
    """
    from tellapart.commands.verify import verify_file

    read_as = reading(path_column=path_column, encoding=encoding, boxes=boxes)
    found = verify_file(file, data, against=against, runtime=runtime, reading=read_as, progress=listener())
    for picture in found["unread"]:
        complain(f"cannot be read: {picture['path']} ({picture['reason']})")
    if as_json:
        print_json(found)
    else:
        print_agreement(found["rows"])
    if found["outcome"] == "differs":
        reasons = [
            *found["statements"],
            *(f"{row['door']}: {row['reason']}" for row in found["rows"] if row["outcome"] == "differs"),
        ]
        what = f"it does not answer as {'it must' if against is None else 'that model file does'} ({reasons[0]})"
        complain(f"tellapart: {ModelFileError(what, where=file, hint='Do not use it; export or copy it once more.')}")
        raise typer.Exit(ModelFileError.exit_code)
    if not as_json:
        line("all the same, within rounding")


def serve(
    model: Model,
    host: Annotated[
        str, typer.Option(help="The address to listen at; 0.0.0.0 for every one of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8000,
    key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file with the key that every request must bring.")
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="A site whose pages may ask; may be repeated, * for all.")
    ] = None,
    max_bytes: Annotated[int, typer.Option(min=1, help="Of a request's body.")] = 32_000_000,
    max_megapixels: Annotated[float, typer.Option(min=0.001, help="Of a picture.")] = 50.0,
    max_seconds: Annotated[float, typer.Option(min=0.001, help="That an answer may take.")] = 60.0,
    max_requests: Annotated[int, typer.Option(min=1, help="Worked on at one time.")] = 32,
    max_waiting: Annotated[int, typer.Option(min=1, help="Pictures asked for and not answered yet.")] = 256,
    device: Device = None,  # noqa: ARG001  its callback has chosen
) -> None:
    """Answer over HTTP; needs tellapart[serve].

    POST /predict takes a picture, or a form with several; /docs lists the other addresses. HUP lets it read the model
    file again, which is taken only if it proves itself; TERM ends it when what was asked is answered.

    \b
    tellapart serve runs/pictures/model.tellapart
    tellapart serve runs/pictures/model.tellapart --host 0.0.0.0 --port 80 --key-file key.txt
    """
    from tellapart.serve.limits import Limits
    from tellapart.serve.server import serve as run

    limits = Limits(
        body=max_bytes,
        megapixels=max_megapixels,
        answer_seconds=max_seconds,
        requests=max_requests,
        waiting=max_waiting,
    )
    run(model, host=host, port=port, key=read_key(key_file), origins=allow_origin or [], limits=limits)


def read_key(path: Path | None) -> str | None:
    """The key in a file, without the end of its line.

    Raises:
        UsageError: it cannot be read, or is no key.
    """
    from tellapart.files import read_bounded

    if path is None:
        return None
    try:
        key = read_bounded(path, limit=LONGEST_KEY).decode("ascii").strip()
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error).lower()
        raise UsageError(f"the key cannot be read ({reason})", where=path, hint=KEY_HINT) from error
    if len(key) < SHORTEST_KEY or not key.isprintable():
        raise UsageError("this is no key", where=path, hint=KEY_HINT)
    return key
