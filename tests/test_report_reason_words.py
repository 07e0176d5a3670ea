"""Reasons of the ledger in Chinese: every one that the code gives has a pattern."""

import ast
from pathlib import Path

import pytest

import tellapart
from tellapart.data.rgb import beyond_white
from tellapart.data.set_folders import NOT_LISTED, NOT_READ
from tellapart.report.reason_words import BETWEEN, reason

PACKAGE = Path(tellapart.__file__).parent
RAISED = {"PictureError", "OutsideError"}


def text_of(node):
    """A literal text with 7 for every value in it; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join("7" if isinstance(part, ast.FormattedValue) else part.value for part in node.values)
    return None


def reasons():
    """Every text that a picture of a folder is refused with."""
    for path in sorted((PACKAGE / "data").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            raised = isinstance(node, ast.Call) and getattr(node.func, "id", "") in RAISED and node.args
            if raised and (text := text_of(node.args[0])) is not None:
                yield f"{path.stem}: {text}"


@pytest.mark.parametrize("found", sorted(set(reasons())))
def test_reason__whatever_a_picture_is_refused_with_is_said_in_chinese(found):
    for clause in found.partition(": ")[2].split(BETWEEN):
        assert reason(clause).zh != clause


def test_reason__there_are_reasons_to_look_at():
    assert len(set(reasons())) > 20


def test_reason__names_and_numbers_are_carried_over():
    told = reason(f"turned upright (EXIF orientation 6){BETWEEN}the same file as train/猫/1 (2).png")
    assert told.zh == "已转正（EXIF 方向 6）；与 train/猫/1 (2).png 是同一文件"
    assert told.en == "turned upright (EXIF orientation 6); the same file as train/猫/1 (2).png"


@pytest.mark.parametrize(
    "clause",
    [
        *("end marker added", "damaged text left out", "page 2, of which the first is a preview"),
        *("the same box as a.png", beyond_white(1023)),
    ],
)
def test_reason__what_was_mended_is_said_in_chinese(clause):
    assert reason(clause).zh != clause


def test_reason__what_no_pattern_knows_stands_as_it_is():
    assert reason("eaten by the dog").zh == "eaten by the dog"


@pytest.mark.parametrize("how", ["its like is a, b.png", "near-duplicate of a, b.png, or of its group"])
def test_reason__leaks_left_out_of_test_now_and_in_older_runs(how):
    said = reason(f"left out of test: {how}, in train or valid").zh
    assert said == "不计入测试集：a, b.png 与其相似，且在训练集或验证集中"


@pytest.mark.parametrize("clause", [NOT_READ, NOT_LISTED, "in none of ImageSets/Main/train.txt, val.txt"])
def test_reason__what_is_left_out_of_a_set_of_boxes_is_said_in_chinese(clause):
    assert reason(clause).zh != clause
