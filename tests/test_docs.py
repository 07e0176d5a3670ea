"""The documents say what the program does, and both languages say the same."""

from __future__ import annotations

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
    *("docs/decisions.md", "docs/log.md", "docs/formats.md", "docs/reliability.md", "docs/chapter.md"),
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


def test_decisions__each_is_dated_and_says_what_was_rejected():
    entries = re.split(r"^## ", read("docs/decisions.md"), flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert re.match(r"\d{4}-\d\d-\d\d: ", entry), entry.splitlines()[0]
        assert "**Chosen.**" in entry, entry.splitlines()[0]
        assert "**Rejected.**" in entry, entry.splitlines()[0]
