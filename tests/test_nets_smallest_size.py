"""The smallest size of a net, and the stop before any picture is looked at."""

import pytest

from pictures import write_classes
from tellapart import learn
from tellapart.commands.summary import summarise
from tellapart.commands.train import train
from tellapart.errors import UsageError
from tellapart.nets.architectures import NETS, build_net, net_of_widths, smallest_size, takes

pytest.importorskip("torch")


@pytest.mark.parametrize("net", sorted(NETS))
def test_smallest_size__is_built_and_one_pixel_less_is_not(net):
    size = smallest_size(net)
    assert build_net(net, size=size, classes=2, seed=0).size == size
    assert size == 1 or not takes(net, size - 1)


@pytest.mark.parametrize(("recipe", "net"), [("scratch", "chapter-convnet"), ("scratch-augmented", "photo-convnet")])
def test_train__too_small_a_net_stops_before_any_picture_is_looked_at(recipe, net, tmp_path, monkeypatch):
    monkeypatch.setattr(learn, "look_at", lambda *_arguments, **_options: pytest.fail("pictures were looked at"))
    size = smallest_size(net) - 1
    with pytest.raises(UsageError, match=rf"{net} cannot take so small a picture: {size} px.*--size {size + 1};"):
        train(write_classes(tmp_path / "data", {"cat": 4, "dog": 4}), out=tmp_path / "run", recipe=recipe, size=size)


@pytest.mark.parametrize("size", [None, 100, 189])
def test_build_net__too_deep_for_its_own_size_names_the_true_smallest(size, tmp_path):
    net, side = net_of_widths((4,) * 6, 4, size=150), size or 150  # 190, 94, 46, 22, 10, 4, 1
    with pytest.raises(UsageError, match=f"so small a picture: {side} px. The smallest is --size 190, or leave out a"):
        summarise(net, size=size)
    assert summarise(net, size=190)


def test_build_net__no_size_is_large_enough_for_so_many_layers():
    net = net_of_widths((4,) * 10, 4, size=150)
    assert smallest_size(net) is None
    with pytest.raises(UsageError, match="too many layers for any size up to 2048 px: leave some out"):
        build_net(net, size=2000, classes=2, seed=0)


def test_train__too_deep_a_net_stops_with_its_own_size_too(tellapart, tmp_path):
    data = write_classes(tmp_path / "data", {"cat": 4, "dog": 4})
    asked = ("train", data, "-o", tmp_path / "run", "--recipe", "scratch", "--layers", "4,4,4,4,4,4", "--dense", 4)
    for more in ((), ("--size", 150), ("--size", 100)):
        assert "The smallest is --size 190, or leave out a layer." in tellapart(*asked, *more).complaint
