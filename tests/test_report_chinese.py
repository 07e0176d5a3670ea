"""The whole page in Chinese: what a reader sees holds no English word but names."""

import re

import pytest

from chinese_page import english_left
from metrics_documents import metrics_document, render
from tellapart.audit.finding import Item, found, not_applicable, passed
from tellapart.report import audit_page, labels
from tellapart.report.evidence import Answer, Evidence, SuspectCard
from tellapart.report.language import Words
from tellapart.report.reason_words import reason
from tellapart.runs import analysis

CLASSES = ("甲", "乙", "丙")


def full_evidence():
    answers = tuple(
        Answer(path=f"{n}.png", label=n % 3, predicted=n % 2, probabilities=(0.4, 0.35, 0.25), unsure=True, unlike=True)
        for n in range(60)
    )
    point = {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}}
    points = [
        {"n": n, **point, "per_class": [{"class": name, "n": 9, "recall": {"value": 0.5}} for name in CLASSES]}
        for n in (50, 100)
    ]
    advice = {"sentence": {"en": "More pictures will help.", "zh": "增加图片会有帮助。"}}
    return Evidence(
        answers=answers,
        ledger=(("skipped", "原因", 2), ("converted", "原因", 3), ("used", "", 200)),
        history=tuple({"epoch": n, "train_loss": 1 / n} for n in (1, 2, 3)),
        analysis={"learning_curve": {"points": points, "advice": advice}, "checked": {"pictures": 5, "of": 9}},
        suspects=(SuspectCard(path="1.png", given=0, suggested=1, given_share=0.02, suggested_share=0.97),),
    )


def full_document(**selected):
    document = metrics_document(CLASSES)
    promise = {"error": 0.05, "asked": 0.01, "kept": False, "pictures": 80, "needed": 299, "sentence": "English."}
    share = {"value": 0.8, "low": 0.7, "high": 0.9}
    document["test"]["selective"] = {"answered": 300, "wrong": 4, "coverage": share, "error": share, "unlike": share}
    document["thresholds"] = {"unsure": 0.6, "unlike": None, "promise": promise}
    document["selected"] |= selected
    return document


@pytest.mark.parametrize("evidence", [Evidence(), full_evidence()], ids=["bare", "full"])
def test_report__no_english_but_names(evidence):
    assert english_left(render(full_document(), evidence)) == []


@pytest.mark.parametrize(
    "selected",
    [
        {"chosen_by": "5-fold cross-validation", "criterion": "log loss after calibration"},
        {"chosen_by": "default", "score": None, "scores": {"1": 0.5}, "threads": 2, "head_rate": 10, "dropout": 0.2},
    ],
)
def test_report__choices_are_said_in_chinese(selected):
    assert english_left(render(full_document(**selected))) == []


@pytest.mark.parametrize(
    ("value", "english", "chinese"),
    [
        (True, "yes", "是"),
        (["last", "all"], "last, all", "最后一层、全部"),
        ("10-fold cross-validation", "10-fold cross-validation", "10 折交叉验证"),
        (0.25, "0.25", "0.25"),
        ([], "none", "无"),
        (
            {"epochs": 3, "patience": None, "constant": False},
            "epochs: 3; constant rate: no",
            "轮数：3；学习率保持不变：否",
        ),
        ("unheard of", "unheard of", "unheard of"),
    ],
)
def test_named__values_of_a_run(value, english, chinese):
    assert labels.named(value) == Words(english, chinese)


def test_audit__no_english_but_names():
    items = [Item(paths=("1.png",), text="95 % darker", details={"score": 0.5})]
    findings = [
        found("dark", "warning", "English.", advice="More.", items=items * 30, facts={"bad": 3, "pictures": 50}),
        passed("converted", "note", "English too."),
        not_applicable("imbalance", "warning", "And here."),
    ]
    document = {"tellapart": "0", "command": "tellapart audit data", "seed": 0, "backbone": "lite0", "seconds": 1.0}
    document |= {"data": {"name": "数据"}, "classes": ["甲"], "pictures": {"used": 4, "converted": 0, "skipped": 1}}
    document["findings"] = [finding.to_json() for finding in findings]
    assert english_left(audit_page.render_audit(document, thumbnails={})) == []


def test_english_left__finds_a_word():
    assert english_left('<p>甲 <span lang="en">word</span><span lang="zh">some 字</span></p>') == ["some 字"]


@pytest.mark.parametrize(
    "why",
    [
        analysis.NO_HEAD,
        analysis.CLOSED_FORM,
        "some of its pictures can no longer be read",
        "1,200 of the 1,764 pictures of train and valid cannot be found any more",
        "1 of the 1 picture of train and valid cannot be found any more",
        "the run does not say where its data was; --data names it",
        "there is far more than its data where it says that was (/数据); --data names the place",
        "the data is no longer where it was (no such file: /数据); --data names another place",
        "the data is not where --data says (no such file: /数据)",
        "none of them is where it was; --data names another place",
        "they lie outside /数据; --data with that place has them read where links lead",
    ],
)
def test_reason__what_a_page_lacks_is_said_in_chinese(why):
    words = reason(why)
    assert words.en == why
    assert re.search("[一-鿿]", words.zh)
    assert not re.search("[A-Za-z]", words.zh.replace("--data", ""))


def test_render__says_in_chinese_why_there_is_no_learning_curve():
    page = render(metrics_document(CLASSES), Evidence(analysis={"note": analysis.NO_HEAD}, without="/数据 <b> moved"))
    assert "训练的是网络本身" in page
    assert "<bdi>/数据 &lt;b&gt; moved</bdi>" in page
