"""The texts of the pages: every code is said in both languages, and templates ask for no other."""

import ast
import importlib
import re
import string
from pathlib import Path
from typing import get_args

import jinja2
import pytest
from jinja2 import nodes

import tellapart.report
from tellapart.audit.finding import Outcome, Severity
from tellapart.browser.words import ANSWERING, SPOKEN
from tellapart.report import labels
from tellapart.report.audit_words import AUDIT
from tellapart.report.charts import STEP_NAMES
from tellapart.report.finding_words import ADVICE
from tellapart.report.fold_words import FOLD_PAGE
from tellapart.report.language import Words, both
from tellapart.report.page_words import PAGE
from tellapart.report.script_words import CHARTS, SWITCHES
from tellapart.serve.refusal import REFUSALS

# What is no English word: the tool, its commands and files, other tools, formats and licences.
NAMES = (
    r"tellapart( report| audit)?|(ledger|predictions)\.csv|metrics\.json|history\.jsonl|Chart\.js|MIT|CSV|CPU"
    r"|JavaScript|ONNX Runtime Web"
)
FOLDER = Path(tellapart.report.__file__).parent
BROWSER = FOLDER.parent / "browser"
ASKED_IN_SCRIPT = r'say\((?:[^"`;\n]{0,40}\? )?"([\w.]+)"(?: : "([\w.]+)")?'
ASKED_BOTH = r'(?:both|tell|said|Trouble|label)\((?:\w+, )?"([\w.]+)"()'
ASKING = {"say": 0, "label": 0, "page_title": 0, "chart": 1}  # where the code stands among the arguments
TEMPLATES = [
    *((path, PAGE) for path in sorted((FOLDER / "templates").glob("*.jinja"))),
    (FOLDER / "audit.html.jinja", AUDIT),
    (BROWSER / "answers.html.jinja", ANSWERING),
]


def asked(path):
    """(code, names of the values) of every call by which a template asks for a text; a code in pieces is its start."""
    for call in jinja2.Environment().parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in ASKING:
            code = call.args[ASKING[call.node.name]]
            if isinstance(code, nodes.Name):  # a macro that hands its own argument on
                continue
            whole = code.value if isinstance(code, nodes.Const) else f"{code.nodes[0].value}*"
            yield whole, {value.key for value in call.kwargs}


