"""The documents say what the program does, and both languages say the same."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
import typer.main

from pictures import write_classes, write_picture
from tellapart import errors
from tellapart.cli.main import app

ROOT = Path(__file__).parents[1]
TASKS = (
    *("accuracy", "chapter", "commands", "data", "deployment", "honesty"),
    *("python", "recipes", "report", "retraining", "scale"),
)
GUIDES = ("README.md", *(f"docs/{task}.md" for task in TASKS))  # each in English and in Chinese
CHINESE = ".zh-CN.md"
DOCUMENTS = (
    *(*GUIDES, *(name.replace(".md", CHINESE) for name in GUIDES)),
    *("CONTRIBUTING.md", "CHANGELOG.md", "NOTICE"),
    *("docs/decisions.md", "docs/decisions-archive.md", "docs/log.md", "docs/formats.md"),
    *("docs/reliability.md", "docs/security.md"),
)
ONE_SCREEN = 40  # lines of a step of the README
RUN_FILES = (
    *("model.tellapart", "metrics.json", "predictions.csv", "split.csv"),
    *("ledger.csv", "history.jsonl", "analysis.json", "report.html", "run.log"),
)
COMMANDS = typer.main.get_command(app).commands


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def both(*names):
    """Each in English and in Chinese."""
    return [name.replace(".md", ending) for name in names for ending in (".md", CHINESE)]


def blocks(name, language):
    """What stands in each block of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", read(name), re.DOTALL | re.MULTILINE)


def fenced(name, language):
    """The lines of all blocks in that language, without comments and blank lines."""
    lines = [re.sub(r"\s+#.*", "", line) for block in blocks(name, language) for line in block.splitlines()]
    return [line for line in lines if line.strip()]


def invocations(*names):
    """The words of every `tellapart …` line among the shell commands, without the program's name; each once."""
    words = [shlex.split(line) for name in names for line in fenced(name, "sh")]
    return [list(line) for line in dict.fromkeys(tuple(line[1:]) for line in words if line[0] == "tellapart")]


def anchors(text):
    """What the headings of a page are called in links, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(name):
    """Links of a document that lead to no file, or to no heading of it."""
    for target in re.findall(r"\]\(([^)]+)\)", read(name)):
        path, _, anchor = target.partition("#")
        place = ((ROOT / name).parent / path).resolve() if path else ROOT / name
        if "://" in target:
            continue
        if not place.exists() or (anchor and anchor not in anchors(place.read_text(encoding="utf-8"))):
            yield target


def exit_codes():
    """Every code of the error tree, and 0."""
    classes = [errors.TellapartError]
    for found in classes:
        classes.extend(found.__subclasses__())
    return sorted({0, *(found.exit_code for found in classes)})


@pytest.mark.parametrize("name", GUIDES)
def test_guides__same_commands_in_the_same_order(name):
    (english, chinese) = both(name)
    assert fenced(english, "sh") + fenced(english, "python")
    for language in ("sh", "python"):
        assert fenced(chinese, language) == fenced(english, language)


@pytest.mark.parametrize("name", GUIDES)
def test_guides__same_headings_tables_and_links(name):
    def shape(page):
        text = re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)
        levels = re.findall(r"^#+", text, re.MULTILINE)
        targets = [target.replace(CHINESE, ".md") for target in re.findall(r"\]\(([^)]+)\)", text)]
        return levels, len(re.findall(r"^\|", text, re.MULTILINE)), len(re.findall(r"^- ", text, re.MULTILINE)), targets

    english, chinese = both(name)
    assert shape(english) == shape(chinese)


@pytest.mark.parametrize("name", both(*GUIDES))
def test_guides__lead_to_their_own_language(name):
    chinese = name.endswith(CHINESE)
    other = Path(name.replace(CHINESE, ".md") if chinese else name.replace(".md", CHINESE)).name
    links = re.findall(r"\]\(([^)]+)\)", read(name))
    guides = [link for link in links if any(Path(link).name == Path(guide).name for guide in both(*GUIDES))]
    assert [link for link in guides if link.endswith(CHINESE) != chinese] == [other]


@pytest.mark.parametrize("name", both("README.md"))
def test_readmes__lead_to_every_guide(name):
    linked = re.findall(r"\]\((docs/[^)]+)\)", read(name))
    ending = CHINESE if name.endswith(CHINESE) else ".md"
    assert set(linked) >= {f"docs/{task}{ending}" for task in TASKS}


@pytest.mark.parametrize("name", both("README.md"))
def test_readmes__a_step_is_one_screen(name):
    steps = dict(sections(read(name), "##"))
    assert len(steps) > 4
    assert [step for step, below in steps.items() if len(below.strip().splitlines()) > ONE_SCREEN] == []


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_guides__every_command_is_shown(command):
    assert command in {words[0] for words in invocations("docs/commands.md")}


@pytest.mark.parametrize("words", invocations(*GUIDES, "docs/chapter.md"), ids=" ".join)
def test_guides__every_command_shown_parses(words):
    command, position = COMMANDS[words[0]], 1
    while hasattr(command, "commands"):
        command, position = command.commands[words[position]], position + 1
    command.make_context(words[0], list(words[position:])).close()


@pytest.mark.parametrize("name", both("docs/commands.md"))
def test_guides__exit_codes_are_those_of_the_error_tree(name):
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", read(name), re.MULTILINE)] == exit_codes()


@pytest.mark.parametrize("name", both("docs/report.md"))
def test_guides__files_of_a_run_are_listed(name):
    assert set(re.findall(r"^\| `([\w.]+)` \|", read(name), re.MULTILINE)) == set(RUN_FILES)


def test_guides__python_runs(tellapart, trained, tmp_path, monkeypatch, capsys):
    """Every block of a page after the one before it, in a folder such as the pages tell of; none that takes long."""
    pytest.importorskip("onnxruntime")
    write_picture(tmp_path / "new-photos" / "1.jpg", seed=9)
    write_classes(tmp_path / "birds", {"robin": 9, "sparrow": 9})
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "birds").symlink_to(trained.run)
    assert tellapart("export", trained.model, "-o", tmp_path / "birds.onnx").code == 0
    monkeypatch.chdir(tmp_path)
    for name in ("README.md", "docs/deployment.md", "docs/python.md"):
        known = {}
        for block in blocks(name, "python"):
            program = compile(block, name, "exec")
            if not re.search("recipe=|cross_val", block):
                exec(program, known)
    assert capsys.readouterr().out.split()[0] in trained.metrics["classes"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents__links_lead_somewhere(name):
    assert list(broken_links(name)) == []


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
