"""The few forms of YAML that a data.yaml has: read as PyYAML reads them, or refused in one line."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tellapart.data.plain_yaml import read_yaml
from tellapart.errors import DataError

WHERE = Path("data.yaml")
KEYS = ["path", "train", "val", "test", "names", "nc"]


def read(text, keys=KEYS):
    return read_yaml(text, keys, where=WHERE)


def test_read_yaml__what_ultralytics_writes():
    text = (
        "# COCO8\n"
        "path: coco8 # the folder\n"
        "train: images/train # 4 images\n"
        "val: images/val\n"
        "test: # test images (optional)\n"
        "\n"
        "# Classes\n"
        "names:\n"
        "  0: person\n"
        "  1: traffic light\n"
        "  2: 'stop sign'  # red\n"
        "\n"
        "download: |\n"
        "  from a import b\n"
        "  # names: no\n"
        "\n"
        "  names: neither\n"
    )
    assert read(text) == {
        "path": "coco8",
        "train": "images/train",
        "val": "images/val",
        "names": {"0": "person", "1": "traffic light", "2": "stop sign"},
    }


def test_read_yaml__what_roboflow_writes():
    text = (
        "train: ../train/images\r\nval: ../valid/images\r\ntest: ../test/images\r\n\r\nnc: 2\r\n"
        "names: ['cat', 'dog''s']\r\n\r\nroboflow:\r\n  workspace: a\r\n  version: 1\r\n  url: https://example.com/a\r\n"
    )
    assert read(text) == {
        "train": "../train/images",
        "val": "../valid/images",
        "test": "../test/images",
        "nc": "2",
        "names": ["cat", "dog's"],
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("names:\n- cat\n- traffic light\n", ["cat", "traffic light"]),
        ("names:\n  - cat\n  # between\n  - no\n", ["cat", "no"]),
        ("names: [cat, traffic\n  light,\n  dog]\n", ["cat", "traffic light", "dog"]),
        ("names: [cat, # first\n  dog,\n  ]\n", ["cat", "dog"]),
        ("names: {0: cat, 1: 'a, b'}\n", {"0": "cat", "1": "a, b"}),
        ('names: ["a: b", "caf\\u00e9"]\n'.replace("\\u00e9", "é"), ["a: b", "café"]),
        ("names: {0: a:b}", {"0": "a:b"}),
        ("names: []", []),
        ("---\nnames: [a]\n...\n", ["a"]),
        ("\ufeffnames: [a]", ["a"]),
        ('"names": [a]', ["a"]),
        ("names: [\n  cat,\n  'dog',\n]\n", ["cat", "dog"]),
        ("names: {  # numbers\n  0: cat,\n  1: dog\n}  # all\n", {"0": "cat", "1": "dog"}),
        ("names: C:/a", "C:/a"),
        ("names: -1", "-1"),
    ],
)
def test_read_yaml__forms(text, value):
    assert read(text) == {"names": value}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("names: &a [cat]", 1),
        ("names: *a", 1),
        ("names: !!python/object/apply:os.system ['true']", 1),
        ("nc: 1\nnames: |\n  cat", 2),
        ("names: [cat, [dog]]", 1),
        ("names: [cat", 1),
        ("names: [cat]]", 1),
        ("names: [cat]\n]", 1),
        ("names: cat\n]", 2),
        ("names: [cat\n}", 2),
        ("names: [cat, , dog]", 1),
        ("names: {a: {b: c}}", 1),
        ("names: {0: a, 0: b}", 1),
        ("names:\n  0: a\n  0: b", 3),
        ("names:\n  0: a\n   1: b", 3),
        ("names:\n  - a\n - b", 3),
        ("names:\n  - a: b", 2),
        ("names:\n\t- a", 2),
        ("names: a\n  b", 2),
        ("names: a: b", 1),
        ("names: [a]\nnames: [b]", 2),
        ("<<: *a\nnames: [a]", 1),
        ("- a", 1),
        ("names: [a]\n---\nnames: [b]", 2),
        ("names: [a\x00]", 1),
        ("nc: 1\nnames: 'a", 2),
        ("a\n", 1),
    ],
)
def test_read_yaml__anything_else_is_refused_with_its_line(text, line):
    with pytest.raises(DataError, match=rf"^YAML that is not read here in line {line}: .*: data.yaml. Write "):
        read(text)


def test_read_yaml__long_lines_of_blanks_take_no_time():
    for text in (
        "names" + " " * 1_000_000,
        "names: [" + " " * 1_000_000,
        'names: "' + " " * 1_000_000,
        "a" * 1_000_000,
    ):
        with pytest.raises(DataError):
            read(text)
    assert read("names: [" + "a, " * 100_000 + "]")["names"] == ["a"] * 100_000


NAMES = st.text(st.sampled_from("ab 0é'\",:#-[]{}&*!|>%@`?~.\\/名"), min_size=1, max_size=8)


def quoted(name):
    return "'" + name.replace("'", "''") + "'"


@given(st.lists(NAMES, max_size=6), st.sampled_from(["flow", "lines", "block", "numbers", "pairs"]), st.booleans())
@settings(max_examples=400, deadline=None, derandomize=True)
def test_read_yaml__every_name_in_quotes_comes_back(names, form, comments):
    each = [quoted(name) for name in names]
    end = " # 'x', [y]\n" if comments else "\n"
    expected = names
    if form == "flow":
        text = f"names: [{', '.join(each)}]{end}"
    elif form == "lines":
        text = "names: [" + f",{end}  ".join(each) + f"]{end}"
    elif form == "block":
        text = "names:" + end + "".join(f"  - {name}{end}" for name in each)
    else:
        expected = {str(number): name for number, name in enumerate(names)}
        pairs = [f"{number}: {name}" for number, name in enumerate(each)]
        inner = "{" + ", ".join(pairs) + "}" + end
        text = "names: " + inner if form == "pairs" else "names:" + end + "".join(f"  {pair}{end}" for pair in pairs)
    empty = not names and form in ("block", "numbers")
    assert read(f"nc: 1\n{text}train: a\n") == {"nc": "1", "train": "a", **({} if empty else {"names": expected})}


EVERY = ["names", "train", "nc", "a", "b c", "0", "1", "-1"]  # what keys can be made of the pieces
PIECES = [
    *(
        "names:",
        "train: a",
        "nc: 2",
        "\n",
        "\n  ",
        "\n- ",
        "\n]",
        "\n}",
        "\n  - ",
        " ",
        "[",
        "]",
        "{",
        "}",
        ",",
        ": ",
        ":",
        "#",
        " # ",
    ),
    *(
        "a",
        "b c",
        "0: ",
        "1: x",
        "'",
        '"',
        "''",
        "&a",
        "*a",
        "!t",
        "|",
        ">",
        "-",
        "- ",
        "---\n",
        "~",
        "null",
        "?",
        "é",
    ),
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@example("names: [a\n\n  b]")
@example("names: 'a\n\n  b'")
@settings(max_examples=600, deadline=None, derandomize=True)
def test_read_yaml__what_is_read_is_what_pyyaml_reads(text):
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with other packages, if at all")
    try:
        found = read(text, EVERY)
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017  (either outcome is right)
        return
    if not found:
        return
    whole = yaml.load(text, Loader=yaml.BaseLoader)
    plain = {key: value for key, value in whole.items() if value not in ("", "~", "null")}
    assert json.dumps(found, sort_keys=True) == json.dumps(plain, sort_keys=True)
