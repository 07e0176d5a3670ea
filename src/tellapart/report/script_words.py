"""The texts that the pages' scripts put in, in both languages, by codes that the scripts ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tellapart.report.inlined import embedded_json
from tellapart.report.language import Words

SWITCHES: Final[Mapping[str, Words]] = {
    "theme.dark": Words("Dark", "深色"),
    "theme.light": Words("Light", "浅色"),
}
CHARTS: Final[Mapping[str, Words]] = {
    "recall": Words("Recall", "召回率"),
    "precision": Words("Precision", "精确率"),
    "f1": Words("F1", "F1"),
    "in_percent": Words("{measure}, %", "{measure}（百分比）"),
    "interval": Words("95 % interval", "95 % 置信区间"),
    "coverage": Words("answered, % of the pictures", "得到回答的图片，%"),
    "error": Words("misclassified among them, %", "其中误判，%"),
    "cost": Words("cost of a picture", "每张图片的代价"),
    "cost_own": Words("with the model's own thresholds", "采用模型自己的阈值"),
    "cost_threshold": Words("handed to a person below, %", "低于此把握交给人，%"),
    "here": Words("here", "当前"),
    "perfect": Words("perfectly calibrated", "把握恰如其分"),
    "observed": Words("correct, %", "正确，%"),
    "stated": Words("stated confidence, %", "模型的把握，%"),
    "pictures": Words("{n} {n:picture|pictures}", "{n} 张图片"),
    "train": Words("training pictures", "训练图片数"),
    "accuracy": Words("accuracy, not trained on, %", "未训练图片的准确率，%"),
    "mean": Words("all classes", "所有类别"),
    "spread": Words("spread over draws", "多次抽样的波动"),
    "epoch": Words("epoch", "轮"),
    "step": Words("step", "步"),
    "setting": Words("setting", "设置"),
    "chosen": Words("chosen", "选中"),
    "losses": Words("loss", "损失"),
    "shares": Words("accuracy, %", "准确率，%"),
    "of": Words("{n} of {total} {total:picture|pictures}", "{total} 张中的 {n} 张"),
    "up_to": Words("up to {high}", "至多 {high}"),
    "seen": Words("seen here: {share} ({of}), {between}", "此处所见：{share}（{of}），{between}"),
    "between": Words("between {low} and {high} (95 %)", "{low} 到 {high} 之间（95 %）"),
    "taken": Words("{given} predicted as {called}", "{given} 被判为 {called}"),
    "right": Words("{given}, classified correctly", "{given}，判断正确"),
    "shown_all": Words("{total} {total:test picture|test pictures}.", "测试图片 {total} 张。"),
    "shown_some": Words(
        "{total} {total:test picture|test pictures}; {n} of them shown, predictions.csv has all.",
        "测试图片 {total} 张，显示其中 {n} 张，全部见 predictions.csv。",
    ),
    # Columns of history.jsonl; others stand under their own names.
    "series.loss": Words("loss", "损失"),
    "series.log_loss": Words("log loss", "对数损失"),
    "series.accuracy": Words("accuracy", "准确率"),
    "series.train_log_loss": Words("training log loss", "训练对数损失"),
    "series.train_loss": Words("training loss", "训练损失"),
    "series.valid_loss": Words("valid loss", "验证损失"),
    "series.valid_calibrated_loss": Words("valid loss, calibrated", "验证损失（校准后）"),
    "series.clean_train_loss": Words("training loss, clean", "训练损失（无干扰）"),
    "series.clean_train_accuracy": Words("training accuracy, clean", "训练准确率（无干扰）"),
    "kept": Words("kept: epoch {epoch}", "保留：第 {epoch} 轮"),
    "series.train_accuracy": Words("training accuracy", "训练准确率"),
    "series.valid_accuracy": Words("valid accuracy", "验证准确率"),
}


def script_texts(words: Mapping[str, Words]) -> str:
    """The beginning of a script: its texts as the constant `texts`, {code: {en, zh}}."""
    texts = {code: {"en": text.en, "zh": text.zh} for code, text in words.items()}
    return f'"use strict";\nconst texts = {embedded_json(texts)};\n'
