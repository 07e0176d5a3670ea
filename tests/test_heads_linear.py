from __future__ import annotations

import numpy as np

from tellapart.heads.linear import LinearHead, row_blocks


def test_logits__equal_the_plain_product_over_several_blocks():
    generator = np.random.default_rng(0)
    features = generator.standard_normal((2500, 9)).astype(np.float32)
    weight = generator.standard_normal((4, 3)).astype(np.float32)
    bias = np.array([0.5, -1.0, 2.0], dtype=np.float32)
    logits = LinearHead(weight=weight, bias=bias, start=3, stop=7).logits(features)
    assert logits.dtype == np.float64
    np.testing.assert_allclose(logits, features[:, 3:7].astype(float) @ weight + bias, atol=1e-5)


def test_logits__of_no_picture_is_empty():
    head = LinearHead(weight=np.ones((2, 3), np.float32), bias=np.zeros(3, np.float32), start=0, stop=2)
    assert head.logits(np.zeros((0, 2), np.float32)).shape == (0, 3)


def test_row_blocks__cover_every_row_once():
    rows = np.concatenate([np.arange(7)[block] for block in row_blocks(7, size=3)])
    assert rows.tolist() == list(range(7))
