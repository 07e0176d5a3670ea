"""Bases by name, and what a base says of itself."""

import hashlib

import pytest

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.catalogue import BACKBONES, load_backbone
from tellapart.data.preprocess import Preprocess
from tellapart.errors import UsageError


def test_load_backbone__an_unknown_name_lists_the_known_ones():
    with pytest.raises(UsageError, match=r"no such base: vgg99.*lite0"):
        load_backbone("vgg99")


@pytest.mark.parametrize("size", [0, 7, -1, 2049, 10**9])
def test_load_backbone__a_size_out_of_range(size):
    with pytest.raises(UsageError, match=f"{size}"):
        load_backbone("lite0", size=size)


@pytest.mark.parametrize("name", BACKBONES)
def test_load_backbone__depths_cover_a_feature_row_without_gaps(name):
    backbone = load_backbone(name)
    assert backbone.depths[0].start == 0
    assert all(left.stop == right.start for left, right in zip(backbone.depths, backbone.depths[1:], strict=False))
    assert backbone.depths[-1].stop == backbone.width == sum(backbone.widths.values())
    assert [depth.stop - depth.start for depth in backbone.depths] == list(backbone.widths.values())
    assert [depth.name for depth in backbone.depths] == list(backbone.widths)


def test_backbone__digest_is_of_the_graph():
    backbone = Backbone(name="x", graph=b"graph", preprocess=Preprocess(size=8), widths={"last": 3}, outputs=("y",))
    assert backbone.digest == hashlib.sha256(b"graph").hexdigest()
