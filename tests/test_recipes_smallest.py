"""The smallest size of a net, and the stop before any picture is looked at."""

import pytest

from pictures import write_classes
from tellapart import learn
from tellapart.commands.train import train
from tellapart.errors import UsageError
from tellapart.nets.architectures import NETS, build_net
from tellapart.recipes.smallest import smallest_size, takes

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
