"""The documents say what the program does, and both languages say the same."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
import typer.main

from tellapart import errors
from tellapart.cli.main import app

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = "README.md", "README.zh-CN.md"
DOCUMENTS = (
    *(ENGLISH, CHINESE, "CONTRIBUTING.md", "CHANGELOG.md", "NOTICE"),
    *("docs/decisions.md", "docs/decisions-archive.md", "docs/log.md", "docs/formats.md"),
    *("docs/reliability.md", "docs/chapter.md"),
)
RUN_FILES = (
    *("model.tellapart", "metrics.json", "predictions.csv", "split.csv"),
    *("ledger.csv", "history.jsonl", "analysis.json", "report.html", "run.log"),
)
COMMANDS = typer.main.get_command(app).commands


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def fenced(name, language):
    """The lines of all blocks in that language, without comments and blank lines."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", read(name), re.DOTALL | re.MULTILINE)
    lines = [re.sub(r"\s+#.*", "", line) for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.strip()]


def invocations(name):
    """The words of every `tellapart …` line among the shell commands, without the program's name."""
    words = [shlex.split(line) for line in fenced(name, "sh")]
    return [line[1:] for line in words if line[0] == "tellapart"]


def exit_codes():
    """Every code of the error tree, and 0."""
    classes = [errors.TellapartError]
    for found in classes:
        classes.extend(found.__subclasses__())
    return sorted({0, *(found.exit_code for found in classes)})


@pytest.mark.parametrize("language", ["sh", "python"])
def test_readmes__same_commands_in_the_same_order(language):
    assert fenced(ENGLISH, language)
    assert fenced(CHINESE, language) == fenced(ENGLISH, language)


def test_readmes__same_headings_and_links():
    def shape(name):
        text = re.sub(r"```.*?```", "", read(name), flags=re.DOTALL)
        levels = re.findall(r"^#+", text, re.MULTILINE)
        targets = re.findall(r"\]\(([^)]+)\)", text)
        return levels, [target for target in targets if not target.startswith("README")]

    assert shape(ENGLISH) == shape(CHINESE)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_readmes__every_command_is_shown(command):
    assert command in {words[0] for words in invocations(ENGLISH)}


@pytest.mark.parametrize("words", [*invocations(ENGLISH), *invocations("docs/chapter.md")], ids=" ".join)
def test_readmes__every_command_shown_exists_with_its_options(words):
    command, position = COMMANDS[words[0]], 1
    while hasattr(command, "commands") and words[position : position + 1]:
        command, position = command.commands[words[position]], position + 1
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize("name", [ENGLISH, CHINESE])
def test_readmes__exit_codes_are_those_of_the_error_tree(name):
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", read(name), re.MULTILINE)] == exit_codes()


@pytest.mark.parametrize("name", [ENGLISH, CHINESE])
def test_readmes__files_of_a_run_are_listed(name):
    assert set(re.findall(r"^\| `([\w.]+)` \|", read(name), re.MULTILINE)) == set(RUN_FILES)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents__links_lead_somewhere(name):
    targets = re.findall(r"\]\(([^)#]+)\)", read(name))
    missing = [
        target for target in targets if "://" not in target and not ((ROOT / name).parent / target).resolve().exists()
    ]
    assert missing == []


def test_changelog__has_the_packaged_version():
    version = re.search(r'^version = "(.+)"$', read("pyproject.toml"), re.MULTILINE).group(1)
    assert f"## [{version}]" in read("CHANGELOG.md")


def sections(text, level):
    """(heading, what is below it) of every heading of that level."""
    parts = re.split(rf"^{level} ", text, flags=re.MULTILINE)[1:]
    return [tuple(part.split("\n", 1)) for part in parts]


def faults_of_decisions(text):
    """What is wrong with the form of the decisions that hold."""
    topics = [(topic, sections(below, "###"), below) for topic, below in sections(text, "##")]
    yield from (f"{topic}: no decision" for topic, decisions, _ in topics if not decisions)
    yield from (
        f"{topic}: text before its first decision" for topic, _, below in topics if below.split("### ")[0].strip()
    )
    for title, below in (decision for _, decisions, _ in topics for decision in decisions):
        if not re.match(r"\d{4}-\d\d-\d\d: ", title):
            yield f"{title}: no date"
        yield from (f"{title}: no {word}" for word in ("Chosen", "Rejected") if below.count(f"**{word}.**") != 1)


