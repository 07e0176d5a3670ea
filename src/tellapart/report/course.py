"""How a training over epochs went, for the sentences beside its curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from tellapart.nets.images import CLEAN
from tellapart.report.charts import chosen_row
from tellapart.report.language import Words, both

CALIBRATED: Final = "log loss after calibration"  # the criterion by its name in metrics.json
# What makes the training loss larger than that of the same net on the same pictures as they are, by what was selected.
HINDRANCES: Final[Mapping[str, Words]] = {
    "label_smoothing": Words("label smoothing", "标签平滑"),
    "mix": Words("mixing of pictures", "图片混合"),
    "dropout": Words("dropout", "随机失活"),
    "augmentation": Words("augmentation", "数据增强"),
}


def training_course(history: Sequence[Mapping[str, Any]], selected: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is said of a history of epochs; None where its rows are settings and not epochs.

    Returns:
        `epochs` that were trained, the `epoch` that was kept or None, whether training `stopped` before those
        `planned` for want of `patience`; whether the epoch was chosen by a `calibrated` loss, and whether that has its
        `own_curve`; whether it has curves of train (`trained`) and `clean` ones, on at most `most` pictures; the
        `decay` of the averaged weights that valid and clean curves are of, None where none were averaged; what it was
        `hindered` by, as the end of a sentence; whether it `diverged`, at which `rate`; whether it was `in_vain`,
        so that what was before it was kept; and how much of the `way` from there was, None for all or none of it.
    """
    if not history or "epoch" not in history[0]:
        return None
    training = selected.get("training") or {}
    kept = chosen_row(history, selected)
    planned, patience = training.get("epochs", 0), training.get("patience")
    return {
        "epochs": len(history),
        "epoch": None if kept is None else history[kept]["epoch"],
        "stopped": patience is not None and len(history) < planned,
        "calibrated": selected.get("criterion") == CALIBRATED and selected.get("score") is not None,
        "own_curve": history[0].get("valid_calibrated_loss") is not None,
        "planned": planned,
        "patience": patience,
        "trained": "train_loss" in history[0],
        "clean": "clean_train_loss" in history[0],
        "most": CLEAN,
        "decay": training.get("average"),
        "diverged": selected.get("diverged", False),
        "in_vain": selected.get("way") == 0,
        "way": way if 0 < (way := selected.get("way") or 0) < 1 else None,
        "rate": training.get("learning_rate"),
        "hindered": hindered({**training, **selected}),
    }


def hindered(settings: Mapping[str, Any]) -> Markup:
    """Those of HINDRANCES that were in force, as the end of a sentence; nothing where none was."""
    found = [words for name, words in HINDRANCES.items() if _in_force(settings.get(name))]
    if not found:
        return Markup("")
    english, chinese = [words.en for words in found], [words.zh for words in found]
    listed = " and ".join([", ".join(english[:-1]), english[-1]] if english[1:] else english)
    return both(Words(f", under {listed}", f"，并受{'、'.join(chinese)}影响"))


def _in_force(setting: object) -> bool:
    """Whether a setting is more than nothing; of an augmentation whether any of its ranges is."""
    if isinstance(setting, Mapping):
        return any(value for value in setting.values() if not isinstance(value, str))
    return bool(setting)
