"""What report.html says of a net that was trained over epochs: its curves, and whether it has learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tellapart.report.language import Words

TRAINING_PAGE: Final[Mapping[str, Words]] = {
    "history_epochs": Words("Epoch by epoch", "逐轮训练记录"),
    "kept_note": Words(
        "The weights of epoch {epoch} of {epochs} were kept: the line and the rings mark it.",
        "保留的是 {epochs} 轮中第 {epoch} 轮的权重：竖线和圆环标出它。",
    ),
    "way_note": Words(
        "{way} of the way from where training began to the weights of epoch {epoch} of {epochs} was kept, which is as "
        "far as valid prefers; the line and the rings mark that epoch. The figures of this page are of what was kept.",
        "保留的是从训练起点到 {epochs} 轮中第 {epoch} 轮的权重这段路程的 {way}，即验证集最偏好的位置；"
        "竖线和圆环标出这一轮。"
        "本页的数字属于保留下来的权重。",
    ),
    "attempts": Words("What auto tried", "自动方案尝试了什么"),
    "attempts.recipe": Words("Recipe", "方案"),
    "attempts.loss": Words("Log loss on valid", "验证集对数损失"),
    "attempts.gain": Words("Gain", "收益"),
    "attempts.expected": Words("Seconds said", "预计秒数"),
    "attempts.took": Words("Seconds taken", "实际秒数"),
    "attempts.taken": Words("taken", "采用"),
    "kept_by": Words(
        "That epoch has the least loss on valid after calibration; the curve shows that loss as it was before.",
        "这一轮在验证集上校准后的损失最小；曲线画的是校准之前的损失。",
    ),
    "kept_by_curve": Words(
        "That epoch has the least loss on valid after calibration, which has a curve of its own.",
        "这一轮在验证集上校准后的损失最小，这一损失另有一条曲线。",
    ),
    "stopped_note": Words(
        "{planned} were planned; training ended when {patience} in a row had brought nothing better.",
        "原计划 {planned} 轮；连续 {patience} 轮没有变好，训练就结束了。",
    ),
    "train_note": Words(
        "Training loss and accuracy are means over an epoch, while the weights still move{hindered}.",
        "训练损失和训练准确率是一轮之内的平均，期间权重仍在变化{hindered}。",
    ),
    "clean_note": Words(
        "The clean ones are measured after each epoch, as those on valid are, on at most {most} training pictures as "
        "they are: where they go on and valid does not, the net is learning its pictures by heart.",
        "“无干扰”的曲线与验证集一样，在每轮之后测量，用的是至多 {most} 张未经改动的训练图片：它继续变好而"
        "验证集不再变好时，网络是在死记图片。",
    ),
    "average_note": Words(
        "Those of valid and the clean ones are of weights averaged over the steps (decay {decay}), those of training "
        "of the weights that move: with few steps an epoch the averaged ones lag behind.",
        "验证曲线和“无干扰”的曲线用的是各步权重的平均（衰减 {decay}），训练曲线用的是仍在变化的权重："
        "每轮步数很少时，平均权重会落在后面。",
    ),
    "one_epoch": Words(
        "It was trained for one epoch: curves begin with two.",
        "只训练了一轮：至少两轮才有曲线。",
    ),
    "diverged": Words(
        "The training diverged at the learning rate {rate}: its loss was many times that of guessing, and no epoch was "
        "better than guessing on valid. A lower learning rate would help.",
        "学习率为 {rate} 时训练发散：训练损失是瞎猜的许多倍，没有一轮在验证集上比瞎猜好。应降低学习率。",
    ),
    "in_vain": Words(
        "Fine-tuning did not lower the loss on valid, neither all of it nor a part: the base and the head were kept as "
        "they were before.",
        "微调没有降低验证集上的损失，无论保留全部还是一部分：保留的是训练前的基础网络和分类头。",
    ),
    "nothing_learned": Words(
        "Nothing shows that this net has learned anything. More pictures or epochs may help, or the recipe {recipe}, "
        "whose base has seen many pictures before.",
        "没有迹象表明这个网络学到了东西。可以增加图片或轮数，或者改用方案 {recipe}，它的基础网络事先见过大量图片。",
    ),
    "smooth": Words("Smooth (factor 0.8)", "平滑（系数 0.8）"),
}
