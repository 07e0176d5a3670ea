"""What a long recipe will take is measured on a few pictures and said in one line; of short ones nothing is said."""

from types import SimpleNamespace

import numpy as np
import pytest

from tellapart.nets.epoch import Batch
from tellapart.nets.fit import Pictures
from tellapart.nets.schedule import Training
from tellapart.progress import Silent
from tellapart.recipes import cost
from tellapart.recipes.request import Request


class Notes(Silent):
    """Keeps what is noted."""

    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (31, "30 seconds"),
        (57, "1 minute"),
        (70, "1 minute"),
        (250, "4 minutes"),
        (5300, "88 minutes"),
        (9000, "2.5 hours"),
    ],
)
def test_in_words__as_one_says_it(seconds, words):
    assert cost.in_words(seconds) == words


def test_say_cost__only_where_it_is_long():
    request = Request(recipe="frozen", progress=Notes())
    cost.say_cost(request, 29, what="2 views")
    assert request.progress.notes == []
    cost.say_cost(request, 240, what="2 views")
    assert request.progress.notes == ["frozen will take up to about 4 minutes on this machine: 2 views."]


def test_say_looking_cost__measures_a_few_pictures_of_many_and_none_of_few(monkeypatch):
    looked = []
    monkeypatch.setattr(cost, "view_embedder", lambda *_, **__: lambda _view, rows, _into: looked.append(len(rows)))
    clock = iter([0.0, 6.4])
    monkeypatch.setattr(cost, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    features = np.zeros((3000, 4), np.float32)
    request = Request(recipe="frozen", progress=Notes())
    few, many = (SimpleNamespace(train=slice(0, count), features=features) for count in (100, 2000))
    cost.say_looking_cost(few, None, request, looks=2, what="2 more views of each")
    assert (looked, request.progress.notes) == ([], [])
    cost.say_looking_cost(many, None, request, looks=2, what="2 more views of each")
    assert looked == [cost.PROBED]
    (note,) = request.progress.notes
    assert "about 7 minutes on this machine: 2,000 training pictures, 2 more views of each" in note


def test_say_training_cost__leaves_the_net_and_torch_as_they_were(monkeypatch):
    torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
    from tellapart.nets.architectures import build_net
    from tellapart.nets.device import Machine

    net = build_net("mnist-convnet", size=24, classes=2, dropout=0.5, seed=0).training_module()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    made = []

    def batches(epoch):
        for number in range(50):
            made.append((epoch, number))
            yield Batch(inputs=np.full((4, 24, 24, 3), number, np.uint8), labels=np.array([0, 1, 0, 1]))

    pictures = Pictures(train=batches, steps=50, valid=list, fingerprint="")
    monkeypatch.setattr(cost, "LONG", 0.0)
    request, machine = Request(recipe="scratch", progress=Notes()), Machine(device="cpu", precision="f32", threads=1)
    torch.manual_seed(7)
    state = torch.random.get_rng_state()
    cost.say_training_cost(net, pictures, Training(epochs=20, batch=4, learning_rate=1e-3), machine, request)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert made == [(0, 0), (0, 1), (0, 2)]
    (note,) = request.progress.notes
    assert note.startswith("scratch will take up to about")
    assert note.endswith("on this machine: 20 epochs of 50 steps.")
