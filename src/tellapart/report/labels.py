"""The names of what the page lists, in both languages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from markupsafe import Markup

from tellapart.report.language import Words, both, either
from tellapart.report.wording import loss, value_text
from tellapart.text import percent

Label = Markup | str

# Name, what it says, key in the metrics, how its number reads.
MEASURES: tuple[tuple[Label, Label, str, Callable[[float], str]], ...] = (
    (
        both(Words("Accuracy", "准确率")),
        both(Words("pictures classified correctly", "判断正确的图片")),
        "accuracy",
        percent,
    ),
    (
        both(Words("Balanced accuracy", "均衡准确率")),
        both(Words("the same, with every class counting alike", "同上，但每个类别权重相同")),
        "balanced_accuracy",
        percent,
    ),
    (
        both(Words("Log loss", "对数损失")),
        both(Words("0 is perfect; confident mistakes cost most", "0 为最好；越自信的错误代价越大")),
        "log_loss",
        loss,
    ),
    (
        both(Words("Brier score", "Brier 分数")),
        both(Words("0 is perfect; 2 is fully confident and always wrong", "0 为最好；2 表示十分确信却总是错")),
        "brier",
        loss,
    ),
    (
        both(Words("Calibration error", "校准误差")),
        both(Words("how far “90 % confident” is from right nine times in ten", "“90 % 确信”与十次中对九次相差多远")),
        "ece",
        percent,
    ),
)
# Settings and choices of recipes, by their names in metrics.json.
SETTINGS: Mapping[str, Words] = {
    "head": Words("Kind of head", "分类头的类型"),
    "depths": Words("Depths of the base", "使用的基础网络层"),
    "scale": Words("What columns are divided by", "各列的缩放方式"),
    "l2": Words("L2 strength", "L2 强度"),
    "criterion": Words("Criterion", "选择标准"),
    "score": Words("Its value", "标准的值"),
    "accuracy": Words("Accuracy there, perhaps flattered by the choice", "当时的准确率（可能因挑选而偏高）"),
    "always_trained": Words(
        "Pictures that always train and are never scored: their class has no other picture or group",
        "始终用于训练、从不计分的图片：其类别没有别的图片或组",
    ),
    "effective_settings": Words(
        "Independent settings that valid chose among; the promise counts them",
        "验证集从中选择的独立设置数；承诺已将其计入",
    ),
    "note": Words("Remark", "备注"),
    "prior_taken_out": Words("Class shares taken out of the scores", "从得分中扣除的类别比例"),
    "prior_scores": Words("Balanced log loss of each", "各自的均衡对数损失"),
    "recipe": Words("Recipe taken", "采用的方案"),
    "auto": Words("What else was tried", "其他尝试"),
    "log_loss": Words("log loss on valid", "验证集对数损失"),
    "seconds": Words("seconds", "秒数"),
    "chosen_by": Words("Judged by", "判断依据"),
    "out_of": Words("Out of", "备选"),
    "net": Words("Net", "网络"),
    "size": Words("Side of its input, pixels", "输入边长（像素）"),
    "parameters": Words("Parameters", "参数个数"),
    "trained_from": Words("Trained from", "训练起点（层）"),
    "trained_share": Words("Share of the work that trains", "参与训练的计算量占比"),
    "frozen_depths": Words("Depths that stay frozen", "保持冻结的层"),
    "views": Words("Views of each picture", "每张图片的视图数"),
    "augmented_views": Words("Augmented views of each picture", "每张图片的增强视图数"),
    "augmentation": Words("Augmentation", "数据增强"),
    "left_out": Words("Left out of it", "未采用的增强"),
    "training": Words("Training", "训练设置"),
    "diverged": Words("Training diverged", "训练发散"),
    "head_rate": Words("Learning rate of the head, relative", "分类头的相对学习率"),
    "dropout": Words("Dropout", "Dropout"),
    "epoch": Words("Epoch", "轮次"),
    "way": Words("Part of the way kept", "保留的训练幅度"),
    "start_score": Words("Its value before training", "训练前标准的值"),
    "start": Words("First head", "初始分类头"),
    "scores": Words("Values compared", "比较的值"),
    "device": Words("Computed on", "计算设备"),
    "precision": Words("Precision", "精度"),
    "threads": Words("Threads", "线程数"),
    "class_weights": Words("Classes weighted in the loss", "损失按类别加权"),
    "rotation": Words("rotation in degrees", "旋转（度）"),
    "width_shift": Words("shift to a side", "水平平移"),
    "height_shift": Words("shift up or down", "垂直平移"),
    "shear": Words("shear in degrees", "剪切（度）"),
    "zoom": Words("zoom", "缩放"),
    "horizontal_flip": Words("mirrored", "水平翻转"),
    "vertical_flip": Words("upside down", "垂直翻转"),
    "fill": Words("filled with", "填充方式"),
    "brightness": Words("brightness", "亮度"),
    "contrast": Words("contrast", "对比度"),
    "epochs": Words("epochs", "轮数"),
    "batch": Words("batch size", "批大小"),
    "learning_rate": Words("learning rate", "学习率"),
    "optimiser": Words("optimiser", "优化器"),
    "weight_decay": Words("weight decay", "权重衰减"),
    "warm_up": Words("warm-up in epochs", "预热轮数"),
    "constant": Words("constant rate", "学习率保持不变"),
    "label_smoothing": Words("label smoothing", "标签平滑"),
    "mix": Words("mixing", "混合"),
    "clip": Words("gradients clipped at", "梯度裁剪"),
    "average": Words("decay of the weight average", "权重平均的衰减"),
    "patience": Words("patience in epochs", "提前停止的耐心轮数"),
}
CHOICES: Mapping[str, Label] = {key: both(words) for key, words in SETTINGS.items()}
# What is promised of the answers that are given: by whether it is what was asked for, and why not where it is not.
PROMISES = {
    "kept": Words(
        "With 95 % confidence, at most {error} of these answers are wrong.",
        "以 95 % 的置信度，这些回答中错误至多 {error}。",
    ),
    "few": Words(
        "With 95 % confidence, at most {error} of these answers are wrong. {asked} was asked for, which takes {needed} "
        "held-out pictures, where of a group only one counts; there {pictures:is|are} {pictures}.",
        "以 95 % 的置信度，这些回答中错误至多 {error}。要求的是 {asked}，为此需要 {needed} 张未参与训练的图片"
        "（同组只算一张）；现有 {pictures} 张。",
    ),
    "mistakes": Words(
        "With 95 % confidence, at most {error} of these answers are wrong. {asked} was asked for; there are too many "
        "confident mistakes for that.",
        "以 95 % 的置信度，这些回答中错误至多 {error}。要求的是 {asked}；自信的错误太多，无法承诺。",
    ),
    "costs": Words(
        "The costs set when a person is asked. With 95 % confidence, at most {error} of these answers are wrong.",
        "何时交给人由代价决定。以 95 % 的置信度，这些回答中错误至多 {error}。",
    ),
    "costless": Words(
        "By these costs no answer can be relied on: a person costs less.",
        "按这些代价，没有回答可以采信：交给人代价更小。",
    ),
    "weak": Words(
        "That is too many to rely on: have each of them looked at.", "这个比例太高，不能直接采信：请逐个复核。"
    ),
    "none": Words(
        "{pictures} held-out {pictures:picture is|pictures are} too few to promise anything about these answers; of a "
        "group only one counts.",
        "未参与训练的图片只有 {pictures} 张（同组只算一张），太少，无法对这些回答作出承诺。",
    ),
}
# What a probability means where the log shares of the classes were taken out of the scores, by how much of them.
PRIORS = {
    1.0: Words(
        "Classes were unequal in training, and their shares were taken out of the scores: a probability is that of a "
        "world in which all classes are equally frequent.",
        "训练时各类别图片数相差悬殊，其比例已从得分中扣除：概率对应于各类别同样常见的情形。",
    ),
    0.5: Words(
        "Classes were unequal in training, and half of the log of their shares was taken out of the scores: a "
        "probability is that of a world in which they are nearer to equal.",
        "训练时各类别图片数相差悬殊，其对数比例的一半已从得分中扣除：概率对应于各类别较为均衡的情形。",
    ),
}
# The titles of findings by their codes, which never change; their messages are in finding_words.
FINDINGS = {
    "skipped": "被跳过的文件",
    "unreadable": "无法读取的图片",
    "converted": "需要转换的图片",
    "conflicting-labels": "同一图片属于两个类别",
    "cross-split-leaks": "同一图片出现在两个子集中",
    "exact-duplicates": "完全相同的副本",
    "near-duplicates": "近似副本",
    "tiny-classes": "图片很少的类别",
    "imbalance": "类别大小相差悬殊",
    "metadata": "文件属性泄露类别",
    "suspects": "可能有误的标签",
    "near-empty": "几乎空白的图片",
    "dark": "几乎全黑的图片",
    "blown-out": "几乎全白的图片",
    "blurred": "模糊的图片",
}
TIMES = {
    "scan_s": both(Words("Find the pictures", "查找图片")),
    "decode_s": both(Words("Read and decode", "读取与解码")),
    "embed_s": both(Words("Look at the pictures", "查看图片")),
    "findings_s": both(Words("Look for flaws in the data", "检查数据缺陷")),
    "duplicates_s": both(Words("Look for duplicates", "查找重复图片")),
    "head_s": both(Words("Train the head or the net", "训练分类头或网络")),
    "evaluate_s": both(Words("Evaluate", "评估")),
    "write_s": both(Words("Write the results", "写出结果")),
    "analyse_s": both(Words("Learning curve, suspects, heat maps", "学习曲线、可疑标签与热力图")),
    "earlier_s": both(Words("Epochs that were trained before a stop", "中断之前训练的轮次")),
    "total_s": both(Words("In all", "总计")),
}
OPTIONAL = frozenset({"analyse_s", "duplicates_s", "earlier_s", "findings_s"})  # not every run has it
SPEED = {
    "images_per_s": both(Words("Pictures a second", "每秒图片数")),
    "fresh": both(Words("Pictures not in the cache", "不在缓存中的图片")),
}
MEMORY = both(Words("Most memory", "内存峰值"))
SURROUNDINGS = {
    "python": both(Words("Python", "Python")),
    "platform": both(Words("System", "系统")),
    "cpu": both(Words("CPU", "CPU")),
    "cpu_features": both(Words("CPU features", "CPU 特性")),
    "threads": both(Words("Threads", "线程数")),
    "precision": both(Words("Precision", "精度")),
}


# Values that a run writes by a word of its own.
VALUES: Mapping[str, Words] = {
    "log loss": Words("log loss", "对数损失"),
    "log loss after calibration": Words("log loss after calibration", "校准后的对数损失"),
    "valid": Words("valid", "验证集"),
    "leave-one-out": Words("training pictures left out one at a time", "逐一留出的训练图片"),
    "ridge": Words("ridge regression in closed form", "闭式岭回归"),
    "logistic": Words("logistic regression", "逻辑回归"),
    "default": Words("default", "默认"),
    "all": Words("all", "全部"),
    "own": Words("each by its own deviation", "各列除以自身的标准差"),
    "common": Words("all by one typical deviation", "各列除以同一个典型标准差"),
    "last": Words("last", "最后一层"),
    "all with maximum": Words("all, with maxima", "全部，加最大值"),
    "all with deviation": Words("all, with deviations", "全部，加标准差"),
    "folders": Words("folders", "文件夹"),
    "split folders": Words("split folders", "按子集分的文件夹"),
    "class folders with split folders inside": Words("class folders with split folders inside", "类别文件夹内按子集分"),
    "folders, classes at the bottom": Words("folders, classes at the bottom", "文件夹，最内层为类别"),
    "image folder": Words("image folder", "图片文件夹（metadata）"),
    "manifest": Words("manifest", "清单"),
    "paths": Words("paths", "路径"),
    "idx": Words("IDX", "IDX"),
    "used": Words("used", "使用"),
    "converted": Words("converted", "转换"),
    "skipped": Words("skipped", "跳过"),
    "nearest": Words("the border repeated", "重复边缘"),
}
INSIDE = re.compile(r"(.+), in (.+)")  # a layout, and the one folder of the data that all of it lies in
FOLDS = re.compile(r"(\d+)-fold cross-validation")


def rows(values: Mapping[str, Any], labels: Mapping[str, Label]) -> list[tuple[Label, Label]]:
    """(label, text) of every entry; a key without a label of its own is its own label, with spaces."""
    return [(labels.get(key, value_text(key).replace("_", " ")), value_label(value)) for key, value in values.items()]


def value_label(value: object) -> Label:
    """A value of a run's documents as it stands in the page, in both languages where they differ."""
    text = named(value)
    return text.en if text.en == text.zh else either(text.en, text.zh)


