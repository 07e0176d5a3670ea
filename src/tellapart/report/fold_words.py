"""What report.html says otherwise where every picture was tested, by folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tellapart.report.language import Words

FOLD_PAGE: Final[Mapping[str, Words]] = {
    "folds.accuracy": Words("Accuracy, every picture tested", "准确率（每张图片都经过测试）"),
    "folds.balanced_title": Words("Balanced accuracy, every picture tested", "均衡准确率（每张图片都经过测试）"),
    "folds.promises_note": Words(
        "Each promise holds with 95 % confidence by itself, for pictures like these, as answered by heads that had not "
        "seen them; of twenty such promises one may be false. Groups count as one picture. Marks on this page were "
        "made by the heads that tested, each with thresholds of its own; these are the thresholds of the model.",
        "每项承诺各自以 95 % 的置信度成立，适用于与这些图片相似的图片，依据的是没有见过它们的分类头的回答；"
        "二十项中可能有一项不成立。同组图片只算一张。"
        "本页上的标记出自做测试的各个分类头，它们各有自己的阈值；这里列出的是模型的阈值。",
    ),
    "folds.interval": Words(
        "Between {low} and {high} with 95 % confidence. Every one of the {pictures} {pictures:picture|pictures} was "
        "tested by a head that had not seen it: {folds} folds. The model itself was trained on all of them.",
        "95 % 置信区间为 {low} 到 {high}。{pictures} 张图片中的每一张都由没有见过它的分类头测试：{folds} 折。"
        "模型本身则用全部图片训练。",
    ),
    "folds.uses": Words(
        "These pictures have scored {runs} different models here.", "在本机上，已有 {runs} 个不同的模型用这些图片评分。"
    ),
    "folds.own_threshold": Words(
        "The model's own was chosen so that its promise holds.", "模型自己的阈值在选定时已保证其承诺成立。"
    ),
    "folds.parity": Words(
        "The model file itself was asked about {pictures} {pictures:picture|pictures} and compared with the head in "
        "memory: {labels} with another label, {marks} with another mark, and no probability further off than "
        "{largest}. Both have learned these pictures, so this is no score.",
        "对模型文件本身用 {pictures} 张图片做了核对，并与内存中的分类头比较："
        "标签不同的 {labels} 张，标记不同的 {marks} 张，概率相差不超过 {largest}。两者都学过这些图片，所以这不是成绩。",
    ),
    "folds.note": Words(
        "All that is chosen was chosen inside each fold, from the pictures outside it. The temperature of the model "
        "is {temperature}, fitted on the answers of all folds. The intervals count {weight} of a picture for each one: "
        "answers of folds do not err independently.",
        "所有选择都在每一折内部、只用该折以外的图片作出。模型的温度为 {temperature}，在所有折的回答上拟合。"
        "计算区间时每张图片按 {weight} 张计：各折的回答并不独立。",
    ),
    "folds.heat": Words(
        "Heat maps are of the model itself, which has learned these pictures since.",
        "热力图来自模型本身，它后来学过这些图片。",
    ),
    "folds.trained": Words("trained on, each of them tested by folds", "用于训练，并逐张按折测试"),
}
