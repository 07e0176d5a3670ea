from __future__ import annotations

import numpy as np
import pytest

from tellapart.heads.linear import LinearHead, row_blocks


def test_logits__equal_the_plain_product_over_several_blocks():
    generator = np.random.default_rng(0)
    features = generator.standard_normal((2500, 9)).astype(np.float32)
    weight = generator.standard_normal((4, 3)).astype(np.float32)
    bias = np.array([0.5, -1.0, 2.0], dtype=np.float32)
    logits = LinearHead(weight=weight, bias=bias, start=3, stop=7).logits(features)
    assert logits.dtype == np.float64
    np.testing.assert_allclose(logits, features[:, 3:7].astype(float) @ weight + bias, atol=1e-5)


@pytest.mark.parametrize("classes", [2, 6, 50])
def test_logits__of_a_picture_do_not_depend_on_what_else_is_asked_about(classes):
    generator = np.random.default_rng(0)
    features = generator.standard_normal((150, 700)).astype(np.float32)
    weight = generator.standard_normal((600, classes)).astype(np.float32)
    head = LinearHead(weight=weight, bias=np.zeros(classes, np.float32), start=50, stop=650)
    together = head.logits(features)
    for count in (1, 2, 7, 64, 65, 100):
        apart = [head.logits(features[first : first + count]) for first in range(0, 150, count)]
        np.testing.assert_array_equal(np.concatenate(apart), together)


def test_logits__of_no_picture_is_empty():
    head = LinearHead(weight=np.ones((2, 3), np.float32), bias=np.zeros(3, np.float32), start=0, stop=2)
    assert head.logits(np.zeros((0, 2), np.float32)).shape == (0, 3)


def test_row_blocks__cover_every_row_once():
    rows = np.concatenate([np.arange(7)[block] for block in row_blocks(7, size=3)])
    assert rows.tolist() == list(range(7))