def names_in(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize(("path", "words"), TEMPLATES, ids=[path.name for path, _ in TEMPLATES])
def test_words__a_template_asks_for_codes_that_exist_with_their_values(path, words):
    for code, values in asked(path):
        if code.endswith("*"):
            assert any(known.startswith(code[:-1]) for known in words), code
            continue
        assert code in words, f"{path.name} asks for {code}"
        assert names_in(words[code].en) == values, code


@pytest.mark.parametrize("path", [path for path, _ in TEMPLATES], ids=lambda path: path.name)
def test_words__no_template_has_a_text_of_its_own(path):
    source = path.read_text(encoding="utf-8").replace("hidden>中文</button>", "")
    assert not re.search("[一-鿿]", source)


def test_words__every_template_asks():
    silent = {path.name for path, _ in TEMPLATES if not list(asked(path))}
    assert silent == set()


@pytest.mark.parametrize(
    "words",
    [PAGE, AUDIT, CHARTS, SWITCHES, ANSWERING, SPOKEN],
    ids=["page", "audit", "charts", "switches", "answering", "spoken"],
)
def test_words__every_code_has_both_languages_with_the_same_values(words):
    for code, text in words.items():
        assert text.en.isascii() or not re.search("[一-鿿]", text.en), code
        assert re.search("[一-鿿]", text.zh) or text.zh == "F1", code
        assert names_in(text.zh) <= names_in(text.en), code


def all_chinese():
    """(code, text) of everything that is said in Chinese without figures of its own."""
    for words in (PAGE, AUDIT, labels.PROMISES, CHARTS, SWITCHES, ANSWERING, SPOKEN):
        yield from ((code, text.zh) for code, text in words.items())
    yield from labels.FINDINGS.items()
    yield from ADVICE.items()


def test_words__chinese_has_punctuation_of_its_own():
    for code, text in all_chinese():
        assert not re.search(r"[,:;()?!]", re.sub(r"\{[^}]*\}", "", text)), code


def test_words__chinese_has_no_english_but_names():
    for code, text in all_chinese():
        left = re.sub(NAMES, "", re.sub(r"\{[^}]*\}", "", text))
        assert not re.search("[A-Za-z]{2,}", left), code


PRIVATE = r"\btold (wrong|right)|(whose|its|their) like\b|answers? stands?\b|that stand\b|cannot be meant|算数"


def test_words__the_fields_words():
    for words in (PAGE, AUDIT, CHARTS, FOLD_PAGE, labels.PROMISES, ANSWERING, SPOKEN):
        for code, text in words.items():
            assert not re.search(PRIVATE, f"{text.en} {text.zh}"), code
    for path in sorted(FOLDER.parents[1].rglob("*.py")):
        if path.name == "reason_words.py":  # it reads what older runs say too
            continue
        nodes_of = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        docstrings = {id(node.value) for node in nodes_of if isinstance(node, ast.Expr)}
        texts = [node.value for node in nodes_of if isinstance(node, ast.Constant) and id(node) not in docstrings]
        assert [text for text in texts if isinstance(text, str) and re.search(PRIVATE, text)] == [], path.name


def test_words__no_code_is_left_that_nothing_asks_for():
    for words in (PAGE, AUDIT, ANSWERING):
        codes = {code for path, own in TEMPLATES if own is words for code, _ in asked(path)}
        starts = tuple(code[:-1] for code in codes if code.endswith("*"))
        unused = {code for code in words if code not in codes and not (starts and code.startswith(starts))}
        assert unused == set()


def test_words__scripts_ask_for_codes_that_exist():
    # Codes in say("…"), also where one of two is chosen; those that the data gives (a measure, a step, a kind of
    # curve, a column) are the ones added here.
    given = {"recall", "precision", "f1", "epoch", "step", "losses", "shares"}
    asked_for = {}
    for name in ("switches.js", "page.js"):
        calls = re.findall(ASKED_IN_SCRIPT, (FOLDER / name).read_text(encoding="utf-8"))
        asked_for[name] = {code for call in calls for code in call if code}
    assert asked_for["switches.js"] == set(SWITCHES)
    assert asked_for["page.js"] | given == {code for code in CHARTS if not code.startswith("series.")}
    assert set(STEP_NAMES) <= given


def test_words__the_scripts_of_the_page_that_answers_ask_for_codes_that_exist():
    written = "".join(path.read_text(encoding="utf-8") for path in BROWSER.glob("*.js"))
    codes = set(re.findall(r'"((?:\w+\.)?\w+)"', written))
    made = {"heat.exact", "heat.occlusion"} | {
        f"refused.{code}" for code in REFUSALS
    }  # by a method, by a server's code
    assert set(SPOKEN) == (codes & set(SPOKEN)) | made
    dotted = {code for code in codes if re.match(r"(heat|tests?|refused)\.", code)}
    asked_for = dotted | {code for call in re.findall(ASKED_BOTH, written) for code in call if code}
    assert asked_for <= set(SPOKEN)


def test_words__no_script_has_a_text_of_its_own():
    for path in (FOLDER / "switches.js", FOLDER / "page.js", *BROWSER.glob("*.js")):
        assert not re.search("[一-鿿]", path.read_text(encoding="utf-8").replace('"中文"', "")), path.name


def test_words__severities_and_outcomes_have_codes():
    assert {f"severity.{one}" for one in get_args(Severity)} <= set(AUDIT)
    assert {f"outcome.{one}" for one in get_args(Outcome)} <= set(AUDIT)


def test_both__the_word_follows_the_count():
    text = Words("{n} {n:picture was|pictures were} found", "{n} 张图片")
    assert "1 picture was found" in both(text, n=1)
    assert "2,000 pictures were found" in both(text, n=2000)
    assert "2,000 张图片" in both(text, n=2000)


def layouts():
    """Every name of a layout in the code that reads data."""
    for path in sorted((FOLDER.parent / "data").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield from re.findall(r'\blayout(?:: str )? ?= ?"([^"]+)"', text)
        names = re.findall(r"(?:\b_plan\(|\blayout=)(_?[A-Z][A-Z_]+)", text)
        yield from (getattr(importlib.import_module(f"tellapart.data.{path.stem}"), name) for name in names)


def test_named__every_layout_has_a_name_in_chinese():
    found = set(layouts())
    assert {"folders", "folders, classes at the bottom", "image folder", "manifest", "idx"} <= found
    tools = {"COCO", "CVAT", "Label Studio", "MegaDetector", "Pascal VOC", "YOLO", "labelme"}
    assert found - set(labels.VALUES) == tools
    assert all(re.search("[一-鿿]", labels.VALUES[layout].zh) for layout in found & set(labels.VALUES) - {"idx"})
    assert labels.named("split folders, in archive").zh == "按子集分的文件夹，位于 archive"
