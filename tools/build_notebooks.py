"""Make the notebooks of the chapter from its programs and its pages: one source for each.

    python tools/build_notebooks.py            writes examples/notebooks/NN_*.ipynb
    python tools/build_notebooks.py --check    ends with 1 if they are not what it would write

A notebook has what the page says of the row, the options, the code of the program in the order in which it can be run
(its functions, then the body of `main`), the pictures, and the questions in English and Chinese. Code is taken over as
it stands; `arguments` is a list that the reader can change. Format: nbformat 4.5, without outputs.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CHAPTER, NOTEBOOKS = ROOT / "examples" / "chapter", ROOT / "examples" / "notebooks"
sys.path.insert(0, str(CHAPTER))

from common import section  # noqa: E402 - found only now

WIDTH = 100  # characters of a line
START = """\
# Results go where the program puts them, whatever folder Jupyter was started in.
import os
import sys
from pathlib import Path

os.chdir(next(place for place in (Path.cwd(), *Path.cwd().parents) if (place / "examples" / "chapter").is_dir()))
sys.path.insert(0, "examples/chapter")

# The options of the program. Without "--short": the whole row. Your own pictures: "--data", "FOLDER".
# Changed something? "--anew" trains again.
arguments = ["--short"]"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    checking = parser.parse_args(arguments).check
    NOTEBOOKS.mkdir(exist_ok=True)
    stale = []
    for program in sorted(CHAPTER.glob("[0-9][0-9]_*.py")):
        place = NOTEBOOKS / f"{program.stem}.ipynb"
        made = json.dumps(notebook(program), indent=1, ensure_ascii=False) + "\n"
        if not place.exists() or place.read_text(encoding="utf-8") != made:
            stale.append(place.name)
            if not checking:
                place.write_text(made, encoding="utf-8")
    print(f"{'not as they would be made' if checking else 'written'}: {' '.join(stale) or 'none'}")
    return int(checking and bool(stale))


def notebook(program: Path) -> dict[str, Any]:
    """The notebook of a program, as the document that a file holds."""
    row = int(program.name[:2])
    (text, questions), (chinese_text, chinese) = (section(row, language) for language in ("en", "zh"))
    title = chinese_text.splitlines()[0].split(". ", 1)[1]
    cells = [
        ("markdown", f"# {inner_links(text)}\n\n*{title}*"),
        ("code", START),
        *(("code", code) for code in code_cells(program.read_text(encoding="utf-8"))),
        ("code", f"from inline import show\n\nfiles = show(options, {row})"),
        ("markdown", f"## Questions\n\n{questions}\n\n## 思考\n\n{chinese}"),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": [cell(kind, source, f"row-{row:02d}-{number}") for number, (kind, source) in enumerate(cells)],
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def cell(kind: str, source: str, name: str) -> dict[str, Any]:
    """A cell without output."""
    made: dict[str, Any] = {"cell_type": kind, "id": name, "metadata": {}, "source": source.splitlines(keepends=True)}
    return made | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def inner_links(text: str) -> str:
    """The text of a page with links that lead from the folder of the notebooks, and shell lines left as they are."""
    return re.sub(r"\]\(\.\./examples/", "](../", text)


def code_cells(source: str) -> Iterator[str]:
    """The code of a program, cell by cell: imports and constants, each function, and the body of main.

    Raises:
        ValueError: main returns something, so that its body cannot stand alone.
    """
    tree = ast.parse(source)
    lines = source.splitlines()
    parts = [part for part in tree.body if not is_frame(part)]
    functions = [part for part in parts if isinstance(part, ast.FunctionDef)]
    (entry,) = (function for function in functions if function.name == "main")
    if any(isinstance(part, ast.Return) for part in ast.walk(entry)):
        raise ValueError("the main of a program must not return")
    body = [line for line in lines[entry.body[0].lineno - 1 : entry.end_lineno] if not line.startswith("    ask(")]
    cells = [
        *(text_of(lines, function) for function in functions if function is not entry),
        textwrap.dedent("\n".join(body)),
    ]
    head = [part for part in parts if part not in functions]
    used = set(re.findall(r"\w+", "\n".join([*cells, *(text_of(lines, part) for part in head if not is_import(part))])))
    yield "\n".join(with_gaps(lines, head, used))
    yield from cells


def with_gaps(lines: list[str], parts: list[ast.stmt], used: set[str]) -> Iterator[str]:
    """Statements with the blank lines between them; of imports only what is used."""
    last = parts[0].lineno - 1
    for part in parts:
        text = import_of(part, used) if is_import(part) else text_of(lines, part)
        if text:
            yield from lines[last : part.lineno - 1]
            yield text
        last = part.end_lineno or part.lineno


def import_of(part: ast.stmt, used: set[str]) -> str:
    """An import of the names that are used; empty where none is."""
    assert isinstance(part, ast.Import | ast.ImportFrom)
    part.names = [name for name in part.names if (name.asname or name.name).split(".")[0] in used]
    if not part.names:
        return ""
    text = ast.unparse(part)
    if len(text) <= WIDTH:
        return text
    before, names = text.split(" import ")
    return f"{before} import (\n{textwrap.fill(names, WIDTH, initial_indent='    ', subsequent_indent='    ')},\n)"


def is_import(part: ast.stmt) -> bool:
    return isinstance(part, ast.Import | ast.ImportFrom)


def text_of(lines: list[str], part: ast.stmt) -> str:
    """The lines of a statement."""
    return "\n".join(lines[part.lineno - 1 : part.end_lineno])


def is_frame(part: ast.stmt) -> bool:
    """What a notebook does without: the docstring, the future, and the call at the end."""
    docstring = isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)
    future = isinstance(part, ast.ImportFrom) and part.module == "__future__"
    return docstring or future or isinstance(part, ast.If)


if __name__ == "__main__":
    raise SystemExit(main())
