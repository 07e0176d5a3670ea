from __future__ import annotations

import pytest

from tellapart.heads.dual_space import COMMON, OWN
from tellapart.heads.setting import HeadSetting, chosen_setting


@pytest.mark.parametrize(
    ("selected", "scale"),
    [
        ({"l2": 0.03, "scale": "common"}, COMMON),
        ({"l2": 0.03, "scale": "own"}, OWN),
        ({"l2": 0.03}, OWN),
        ({"l2": 0.03, "head": "logistic"}, OWN),
    ],
    ids=["common", "own", "of before there was a scale", "for many pictures"],
)
def test_chosen_setting__is_what_the_head_was_fitted_with(selected, scale):
    found = chosen_setting(selected, slice(12, 30))
    assert found == HeadSetting(l2=0.03, scale=scale, columns=slice(12, 30))
    assert found.of_all_columns == HeadSetting(l2=0.03, scale=scale)


@pytest.mark.parametrize("selected", [{}, {"l2": None}, {"l2": True}, {"l2": 1.0, "head": "ridge"}])
def test_chosen_setting__is_none_where_no_logistic_head_was_fitted(selected):
    assert chosen_setting(selected) is None
