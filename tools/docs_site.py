"""Make the documentation's site, in two languages: the README, docs/, and a reference of commands and of Python.

    python tools/docs_site.py [-o build/site]    ends with 1 at a link that leads nowhere, or at any other warning

The sources stay what they are where code is read: plain Markdown, with links between files. Here each page gets its
place on one of four shelves (tutorial, how to, reference, explanation; the four kinds of https://diataxis.fr), a page
that has no Chinese form stands among the Chinese ones in English, and files that pages link to (programs, notebooks)
come along as they are. The generator is Sphinx, with MyST for Markdown and the theme Furo.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import typer.main
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.search import languages as searched_by
from sphinx.search.en import SearchEnglish
from sphinx.util.docutils import docutils_namespace, patch_docutils

import tellapart
from tellapart import errors
from tellapart.cli.main import app
from tellapart.report.inlined import unbroken_texts

ROOT = Path(__file__).resolve().parents[1]
CHINESE: Final = ".zh-CN.md"
LANGUAGES: Final = {"en": "en", "zh": "zh_CN"}  # our folder: what Sphinx calls it
FILES: Final = "_files"  # where what is no page lies among the sources; the site offers it as a download
LINK: Final = re.compile(r"(\[[^\]]*)?\]\(([^)#\s]+)(#[^)\s]*)?\)")
LANGUAGE_LINE: Final = re.compile(
    r"^(?:中文说明：|中文：|English: )\[.*\n", re.MULTILINE
)  # the site has a switch of its own
EVERY_OPTION, PYTHON = "every-option", "python-reference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Pages that serve one purpose: files of the project, or names of pages that this program writes."""

    english: str
    chinese: str
    pages: tuple[str, ...]

    def title(self, language: str) -> str:
        return self.english if language == "en" else self.chinese


def docs(*names: str) -> tuple[str, ...]:
    return tuple(f"docs/{name}.md" for name in names)


SHELVES: Final = (
    Shelf(english="Tutorial", chinese="教程", pages=docs("chapter")),
    Shelf(
        english="How to",
        chinese="怎样做",
        pages=docs("data", "report", "recipes", "deployment", "python", "retraining", "scale"),
    ),
    Shelf(
        english="Reference",
        chinese="参考",
        pages=(*docs("commands"), EVERY_OPTION, PYTHON, *docs("formats"), "CHANGELOG.md"),
    ),
    Shelf(
        english="Explanation",
        chinese="说明",
        pages=(
            *docs("honesty", "accuracy"),
            "benchmarks/RESULTS.md",
            *docs("reliability", "security", "decisions", "decisions-archive", "log"),
            "CONTRIBUTING.md",
        ),
    ),
)
MADE: Final = (EVERY_OPTION, PYTHON)
PAGES: Final = tuple(page for shelf in SHELVES for page in shelf.pages)
SWITCH: Final = """\
<nav class="sidebar-languages" aria-label="Language / 语言" style="padding: var(--sidebar-item-spacing-vertical) \
var(--sidebar-item-spacing-horizontal); font-size: var(--sidebar-item-font-size)">
{%- set up = "../" * (pagename.count("/") + 1) %}
<a lang="en" hreflang="en" href="{{ up }}en/{{ pagename }}.html">English</a> ·
<a lang="zh" hreflang="zh" href="{{ up }}zh/{{ pagename }}.html">中文</a>
</nav>
"""
STYLE: Final = """\
.content { width: min(52em, 100%); }
body { --code-font-size: 0.78rem; }
"""
FRONT: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tellapart</title>
<script>location.replace((navigator.language || "en").startsWith("zh") ? "zh/index.html" : "en/index.html")</script>
<p><a href="en/index.html">English</a> · <a href="zh/index.html">中文</a></p>
</html>
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "-o", "--output", type=Path, default=ROOT / "build" / "site", help="a folder; what is in it goes"
    )
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "site"
        for language in LANGUAGES:
            source = Path(folder) / language
            write_pages(source, language)
            if not build(source, made / language, language):
                return 1
        for page in made.rglob("*.html"):
            page.write_text(unbroken_texts(page.read_text(encoding="utf-8")), encoding="utf-8")
        (made / "index.html").write_text(FRONT, encoding="utf-8")
        shutil.rmtree(output, ignore_errors=True)
        shutil.copytree(made, output)
    print(f"{output / 'index.html'}: {len(list(output.rglob('*.html')))} pages")
    return 0