def faults_of_archive(archive, decisions):
    """Where a decision that was replaced does not name, in quotes, one that holds; or still stands among those."""
    holding = {title.split(": ", 1)[1] for title, _ in sections(decisions, "###")}
    for title, below in sections(dict(sections(archive, "##"))["Replaced"], "###"):
        named = re.match(r"\s*\*\*Replaced by\*\* (.*?)[.:](?:\s|$)", below, re.DOTALL)
        successors = re.findall(r'"([^"]+)"', re.sub(r"\s+", " ", named.group(1))) if named else []
        if not successors or not holding.issuperset(successors):
            yield f"{title}: replaced by nothing that holds"
        if title.split(": ", 1)[1] in holding:
            yield f"{title}: holds and is replaced"


def test_decisions__each_is_dated_below_a_topic_and_says_what_was_rejected():
    text = read("docs/decisions.md")
    assert sections(text, "###")
    assert list(faults_of_decisions(text)) == []


def test_decisions__what_is_archived_names_what_holds_instead():
    assert list(faults_of_archive(read("docs/decisions-archive.md"), read("docs/decisions.md"))) == []


GOOD = "## A topic\n\n### 2026-01-01: a title\n\n**Chosen.** This.\n\n**Rejected.** That.\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (GOOD.replace("2026-01-01: ", ""), "a title: no date"),
        (GOOD.replace("**Chosen.** ", ""), "2026-01-01: a title: no Chosen"),
        (GOOD.replace("**Rejected.** ", ""), "2026-01-01: a title: no Rejected"),
        (f"{GOOD}\n## Another topic\n", "Another topic: no decision"),
        (GOOD.replace("topic\n", "topic\n\nA decision without a title.\n"), "A topic: text before its first decision"),
    ],
)
def test_faults_of_decisions__are_found(text, fault):
    assert list(faults_of_decisions(GOOD)) == []
    assert list(faults_of_decisions(text)) == [fault]


@pytest.mark.parametrize(
    ("title", "successor", "faults"),
    [
        ("an older title", '"a title": it was wrong', []),
        (
            "an older title",
            '"no such title": it was wrong',
            ["2025-01-01: an older title: replaced by nothing that holds"],
        ),
        ("an older title", "nothing.", ["2025-01-01: an older title: replaced by nothing that holds"]),
        ("a title", '"a title": it was wrong', ["2025-01-01: a title: holds and is replaced"]),
    ],
)
def test_faults_of_archive__are_found(title, successor, faults):
    archive = f"## Replaced\n\n### 2025-01-01: {title}\n\n**Replaced by** {successor}\n"
    assert list(faults_of_archive(archive, GOOD)) == faults


def log_rows(text):
    """The cells of every row of the table."""
    return [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| 20")]


def test_log__every_row_has_a_date_a_commit_or_none_and_what_came_of_it():
    rows = log_rows(read("docs/log.md"))
    assert rows
    for date, commit, tried, figures, outcome in rows:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", date.strip()), date
        assert re.fullmatch(r"([0-9a-f]{7,12})?", commit.strip()), commit
        assert tried.strip(), figures
        assert re.search(r"\w", figures), tried
        assert outcome.strip(), tried


PLACES = re.compile(r"`([\w/]+\.\w+)(?:: ([\w., ]+))?`")
PACKAGE = ROOT / "src" / "tellapart"


def named_in(text):
    """(path, names) of every place that a document names as `folder/file.py: name, name`; NAME is a placeholder."""
    found = [(path, re.findall(r"[\w.]+", names)) for path, names in PLACES.findall(text)]
    return [(path, names) for path, names in found if "NAME" not in path and "FOLDER" not in path]


def resolved(path):
    """Where a path of CONTRIBUTING is; None where there is no such file."""
    return next((place for place in (PACKAGE / path, ROOT / path) if place.is_file()), None)


def names_of(body):
    """Every name that is defined in the body of a module or class."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from (node.name, *(f"{node.name}.{inner}" for inner in names_of(node.body)))
        elif isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))


def missing_places(text):
    """Files that are not there, and names that are not in their file."""
    for path, names in named_in(text):
        place = resolved(path)
        if place is None:
            yield path
        elif names:
            known = set(names_of(ast.parse(place.read_text(encoding="utf-8")).body))
            yield from (f"{path}: {name}" for name in names if name not in known)


def test_contributing__every_place_in_it_exists():
    text = read("CONTRIBUTING.md").split("## Where to change what")[1]
    assert len(named_in(text)) > 50
    assert list(missing_places(text)) == []


def test_missing_places__are_found():
    text = (
        "`learn.py: learn, unlearn` and `no/such.py`, `classifier.py: Classifier.flags, Classifier.none`, `data/idx.py`"
    )
    assert list(missing_places(text)) == ["learn.py: unlearn", "no/such.py", "classifier.py: Classifier.none"]
