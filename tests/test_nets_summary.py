import pytest

from tellapart.errors import UsageError
from tellapart.nets.summary import Layer, summarise_net, trace_layers

pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")


def shapes(layers, kind):
    return [layer.shape for layer in layers if layer.kind.startswith(kind)]


def parameters(layers):
    return [layer.parameters for layer in layers if layer.parameters]


def test_summarise_net__chapter_row_1():
    layers = summarise_net("mnist-convnet")
    assert [layer.shape for layer in layers] == [
        (26, 26, 32), (13, 13, 32), (11, 11, 64), (5, 5, 64), (3, 3, 64), (576,), (64,), (10,)
    ]  # fmt: skip
    assert parameters(layers)[:3] == [320, 18_496, 36_928]
    assert sum(parameters(layers)[:3]) == 55_744
    assert sum(parameters(layers)) == 93_322
    assert layers[0] == Layer(
        name="trunk.conv1",
        kind="convolution 3x3",
        shape=(26, 26, 32),
        parameters=320,
        trainable=2,
        activation="ReLU",
    )
    assert [layer.activation for layer in layers] == ["ReLU", None, "ReLU", None, "ReLU", None, "ReLU", None]


def test_summarise_net__chapter_row_5():
    layers = summarise_net("chapter-convnet", outputs=1)
    sides = [shape[0] for shape in (layer.shape for layer in layers) if len(shape) == 3]
    assert sides == [148, 74, 72, 36, 34, 17, 15, 7]
    assert shapes(layers, "flatten") == [(6272,)]
    assert parameters(layers) == [896, 18_496, 73_856, 147_584, 3_211_776, 513]
    assert sum(parameters(layers)) == 3_453_121


def test_summarise_net__chapter_row_10():
    pytest.importorskip("timm", reason="needs the extra: pip install 'tellapart[torch]'")
    layers = summarise_net("vgg16", size=150)
    assert sum(parameters(layers)) == 14_714_688
    assert layers[-1].shape == (4, 4, 512)


def test_summarise_net__another_size():
    assert shapes(summarise_net("mnist-convnet", size=32), "convolution")[0] == (30, 30, 32)


def test_summarise_net__kinds_of_a_base():
    pytest.importorskip("timm", reason="needs the extra: pip install 'tellapart[torch]'")
    kinds = {layer.kind for layer in summarise_net("tf_efficientnet_lite0", size=64)}
    assert {"convolution 3x3, stride 2", "depthwise convolution 5x5", "batch normalisation"} <= kinds


@pytest.mark.parametrize("in_place", [False, True])
def test_trace_layers__an_activation_behind_a_sum_has_a_row_of_its_own(in_place):
    torch = pytest.importorskip("torch")

    class Residual(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = torch.nn.Conv2d(2, 2, 1), torch.nn.Conv2d(2, 2, 1)
            self.between, self.behind = torch.nn.SiLU(inplace=in_place), torch.nn.Hardswish(inplace=in_place)

        def forward(self, maps):
            seen = self.last(self.between(self.first(maps)))
            seen += maps
            return self.behind(seen)

    module = Residual()
    with torch.no_grad():
        layers = trace_layers(module, lambda: module(torch.zeros((1, 2, 4, 4))))
    assert [(layer.name, layer.kind, layer.activation) for layer in layers] == [
        ("first", "convolution 1x1", "SiLU"),
        ("last", "convolution 1x1", None),
        ("behind", "Hardswish", None),
    ]


def test_summarise_net__an_activation_inside_a_normalisation_is_named_in_its_row():
    pytest.importorskip("timm", reason="needs the extra: pip install 'tellapart[torch]'")
    layers = {layer.name: layer for layer in summarise_net("tf_efficientnet_lite0", size=64)}
    assert layers["bn1"].activation == "ReLU6"
    assert layers["conv_stem"].activation is None
    assert not any(name.endswith("act") for name in layers)


def test_summarise_net__unknown_name():
    pytest.importorskip("timm", reason="needs the extra: pip install 'tellapart[torch]'")
    with pytest.raises(UsageError, match=r"no such net: nothing.*mnist-convnet.*any base of timm"):
        summarise_net("nothing")


def test_summarise_net__too_small():
    with pytest.raises(UsageError, match="8 px"):
        summarise_net("chapter-convnet", size=8)


@pytest.mark.parametrize("net", ["chapter-convnet", "vgg16"])
@pytest.mark.parametrize("size", [-1, 0, 3])
def test_summarise_net__a_size_that_cannot_be_meant(net, size):
    with pytest.raises(UsageError, match=f"{size} px"):
        summarise_net(net, size=size)
