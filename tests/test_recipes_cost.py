"""What a long recipe will take is measured on a few pictures and said in one line; of short ones nothing is said."""

from types import SimpleNamespace

import numpy as np
import pytest

from tellapart.nets.epoch import Batch
from tellapart.nets.fit import TrainingData
from tellapart.nets.schedule import Training
from tellapart.progress import Silent
from tellapart.recipes import cost, features
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


def dataset(count, *, classes=("a", "b")):
    return SimpleNamespace(
        train=slice(0, count),
        features=np.zeros((count, 4), np.float32),
        labels=np.arange(count) % len(classes),
        groups=np.arange(count),
        classes=classes,
    )


def clock(monkeypatch, *moments):
    ticks = iter(moments)
    monkeypatch.setattr(cost, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))


def test_seconds_to_look__measures_a_few_pictures_of_many_and_none_of_few(monkeypatch):
    looked = []
    monkeypatch.setattr(cost, "view_embedder", lambda *_, **__: lambda _view, rows, _into: looked.append(len(rows)))
    clock(monkeypatch, 0.0, 6.4)
    base = SimpleNamespace(width=4)
    assert (cost.seconds_to_look(dataset(100), base, looks=200), looked) == (0, [])
    assert cost.seconds_to_look(dataset(2000), base, looks=4000) == pytest.approx(400)
    assert looked == [cost.PROBED]


def test_seconds_to_search__grows_with_the_rows_that_a_few_were_searched_of(monkeypatch):
    asked = []

    def search(features, labels, **how):
        asked.append((len(features), how["train"], how["valid"], len(how["groups"]), set(labels.tolist())))

    assert (cost.seconds_to_search(dataset(800), search, valid=None), asked) == (0, [])
    clock(monkeypatch, 0.0, 1.0, 0.0, 1.0)
    many = dataset(8000)
    assert cost.seconds_to_search(many, search, valid=None, copies=(1, 3)) == pytest.approx(40 + 120)  # wider than long
    assert cost.seconds_to_search(many, search, valid=slice(0, 50)) == pytest.approx(40)
    few = cost.ROWS_PROBED
    everything = {0, 1}
    assert asked == [
        (few, slice(0, few), None, few, everything),
        (few + 50, slice(0, few), slice(few, few + 50), few, everything),
    ]
    assert cost.search_size(400, 3000) == pytest.approx(8**0.5 * cost.search_size(200, 3000))


def test_say_features_cost__with_folds_it_takes_those_as_well():
    request = Request(recipe="features", progress=Notes())
    given = dataset(9000)
    given.valid_is_given, given.valid, given.folds = False, slice(0, 0), None
    features.say_features_cost(given, request, 100.0)
    given.folds = np.arange(9000) % 5
    features.say_features_cost(given, request, 100.0)
    alone = "a search of a head over 9,000 pictures of 2 classes"
    assert request.progress.notes == [
        f"features will take up to about 2 minutes on this machine: {alone}.",
        f"features will take up to about 7 minutes on this machine: {alone}, and one in each of 5 folds.",
    ]


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

    pictures = TrainingData(train=batches, steps=50, valid=list, fingerprint="")
    monkeypatch.setattr(cost, "LONG", 0.0)
    request, machine = Request(recipe="scratch", progress=Notes()), Machine(device="cpu", precision="f32", threads=1)
    torch.manual_seed(7)
    state = torch.random.get_rng_state()
    training = Training(epochs=20, batch=4, learning_rate=1e-3)
    cost.say_training_cost(net, pictures, training=training, machine=machine, request=request)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert made == [(0, 0), (0, 1), (0, 2)]
    (note,) = request.progress.notes
    assert note.startswith("scratch will take up to about")
    assert note.endswith("on this machine: 20 epochs of 50 steps.")
