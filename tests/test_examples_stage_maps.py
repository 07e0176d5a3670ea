"""What stages see, against the same net in torch; and pictures that climb what a filter answers to."""

import numpy as np
import pytest
from onnx import TensorProto

from pictures import make_pixels

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")

from stage_maps import CONTRAST, MIDDLE, StageReader, evened  # noqa: E402
from tellapart.backbones.backbone import Backbone  # noqa: E402
from tellapart.backbones.catalogue import load_backbone  # noqa: E402
from tellapart.backbones.onnx_writer import Writer  # noqa: E402
from tellapart.data.preprocess import Preprocess  # noqa: E402
from tellapart.errors import UsageError  # noqa: E402
from tellapart.nets.architectures import build_net  # noqa: E402
from tellapart.nets.export import export_backbone  # noqa: E402

SIDE = 48


@pytest.fixture(scope="module")
def net():
    return build_net("chapter-convnet", size=SIDE, classes=2, dropout=0.5, seed=0)


@pytest.fixture(scope="module")
def reader(net):
    return StageReader(export_backbone(net))


@pytest.fixture
def square():
    return make_pixels(1, kind=1, width=SIDE, height=SIDE)


def test_names__stages_of_the_chapter_s_net_in_order(reader):
    assert reader.names[:6] == ("conv1", "relu1", "maxpool1", "conv2", "relu2", "maxpool2")
    assert [name for name in reader.names if name.startswith("conv")] == ["conv1", "conv2", "conv3", "conv4"]
    assert "relu5" not in reader.names  # of the dense layer


def test_maps__are_what_torch_computes(reader, net, square):
    found = reader.maps(square, stages=["maxpool4", "conv1"])
    trunk = net.trunk.eval()
    with torch.no_grad():
        layers = dict(trunk.named_children())
        maps = layers["pixels"](torch.from_numpy(square[np.newaxis]))
        first = layers["conv1"](maps)
        for name in [name for name in layers if name.startswith(("conv", "relu", "pool"))]:
            maps = layers[name](maps)
    np.testing.assert_allclose(found["conv1"], first[0].numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["maxpool4"], maps[0].numpy(), rtol=1e-4, atol=1e-5)


def test_maps_as_read__what_a_pooling_leaves_out_is_left_out():
    reader = StageReader(export_backbone(build_net("photo-convnet", classes=2, seed=0)))
    square = make_pixels(1, kind=1, width=112, height=112)
    whole, read = (look(square, stages=["relu4", "relu5", "maxpool4"]) for look in (reader.maps, reader.maps_as_read))
    assert whole["relu5"].shape[1:] == (7, 7)
    np.testing.assert_array_equal(read["relu5"], whole["relu5"][:, :6, :6])
    assert read["maxpool4"].shape[1:] == (3, 3)
    assert read["relu4"].shape == whole["relu4"].shape, "14 x 14 places are all read"


def test_maps__of_the_base_that_ships(square):
    reader = StageReader(load_backbone("lite0", size=SIDE))
    found = reader.maps(square, stages=[reader.names[0], reader.names[-1]])
    assert found[reader.names[0]].shape == (32, SIDE // 2, SIDE // 2)
    assert found[reader.names[-1]].shape == (1280, 2, 2)


@pytest.mark.parametrize("turned_first", [True, False])
def test_maps__of_a_graph_that_turns_the_axes_before_it_casts(turned_first):
    """As a base of timm does; the base that ships casts first."""
    nodes = [("Transpose", {"perm": [0, 3, 1, 2]}), ("Cast", {"to": TensorProto.FLOAT})]
    writer = Writer()
    for kind, attributes in nodes if turned_first else reversed(nodes):
        writer.add(kind, **attributes)
    writer.add("Conv", np.full((2, 3, 1, 1), 1 / 3, np.float32), kernel_shape=[1, 1])
    writer.add("ReduceMean", np.array([2, 3], np.int64), keepdims=0)
    graph = writer.graph(size=8, width=2, output="pooled_last")
    reader = StageReader(
        Backbone(
            name="turned", graph=graph, preprocess=Preprocess(size=8), widths={"last": 2}, outputs=("pooled_last",)
        )
    )
    square = make_pixels(1, kind=1, width=8, height=8)
    np.testing.assert_allclose(reader.maps(square, stages=["conv1"])["conv1"][0], square.mean(axis=2), rtol=1e-4)
    assert reader.filter_pictures("conv1", filters=[0], steps=1).shape == (1, 8, 8, 3)


def test_maps__an_unknown_stage(reader, square):
    with pytest.raises(UsageError, match=r"no such stage: conv9\. It has conv1, relu1"):
        reader.maps(square, stages=["conv9"])


def test_kernels__are_the_layer_s_weights(reader, net):
    layers = dict(net.trunk.named_children())
    np.testing.assert_array_equal(reader.kernels("conv1"), layers["conv1"].weight.detach().numpy())
    np.testing.assert_array_equal(reader.kernels("conv3"), layers["conv3"].weight.detach().numpy())
    with pytest.raises(UsageError, match="only convolutions have kernels: relu1"):
        reader.kernels("relu1")


def answers(reader, pictures, filters):
    """The mean answer of each filter of conv3 to the picture made for it, and to the others."""
    means = [reader.maps(picture, stages=["conv3"])["conv3"].mean(axis=(1, 2))[list(filters)] for picture in pictures]
    return np.stack(means)


def test_filter_pictures__each_filter_answers_most_to_its_own(reader):
    filters = (5, 0, 77)
    pictures = reader.filter_pictures("conv3", filters=filters, steps=15)
    assert (pictures.shape, pictures.dtype) == ((3, SIDE, SIDE, 3), np.uint8)
    found = answers(reader, pictures, filters)
    assert found.argmax(axis=0).tolist() == [0, 1, 2]
    grey = answers(reader, [np.full((SIDE, SIDE, 3), 127, np.uint8)], filters)
    assert (found.diagonal() > grey[0]).all()


def test_filter_pictures__the_same_seed_the_same_pictures(reader):
    first, again, other = (
        reader.filter_pictures("conv2", filters=[1], size=32, steps=2, seed=seed) for seed in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("filters", [[], [-1], [128]])
def test_filter_pictures__a_filter_that_is_not_there(reader, filters):
    with pytest.raises(UsageError, match="conv3 has the filters 0 to 127"):
        reader.filter_pictures("conv3", filters=filters, steps=1)


def test_evened__one_brightness_and_contrast():
    random = np.random.default_rng(0)
    pictures = np.stack([random.normal(1e4, 3, (8, 8, 3)), np.full((8, 8, 3), 5.0)])
    first, flat = evened(pictures)
    assert first.mean() == pytest.approx(MIDDLE, abs=1)
    assert first.std() == pytest.approx(CONTRAST, rel=0.05)
    assert (flat == round(MIDDLE)).all()