def named(value: object) -> Words:
    """The same as words; what has no name in VALUES is the same in both languages."""
    match value:
        case Words():
            return value
        case bool():
            return Words("yes", "是") if value else Words("no", "否")
        case str():
            return _named_text(value)
        case Mapping():
            return _named_mapping(value)
        case list() | tuple():
            return _named_items(value)
        case _:
            return Words(value_text(value), value_text(value))


def _named_items(values: list[Any] | tuple[Any, ...]) -> Words:
    if not values:
        return Words("none", "无")
    items = [named(value) for value in values]
    if all(isinstance(value, Mapping) for value in values):  # sentences
        return Words(" ".join(item.en for item in items), "".join(item.zh for item in items))
    return Words(", ".join(item.en for item in items), "、".join(item.zh for item in items))


def _named_mapping(value: Mapping[Any, Any]) -> Words:
    """A text in both languages that came with the run, or settings inside a setting."""
    if set(value) == {"en", "zh"}:
        return Words(value_text(value["en"]), value_text(value["zh"]))
    pairs = [(_setting(str(key)), named(item)) for key, item in value.items() if item is not None]
    english = "; ".join(f"{name.en}: {item.en}" for name, item in pairs)
    return Words(english, "；".join(f"{name.zh}：{item.zh}" for name, item in pairs))


def _setting(key: str) -> Words:
    """The name of a setting inside another; what has none is its own name, with spaces."""
    unnamed = value_text(key).replace("_", " ")
    words = SETTINGS.get(key, Words(unnamed, unnamed))
    return words if words.en[1:2].isdigit() else replace(words, en=words.en[:1].lower() + words.en[1:])


def _named_text(value: str) -> Words:
    if value in VALUES:
        return VALUES[value]
    if (inside := INSIDE.fullmatch(value)) and inside[1] in VALUES:
        layout, folder = VALUES[inside[1]], value_text(inside[2])
        return Words(f"{layout.en}, in {folder}", f"{layout.zh}，位于 {folder}")
    if folds := FOLDS.fullmatch(value):
        return Words(value, f"{folds[1]} 折交叉验证")
    return Words(value_text(value), value_text(value))


def out_of(value: object, alternatives: object) -> Words:
    """A choice with what it was chosen from."""
    one, all_of_them = named(value), named(alternatives)
    return Words(f"{one.en} (out of {all_of_them.en})", f"{one.zh}（备选：{all_of_them.zh}）")
