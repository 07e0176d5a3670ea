"""What report.html says of who has seen the test pictures, or their like, before: this model, or others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tellapart.report.language import Words

SEEN_PAGE: Final[Mapping[str, Words]] = {
    "interval": Words(
        "Between {low} and {high} with 95 % confidence, on {pictures} {pictures:picture|pictures} that took "
        "no part in training or in any choice.",
        "95 % 置信区间为 {low} 到 {high}；这 {pictures} 张图片没有参与训练或任何选择。",
    ),
    "correct": Words(
        "{right} of {pictures} {pictures:picture|pictures} that it had never seen were classified correctly.",
        "从未见过的 {pictures} 张图片中，{right} 张判断正确。",
    ),
    "test_uses": Words(
        "These test pictures have scored {runs} different models here.",
        "在本机上，已有 {runs} 个不同的模型用这些测试图片评分。",
    ),
    "flattery": Words(
        "The best of them looks up to {share} better than it is, if it was chosen by this figure.",
        "若据此数字挑选，其中最好的一个看上去至多比实际好 {share}。",
    ),
    "grouped": Words(
        "{groups} {groups:group|groups} of pictures that belong together: none was on both sides, in learning and in "
        "the test, and the intervals take into account that its pictures err together.",
        "有 {groups} 组相互关联的图片：没有一组同时出现在学习与测试两边，区间也计入了同组图片会一起出错。",
    ),
    "leaked.interval": Words(
        "Between {low} and {high} with 95 % confidence, on {pictures} {pictures:picture|pictures}.",
        "95 % 置信区间为 {low} 到 {high}，共 {pictures} 张图片。",
    ),
    "leaked.correct": Words(
        "{right} of {pictures} {pictures:picture|pictures} were classified correctly.",
        "{pictures} 张图片中，{right} 张判断正确。",
    ),
    "leaked.some": Words(
        "{leaked} of them {leaked:has|have} a near-duplicate, or one of the same group, in train or valid, so this "
        "figure flatters. Of the {pictures} {pictures:other|others} {share} {pictures:is|are} correct "
        "({low} to {high}).",
        "其中 {leaked} 张在训练集或验证集中有近似副本或同组图片，因此这个数字偏高。"
        "其余 {pictures} 张的准确率为 {share}（{low} 到 {high}）。",
    ),
    "leaked.no_matter": Words(
        "{leaked} of them {leaked:has|have} a near-duplicate, or one of the same group, in train or valid. Of the "
        "{pictures} {pictures:other|others} {share} {pictures:is|are} correct ({low} to {high}).",
        "其中 {leaked} 张在训练集或验证集中有近似副本或同组图片。"
        "其余 {pictures} 张的准确率为 {share}（{low} 到 {high}）。",
    ),
    "leaked.all": Words(
        "Each of them has a near-duplicate, or one of the same group, in train or valid: this figure says little.",
        "每一张在训练集或验证集中都有近似副本或同组图片：这个数字说明不了什么。",
    ),
}
