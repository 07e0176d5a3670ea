"""The history as a small picture for notebooks."""

import re
import xml.etree.ElementTree as ET

from tellapart.report.charts import history_curves
from tellapart.report.history_plot import MOST_POINTS, history_svg

EPOCHS = [
    {"epoch": n, "loss": 1 / n, "valid_<loss>": None if n == 2 else 2 / n, "accuracy": n / 900} for n in range(1, 901)
]


def test_history_svg__epochs_are_lines_with_what_was_chosen_ringed():
    chosen = {"epoch": 4, "out_of": {"epoch": [1, 900]}}
    history = history_curves(EPOCHS[:6], selected=chosen) | {"chosen": 3}
    drawing = ET.fromstring(history_svg(history))
    texts = ["".join(each.itertext()) for each in drawing.iter() if each.tag.endswith("text")]
    for said in ("loss", "valid <loss>", "accuracy", "%", "epoch", "6"):
        assert said in texts
    tags = [each.tag.rpartition("}")[2] for each in drawing.iter()]
    assert (tags.count("circle"), tags.count("polyline")) == (3, 6)  # a ring a curve; the curve, and its sample below


def test_history_svg__settings_are_dots_and_long_histories_stay_small():
    tried = [{"l2": 10.0**-n, "log_loss": 1 / n, "accuracy": 0.5} for n in range(1, 5)]
    assert history_svg(history_curves(tried)).count('r="3"') == 10  # and one a name
    svg = history_svg(history_curves(EPOCHS))
    assert len(svg) < 20_000
    longest = max(re.findall(r'points="([^"]*)"', svg), key=len)
    assert 0 < len(longest.split()) <= MOST_POINTS
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|<script|url\(", svg)
