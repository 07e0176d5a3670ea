"""What report.html says of heat maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tellapart.report.language import Words

HEAT_PAGE: Final[Mapping[str, Words]] = {
    "heat.exact": Words(
        "These heat maps are exact: the mean over all places of each is the score of the predicted class.",
        "这些热力图是精确的：每幅图各处的平均值恰好等于预测类别的得分。",
    ),
    "heat.occlusion": Words(
        "These heat maps are by occlusion: parts of the picture were covered one after another, and each place has "
        "what the score of the predicted class lost by that.",
        "这些热力图用遮挡法得到：依次遮住图片的各个部分，每处的数值是遮住它时预测类别的得分减少了多少。",
    ),
    "heat.both": Words(
        "Some of these heat maps are exact, the mean over all places of each is the score of the predicted class; the "
        "others are by occlusion, parts of the picture were covered one after another, and each place has what that "
        "score lost by it.",
        "这些热力图有的是精确的，每幅图各处的平均值恰好等于预测类别的得分；其余用遮挡法得到，即依次遮住图片的各个部分，"
        "每处的数值是遮住它时该得分减少了多少。",
    ),
    "heat.scale": Words(
        "The colours of each are scaled to its own strongest place, however weak that is.",
        "每幅图的颜色按其自身最强处的大小缩放，不论那里有多弱。",
    ),
    "heat.strength": Words(
        "Strongest place {strongest}, score {score}.",
        "最强处 {strongest}，得分 {score}。",
    ),
}
