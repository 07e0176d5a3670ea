"""What to do next, in one sentence: more pictures, of which class, or better labels.

Legend: K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tellapart.evaluation.intervals import wilson
from tellapart.heads.prior import rare_classes
from tellapart.text import counted

WORTH_IT = 0.005  # half a point of accuracy for twice the pictures: below, nobody should go out and photograph
SUSPECT_SHARE = 0.01  # of the training labels
FOUND = 0.9  # of its pictures, by the low end of the interval: a rare class of which this is shown needs no more
FEWEST = 3  # errors, or suspects, below which nothing is said of a class or pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """Labels of train that look wrong."""

    pairs: tuple[tuple[int, int], ...]  # (given, suggested) positions of the classes, one for each suspect
    checked: int  # how many labels were looked at

    @property
    def share(self) -> float:
        return len(self.pairs) / self.checked if self.checked else 0.0


def advise(
    law: Mapping[str, Any] | None,
    *,
    classes: Sequence[str],
    errors: Sequence[int],
    train_counts: Sequence[int],
    valid_counts: Sequence[int] = (),
    suspicion: Suspicion | None = None,
) -> dict[str, Any]:
    """What to do next, ready for JSON, by the law of `fit_power_law`, errors on valid [K] and pictures in train [K].

    With the pictures of valid [K], a rare class that is not shown to be found is named whatever the curve says: it is
    drawn over all pictures, and says nothing of a class that hardly counts among them.

    Labels come first where at least one in a hundred looks wrong, since more pictures with such labels inherit the
    fault. Then more pictures, if twice as many promise half a point and the curve is surely falling. Where even the
    hopeful end of the forecast is below half a point, the pictures are enough; else the curve cannot tell.

    Returns:
        `code`: better_labels, more_pictures, enough, cannot_tell or too_few; `class`: of which class first, or None;
        `pair`: [given, suggested], the pair of classes whose labels are most often in doubt, or None; `gain`: what
        twice the pictures promise {value, low, high}, or None; `suspects`: how many labels look wrong, or None;
        `rare`: {class, pictures, largest, largest_pictures}, or None; `sentence` {en, zh}.
    """
    gain = law["doubled"]["gain"] if law else None
    rare = _rare_class(classes, errors, train_counts, valid_counts)
    name = rare["class"] if rare else _class_to_feed(classes, errors, train_counts)
    pair = _doubted_pair(classes, suspicion)
    code = _code(law, suspicion)
    facts = {
        "code": code,
        "class": name if code == "more_pictures" else None,
        "pair": pair if code == "better_labels" else None,
        "gain": dict(gain) if gain else None,
        "suspects": len(suspicion.pairs) if suspicion else None,
        "rare": rare,
    }
    return {
        **facts,
        "sentence": {"en": _english(facts) + _rare_english(rare), "zh": _chinese(facts) + _rare_chinese(rare)},
    }


def _code(law: Mapping[str, Any] | None, suspicion: Suspicion | None) -> str:
    doubted = suspicion is not None and len(suspicion.pairs) >= FEWEST and suspicion.share >= SUSPECT_SHARE
    if doubted:
        return "better_labels"
    if law is None:
        return "too_few"
    gain = law["doubled"]["gain"]
    if gain["value"] >= WORTH_IT and law["exponent"]["low"] > 0:
        return "more_pictures"
    return "enough" if gain["high"] < WORTH_IT else "cannot_tell"


def _class_to_feed(classes: Sequence[str], errors: Sequence[int], train_counts: Sequence[int]) -> str | None:
    """The class with most errors for each training picture it has: where one more picture helps most."""
    rates = [
        (wrong / count if count else float("inf"), name)
        for name, wrong, count in zip(classes, errors, train_counts, strict=True)
        if wrong >= FEWEST
    ]
    return max(rates, key=lambda rate: rate[0])[1] if rates else None


def _rare_class(
    classes: Sequence[str], errors: Sequence[int], train_counts: Sequence[int], valid_counts: Sequence[int]
) -> dict[str, Any] | None:
    """The rarest class of those that valid does not show to be found, where classes are unequal; else None."""
    rare = rare_classes(np.array(train_counts, np.int64))
    places = [
        place
        for place, (wrong, shown) in enumerate(zip(errors, valid_counts, strict=False))
        if rare[place] and (wilson(shown - wrong, shown).low or 0.0) < FOUND
    ]
    if not places:
        return None
    place, largest = min(places, key=lambda place: train_counts[place]), int(np.argmax(train_counts))
    return {
        "class": classes[place],
        "pictures": int(train_counts[place]),
        "largest": classes[largest],
        "largest_pictures": int(train_counts[largest]),
    }


def _doubted_pair(classes: Sequence[str], suspicion: Suspicion | None) -> list[str] | None:
    """The pair of classes, given and suggested, that most suspects are of."""
    counts: dict[tuple[int, int], int] = {}
    for pair in suspicion.pairs if suspicion else ():
        counts[pair] = counts.get(pair, 0) + 1
    best = max(counts, key=lambda pair: counts[pair], default=None)
    if best is None or counts[best] < FEWEST:
        return None
    return [classes[place] for place in best]


def _english(facts: Mapping[str, Any]) -> str:
    gain = facts["gain"]
    promise = f"twice the training pictures promise {_points(gain['value'])} points of accuracy" if gain else ""
    span = f" ({_points(gain['low'])} to {_points(gain['high'])})" if gain else ""
    suspects = counted(facts["suspects"] or 0, "training picture looks", "training pictures look")
    sentences = {
        "better_labels": (
            f"Check the labels first: {suspects} mislabelled"
            + (f", most often {facts['pair'][1]} filed as {facts['pair'][0]}" if facts["pair"] else "")
            + (f". After that, {promise}{span}." if gain else ".")
        ),
        "more_pictures": (
            f"More pictures will help: {promise}{span}"
            + (f"; begin with {facts['class']}, where one more picture helps most." if facts["class"] else ".")
        ),
        "enough": (
            f"More of the same pictures will hardly help: {promise}{span}. Look at the misclassified pictures instead."
        ),
        "cannot_tell": "There are too few pictures to tell whether more of them would help.",
        "too_few": "There are too few pictures to draw a learning curve; add pictures of every class.",
    }
    return sentences[facts["code"]]


def _chinese(facts: Mapping[str, Any]) -> str:
    gain = facts["gain"]
    promise = f"训练图片增加一倍，准确率预计提高 {_points(gain['value'])} 个百分点" if gain else ""
    span = f"（{_points(gain['low'])} 至 {_points(gain['high'])}）" if gain else ""
    sentences = {
        "better_labels": (
            f"请先检查标注：有 {facts['suspects']} 张训练图片的标注可疑"
            + (f"，最常见的是把“{facts['pair'][1]}”归入“{facts['pair'][0]}”" if facts["pair"] else "")
            + (f"。之后，{promise}{span}。" if gain else "。")
        ),
        "more_pictures": (
            f"增加图片会有帮助：{promise}{span}"
            + (f"；先补充“{facts['class']}”，那里每多一张图片收益最大。" if facts["class"] else "。")
        ),
        "enough": f"同类图片再多也帮助不大：{promise}{span}。不如看看哪些图片被误判。",
        "cannot_tell": "图片太少，无法判断增加图片是否有帮助。",
        "too_few": "图片太少，画不出学习曲线；请为每个类别增加图片。",
    }
    return sentences[facts["code"]]


def _rare_english(rare: Mapping[str, Any] | None) -> str:
    if rare is None:
        return ""
    have = f"has {counted(rare['pictures'], 'picture')} to learn from, {rare['largest']} {rare['largest_pictures']:,}"
    return f" Pictures of {rare['class']} come first: it {have}."


def _rare_chinese(rare: Mapping[str, Any] | None) -> str:
    if rare is None:
        return ""
    have = f"用于学习的图片只有 {rare['pictures']} 张，而“{rare['largest']}”有 {rare['largest_pictures']:,} 张"
    return f"最需要补充的是“{rare['class']}”：{have}。"


def _points(share: float) -> str:
    """A share as percentage points with one decimal."""
    return f"{100 * share:.1f}"