def write_pages(source: Path, language: str) -> None:
    """Everything that the generator reads for one language, into the new folder `source`."""
    source.mkdir()
    for page in ("README.md", *PAGES):
        if page not in MADE:
            text = LANGUAGE_LINE.sub("", own_form(page, language).read_text(encoding="utf-8"), count=1)
            linked = with_links(text, page, language, source)
            (source / f"{place(page)}.md").write_text(linked, encoding="utf-8")
    with (source / "index.md").open("a", encoding="utf-8") as front:
        front.writelines(contents(language))
    (source / f"{EVERY_OPTION}.md").write_text("\n".join(every_option()), encoding="utf-8")
    (source / f"{PYTHON}.md").write_text("\n".join(python_reference()), encoding="utf-8")
    write_looks(source)


def write_looks(source: Path) -> None:
    """The links from each page to itself in both languages, and how wide lines may be, where the generator looks."""
    for name, content in (("_templates/sidebar/languages.html", SWITCH), ("_static/site.css", STYLE)):
        (source / name).parent.mkdir(parents=True)
        (source / name).write_text(content, encoding="utf-8")


def own_form(page: str, language: str) -> Path:
    """The file of a page in that language, or the English one where there is no other."""
    chinese = ROOT / page.replace(".md", CHINESE)
    return chinese if language == "zh" and chinese.exists() else ROOT / page


def place(page: str) -> str:
    """The name of a page in the site, without its ending: docs/data.md is at data, the README the front."""
    return "index" if page == "README.md" else Path(page).stem.lower()


def with_links(text: str, page: str, language: str, source: Path) -> str:
    """The text with its links to files of the project led to their places in the site; such files come along.

    An English page among the Chinese ones leads to the Chinese page as a whole: its headings have other names. A link
    that is called like its file gets the title of the page, which MyST puts in where there is none.
    """
    chinese = own_form(page, language).name.endswith(CHINESE)

    def led(link: re.Match[str]) -> str:
        name, target, anchor = link.group(1) or "", link.group(2), link.group(3) or ""
        if "://" in target:
            return link.group()
        file = os.path.normpath((ROOT / page).parent / target)
        inside = Path(file).relative_to(ROOT).as_posix().replace(CHINESE, ".md")
        if inside == "README.md" or inside in PAGES:
            if not chinese and own_form(inside, language).name.endswith(CHINESE):
                anchor = ""
            called = "[" if name.strip("[`") == Path(target).name else name
            return f"{called}]({place(inside)}.md{anchor})"
        copy = source / FILES / Path(file).relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
        return f"{name}]({copy.relative_to(source).as_posix()})"

    return LINK.sub(led, text)


def contents(language: str) -> Iterator[str]:
    """The shelves, as MyST writes tables of contents that the page itself does not show."""
    for shelf in SHELVES:
        names = (page if page in MADE else place(page) for page in shelf.pages)
        lines = ("", "```{toctree}", ":hidden:", f":caption: {shelf.title(language)}", "", *names, "```", "")
        yield "\n".join(lines)


def every_option() -> Iterator[str]:
    """Each command with its arguments and options, as `--help` has them."""
    yield "# Every option\n\nWhat `tellapart COMMAND --help` says, command by command.\n"
    for name, command in sorted(commands(typer.main.get_command(app))):
        context = click.Context(command, info_name=f"tellapart {name}")
        yield f"## `tellapart {name}`\n\n```text\n{command.get_help(context)}\n```\n"


