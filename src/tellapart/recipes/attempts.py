"""What became of each recipe that `auto` had in mind, in both languages of the page."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tellapart.text import counted

Sentence = Mapping[str, str]  # a text by the language it is in: "en", "zh"

NOT_TRIED: Final[Sentence] = MappingProxyType(
    {"en": "{recipe} was not tried: {why}.", "zh": "未尝试 {recipe}：{why}。"}
)
INTERVAL: Final[Sentence] = MappingProxyType(
    {"en": "95 % interval {low:.3f} to {high:.3f}, ", "zh": "95 % 区间 {low:.3f} 至 {high:.3f}，"}
)
VERDICT: Final[Sentence] = MappingProxyType(
    {
        "en": "{recipe} {taken}: on {counted} the log loss is {gain:.3f} {way} than that of {rival} "
        "({interval}{sure}); it corrects {corrects:,} and breaks {breaks:,} (p = {p:.3f}).",
        "zh": "{taken} {recipe}：在验证集的 {count:,} 张图片上，其对数损失比 {rival} {way} {gain:.3f}"
        "（{interval}{sure}）；改对 {corrects:,} 张，改错 {breaks:,} 张（p = {p:.3f}）。",
    }
)


def not_installed(recipe: str, module: str) -> Sentence:
    install = "pip install 'tellapart[torch]'"
    return not_tried(recipe, f"{module} is not installed ({install})", f"未安装 {module}（{install}）")


def no_budget(recipe: str) -> Sentence:
    return not_tried(recipe, "the budget is 0", "时间预算为 0")


def no_larger(recipe: str) -> Sentence:
    english = "the last step to larger ones did not help, or there is none"
    return not_tried(recipe, english, "上一次放大没有帮助，或已没有更大的尺寸")


def no_gain_in_sight(recipe: str) -> Sentence:
    english = "no valid picture is misclassified, so no gain could be seen"
    return not_tried(recipe, english, "验证集没有判断错误的图片，看不出改进")


def too_long(recipe: str, *, minutes: float, left: float) -> Sentence:
    """It would take longer, in minutes, than the budget leaves."""
    english = f"it would take about {minutes:.1f} minutes, and the budget leaves {left:.1f}"
    return not_tried(recipe, english, f"约需 {minutes:.1f} 分钟，而时间预算只剩 {left:.1f} 分钟")


def not_tried(recipe: str, english: str, chinese: str) -> Sentence:
    return {
        "en": NOT_TRIED["en"].format(recipe=recipe, why=english),
        "zh": NOT_TRIED["zh"].format(recipe=recipe, why=chinese),
    }


def comparison_sentence(
    recipe: str, rival: str, *, gain: float, margin: float | None, count: int, changed: tuple[int, int], p: float
) -> Sentence:
    """A recipe that was trained, against the one that was taken before it.

    Args:
        recipe: its name.
        rival: that of the other.
        gain: by how much the log loss is lower, the mean over `count` valid pictures.
        margin: half of the 95 % interval of the gain; None for a single picture. What is said to be higher by so much
            has the interval of that.
        count: how many valid pictures both were asked about.
        changed: how many answers it corrects, and how many it breaks.
        p: of McNemar's exact test of those.
    """
    better, sure = gain > 0, margin is not None and abs(gain) > margin
    off = abs(gain)
    words = {
        "en": {
            "taken": "is taken" if better else "is not taken",
            "way": "lower" if better else "higher",
            "sure": "more than chance" if sure else "which may be chance",
        },
        "zh": {
            "taken": "采用" if better else "未采用",
            "way": "低" if better else "高",
            "sure": "不只是偶然" if sure else "可能只是偶然",
        },
    }
    values = {"recipe": recipe, "rival": rival, "gain": off, "count": count, "p": p}
    values |= {"counted": counted(count, "valid picture"), "corrects": changed[0], "breaks": changed[1]}
    return {
        language: VERDICT[language].format(
            **values,
            **texts,
            interval="" if margin is None else INTERVAL[language].format(low=off - margin, high=off + margin),
        )
        for language, texts in words.items()
    }
