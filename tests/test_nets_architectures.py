import numpy as np
import pytest

from tellapart.errors import UsageError
from tellapart.nets.architectures import NETS, build_net

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def images(number, size):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (number, size, size, 3), np.uint8))


@pytest.mark.parametrize(
    ("name", "classes", "parameters"), [("mnist-convnet", 10, 93_322), ("chapter-convnet", 1, 3_453_121)]
)
def test_build_net__has_the_chapter_s_parameters(name, classes, parameters):
    assert count(build_net(name, classes=classes, seed=0).module()) == parameters


@pytest.mark.parametrize("name", sorted(NETS))
@pytest.mark.parametrize("classes", [3, 1])
def test_build_net__any_size_and_classes(name, classes):
    net = build_net(name, size=65, classes=classes, dropout=0.5, seed=0)
    features = net.trunk.eval()(images(2, 65))
    assert features.shape == (2, net.head.in_features)
    assert net.module().eval()(images(2, 65)).shape == (2, classes)
    assert torch.equal(net.module()(images(2, 65)), net.head(features))


def test_build_net__weights_come_from_the_seed_alone():
    first, again, other = (build_net("mnist-convnet", classes=2, seed=seed).head.weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_build_net__dropout_drops_only_in_training():
    module = build_net("mnist-convnet", classes=2, dropout=0.5, seed=0).module()
    shown = images(2, 28)
    assert torch.equal(module.eval()(shown), module.eval()(shown))
    assert not torch.equal(module.train()(shown), module.train()(shown))


def test_build_net__grey_is_the_mean_of_the_channels():
    pixels = build_net("mnist-convnet", classes=2, seed=0).trunk[0]
    shown = torch.tensor([[[[0, 30, 60]]]], dtype=torch.uint8)
    assert pixels(shown).tolist() == [[[[pytest.approx((30 - 127.5) / 63.75)]]]]


def test_build_net__unknown_name_lists_the_nets():
    with pytest.raises(UsageError, match="chapter-convnet, mnist-convnet"):
        build_net("nothing", classes=2, seed=0)


def test_build_net__too_small_a_picture():
    with pytest.raises(UsageError, match="cannot take so small a picture: 8 px"):
        build_net("chapter-convnet", size=8, classes=2, seed=0)


def test_build_net__another_error_is_not_called_a_small_picture(monkeypatch):
    def full(*_sides):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(torch.nn, "Linear", full)
    monkeypatch.setattr("tellapart.nets.architectures.takes", lambda *_: True)
    with pytest.raises(UsageError, match=r"cannot be made here .*allocate memory.*: 28 px"):
        build_net("mnist-convnet", classes=2, seed=0)