def commands(group: click.Command, above: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in getattr(group, "commands", {}).items():
        if getattr(command, "commands", None):
            yield from commands(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


def python_reference() -> Iterator[str]:
    """Everything that `import tellapart` offers, from its docstrings."""
    yield "# Python, name by name\n"
    routing = ", ".join(
        name for name in dir(tellapart.ImageClassifier) if name.endswith("_request")
    )  # scikit-learn's own
    estimator = "tellapart.estimator.ImageClassifier"
    yield from directive("autoclass", estimator, ":members:", f":exclude-members: {routing}")
    for function in ("load", "embed"):
        module = "estimator" if function == "load" else "commands.embed"
        yield from directive("autofunction", f"tellapart.{module}.{function}")
    yield "## Errors\n"
    for name in tellapart.__all__:
        if isinstance(getattr(tellapart, name), type) and issubclass(getattr(tellapart, name), errors.TellapartError):
            yield from directive("autoclass", f"tellapart.errors.{name}", ":show-inheritance:")


def directive(kind: str, name: str, *options: str) -> Iterator[str]:
    yield "\n".join(("```{eval-rst}", f".. {kind}:: {name}", *(f"   {option}" for option in options), "```", ""))


class PairsOfCharacters(SearchEnglish):
    """How the Chinese pages are searched: by every two neighbouring characters, and by English words.

    The generator's own way needs a package that splits words, without which it keeps no Chinese at all, and asks in
    the page for a stemmer that is not there.
    """

    lang = "zh"
    js_splitter_code = """
function splitQuery(query) {
  const pairs = (run) => (run.length < 2 ? [run] : [...run].slice(1).map((_, place) => run.slice(place, place + 2)));
  const runs = query.match(/[a-z0-9_]+|[\\u4e00-\\u9fff]+/gi) || [];
  return runs.flatMap((run) => (run < "\\u4e00" ? [run] : pairs(run)));
}
"""

    def split(self, text: str) -> list[str]:
        """The words of a text, as `splitQuery` has those of a question."""
        runs = re.findall(r"[a-zA-Z0-9_]+|[\u4e00-\u9fff]+", text)
        return [part for run in runs for part in ([run] if run < "\u4e00" or len(run) < 2 else pairs_of(run))]


def pairs_of(run: str) -> list[str]:
    return [run[place : place + 2] for place in range(len(run) - 1)]


def build(source: Path, output: Path, language: str) -> bool:
    """Whether the generator made that language's pages without a single warning; it says on stderr what it warns of."""
    settings = {
        "project": "tellapart",
        "version": tellapart.__version__,
        "language": LANGUAGES[language],
        "extensions": ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"],
        "myst_heading_anchors": 6,
        "myst_enable_extensions": ["dollarmath"],
        "html_theme": "furo",
        "html_title": "tellapart",
        "html_copy_source": False,
        "html_show_sphinx": False,
        "templates_path": ["_templates"],
        "html_static_path": ["_static"],
        "html_css_files": ["site.css"],
        "html_sidebars": {
            "**": [
                f"sidebar/{part}.html"
                for part in ("brand", "languages", "search", "scroll-start", "navigation", "scroll-end")
            ]
        },
        "add_module_names": False,
        "autodoc_typehints": "none",
        "autodoc_default_options": {"member-order": "bysource"},
    }
    searched_by["zh"] = PairsOfCharacters
    try:
        with patch_docutils(), docutils_namespace():  # what one build registers is gone before the next
            sphinx = Sphinx(
                *(source, None, output, source.parent / f"{language}-doctrees", "html"),
                confoverrides=settings,
                status=None,
                warning=sys.stderr,
                warningiserror=True,
            )
            sphinx.build(force_all=True)
    except SphinxError as error:
        print(error, file=sys.stderr)
        return False
    return sphinx.statuscode == 0


if __name__ == "__main__":
    sys.exit(main())
