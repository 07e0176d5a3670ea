"""A net from a file of the user's own, trained and summarised by FILE.py:NAME."""

import json
import sys

import pytest

from pictures import write_classes
from tellapart import load
from tellapart.errors import UsageError
from tellapart.nets.own_file import module_of, names_file, own_net
from tellapart.recipes.request import Request
from tellapart.recipes.scratch import PLANS, net_of

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
NETS = """
from torch import nn
from blocks import WIDTH

class Small(nn.Module):
    def __init__(self, classes, size=32):
        super().__init__()
        self.conv = nn.Conv2d(3, WIDTH, 3)
        self.top = nn.Linear(WIDTH * (size - 2) ** 2, classes)

    def forward(self, pixels):
        return self.top(self.conv(pixels).relu().flatten(1))

def plain(**given):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * given["size"] ** 2, given["classes"]))

def three():
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 24, 3))

def broken(classes):
    raise RuntimeError("no such width")

def other(classes):
    return "net"

SIZE = 3
"""


@pytest.fixture
def nets(tmp_path):
    (tmp_path / "blocks.py").write_text("WIDTH = 4\n")
    path = tmp_path / "nets.py"
    path.write_text(NETS)
    return path


def test_names_file__tells_files_from_names():
    assert [names_file(net) for net in ("nets.py:Small", "nets.py", "photo-convnet", "vgg16")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(("name", "outputs"), [("Small", 5), ("plain", 5), ("three", 3)])
def test_module_of__called_with_what_it_takes(nets, name, outputs):
    module = module_of(own_net(f"{nets}:{name}"), classes=5, size=24)
    assert module(torch.zeros(2, 3, 24, 24)).shape == (2, outputs)


def test_own_net__leaves_nothing_beside_the_file(nets, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.delitem(sys.modules, "blocks", raising=False)
    assert callable(own_net(f"{nets}:Small"))
    assert {path.name for path in nets.parent.iterdir()} == {nets.name, "blocks.py"}
    assert not sys.dont_write_bytecode


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{nets}", "the name in the file is missing.*FILE.py:NAME"),
        ("elsewhere.py:Small", "no such file: elsewhere.py"),
        ("{nets}:Large", "nothing that gives a net is called Large.*It has: Small, broken, other, plain, three"),
        ("{nets}:SIZE", "nothing that gives a net is called SIZE"),
    ],
)
def test_own_net__what_is_not_there(nets, spec, said):
    with pytest.raises(UsageError, match=said):
        own_net(spec.format(nets=nets))


@pytest.mark.parametrize(
    ("content", "said"),
    [("def net(:\n", "line 1: "), ("import nothing_of_that_name\n", "ModuleNotFoundError"), ("exit()\n", "SystemExit")],
)
def test_own_net__a_file_that_cannot_be_run(tmp_path, content, said):
    (tmp_path / "bad.py").write_text(content)
    with pytest.raises(UsageError, match=rf"the file cannot be run \({said}"):
        own_net(f"{tmp_path / 'bad.py'}:net")


@pytest.mark.parametrize(
    ("name", "said"),
    [("broken", r"cannot be built \(RuntimeError: no such width\)"), ("other", "other gives a str, not a torch.nn")],
)
def test_module_of__what_gives_no_net(nets, name, said):
    with pytest.raises(UsageError, match=said):
        module_of(own_net(f"{nets}:{name}"), classes=2, size=24)


def test_train_and_summary__a_net_of_the_users_own(tellapart, nets, tmp_path):
    data = write_classes(tmp_path / "data", {"cat": 12, "dog": 12})
    asked = ("train", data, "-o", tmp_path / "run", "--recipe", "scratch", "--size", 24, "--epochs", 1, "--batch", 4)
    done = tellapart(*asked, "--net", f"{nets}:Small", "--augment", "rotation=10,flip")
    assert done.code == 0, done.complaint
    selected = json.loads((tmp_path / "run" / "metrics.json").read_text())["selected"]
    assert (selected["net"], selected["parameters"]) == ("Small", 112 + 4 * 22 * 22 * 2 + 2)
    assert (selected["augmentation"]["rotation"], selected["augmentation"]["horizontal_flip"]) == (10, True)
    assert load(tmp_path / "run" / "model.tellapart").classes_.tolist() == ["cat", "dog"]
    shown = tellapart("summary", "--net", f"{nets}:Small", "--size", 24)
    assert "Small: 3,986 parameters" in shown.out
    assert shown.out == tellapart("summary", f"{nets}:Small", "--size", 24, "--outputs", 2).out


def test_train__a_net_that_does_not_fit_is_one_line(tellapart, nets, tmp_path):
    data = write_classes(tmp_path / "data", {"cat": 4, "dog": 4})
    asked = ("train", data, "-o", tmp_path / "run", "--recipe", "scratch", "--size", 24)
    outputs = tellapart(*asked, "--net", f"{nets}:three")
    assert (outputs.code, "3 outputs, not one for each of the 2 classes" in outputs.complaint) == (2, True)
    own = tellapart(*asked, "--net", f"{nets}:Small", "--dropout", 0.5)
    assert (own.code, "dropout is for nets of ours" in own.complaint) == (2, True)
    base = tellapart("train", data, "-o", tmp_path / "run", "--net", f"{nets}:Small")
    assert (base.code, "trains no net of your own" in base.complaint) == (2, True)


def test_net_of__the_seed_draws_its_weights(nets):
    made, plan = own_net(f"{nets}:plain"), PLANS[False, False]
    first, same, other = (net_of(plan, Request(module=made, size=24, seed=seed), classes=2) for seed in (0, 0, 1))
    assert torch.equal(first.head.weight, same.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)
