"""What maps are pooled by beside their mean."""

import numpy as np
import onnx
import pytest

from pictures import make_pixels
from tellapart.backbones.backbone import join_bases
from tellapart.backbones.catalogue import load_backbone
from tellapart.backbones.engine import Engine
from tellapart.backbones.poolings import pooled_depths, with_poolings
from tellapart.explain.exact import MapReader

SIDE = 64


@pytest.fixture(scope="module")
def base():
    return load_backbone("lite0", size=SIDE)


def test_with_poolings__are_the_maximum_and_the_deviation_of_the_maps(base):
    square = make_pixels(3, width=SIDE, height=SIDE)
    features, maps = MapReader(base, precision="f32").read((square,))
    for depth in base.depths:
        given, places = features[depth.start : depth.stop], maps[depth.name].reshape(depth.stop - depth.start, -1)
        expected = {"mean": places.mean(1), "maximum": places.max(1), "deviation": places.std(1)}[depth.pooling]
        np.testing.assert_allclose(given, expected, rtol=1e-3, atol=1e-4)


def test_with_poolings__a_row_is_at_most_twice_as_long_and_its_means_are_those_of_before(base):
    plain = base.means_only
    assert plain.width < base.width <= 2 * plain.width
    assert [depth.pooling for depth in base.depths] == ["maximum"] * 3 + ["mean"] * 5 + ["deviation"] * 3
    assert base.depths[0].name == "stage3_maximum"
    square = make_pixels(4, width=SIDE, height=SIDE)[None]
    whole, means = (Engine(one, precision="f32").run(square) for one in (base, plain))
    np.testing.assert_allclose(whole[:, base.means], means, rtol=1e-5, atol=1e-6)
    assert plain.digest != base.digest
    assert base.with_white(1023).means_only.preprocess.white == 1023


def test_with_poolings__the_graph_is_a_valid_file_that_other_readers_take(base):
    model = onnx.load_from_string(base.graph)
    onnx.checker.check_model(model, full_check=True)
    outputs = {output.name: output.type.tensor_type.shape.dim[1].dim_value for output in model.graph.output}
    assert outputs["pooled_stage4_maximum"] == outputs["pooled_stage4_deviation"] == 480


def test_with_poolings__a_small_thing_moves_the_maximum_more_than_the_mean(base):
    plain = np.full((SIDE, SIDE, 3), 120, np.uint8)
    scratched = plain.copy()
    scratched[30:32, 26:36] = 200
    engine = Engine(base, precision="f32")
    before, after = engine.run(np.stack([plain, scratched]))
    moved = {
        depth.name: np.linalg.norm(after[depth.start : depth.stop] - before[depth.start : depth.stop])
        for depth in base.depths
    }
    assert moved["stage3_maximum"] > 5 * moved["stage3"]
    assert moved["stage3_deviation"] > 2 * moved["stage3"]


def test_pooled_depths__as_many_as_there_is_room_for_and_never_the_last():
    places = ("a", "b", "last")
    assert pooled_depths({"a": 1, "b": 1, "last": 2}, places=places) == ("a", "b")
    assert pooled_depths({"a": 1, "b": 2, "last": 2}, places=places) == ("a",)
    assert pooled_depths({"a": 9, "last": 2}, places=places) == ()
    assert pooled_depths({"last": 2}, places=places) == ()


def test_pooled_depths__what_has_no_places_has_no_maximum():
    assert pooled_depths({"a": 1, "a_class": 1, "b": 1, "last": 2}, places=("a", "b")) == ("a", "b")


def test_with_poolings__leaves_a_base_alone_that_has_no_room(base):
    last = base.means_only
    alone = type(last)(name="x", graph=b"", preprocess=last.preprocess, widths={"last": 3}, outputs=("y",))
    assert with_poolings(alone) is alone


def test_join__depths_of_one_pooling_stay_together(base):
    joined = join_bases([base, load_backbone("lite2", size=SIDE)])
    poolings = [depth.pooling for depth in joined.depths]
    assert poolings == ["maximum"] * 6 + ["mean"] * 10 + ["deviation"] * 6
    assert (joined.last.name, joined.means_only.width) == ("lite2.last", joined.means.stop - joined.means.start)
