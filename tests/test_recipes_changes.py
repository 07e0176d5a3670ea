"""Settings that a caller changes take the place of a recipe's own, and of nothing else."""

import json
from dataclasses import replace

import pytest

from pictures import write_classes
from tellapart import learn
from tellapart.commands.summary import net_named
from tellapart.commands.train import train
from tellapart.data.augment import NOTHING, Augmentation
from tellapart.data.augment_spec import augmentation_spec
from tellapart.errors import UsageError
from tellapart.recipes.changes import NO_CHANGES, Changes
from tellapart.recipes.finetune import FineTuningPlan
from tellapart.recipes.frozen import FrozenPlan
from tellapart.recipes.scratch import PLANS, planned_epochs

PLAN = PLANS[False, False]


def test_applied__nothing_changes_nothing():
    assert NO_CHANGES.applied(PLAN) == PLAN


def test_applied__each_setting_in_its_place():
    changes = Changes(
        epochs=30, batch=20, learning_rate=1e-4, optimiser="rmsprop", dropout=0.5, layers=(8, 16), dense=4
    )
    plan = changes.applied(PLAN)
    training = {"epochs": 30, "batch": 20, "learning_rate": 1e-4, "optimiser": "rmsprop"}
    assert plan.training == replace(PLAN.training, **training)
    assert (plan.dropout, plan.net) == (0.5, "convnet-8x16-dense-4-at-150")
    assert planned_epochs(plan, 1_000_000) == 30
    assert Changes(epochs=2).applied(FineTuningPlan()).training.epochs == 2
    assert Changes(layers=(8, 16)).applied(PLAN).net == "convnet-8x16-dense-512-at-150"
    assert Changes(net="photo-convnet", patience=3).applied(PLAN).net == "photo-convnet"


def test_applied__augmentation_in_the_place_of_a_recipes_own():
    turned = Changes(augmentation=augmentation_spec("rotation=20"))
    assert turned.applied(PLAN).augmentation == Augmentation(rotation=20)
    assert turned.applied(FrozenPlan()).augmentation == replace(FrozenPlan().augmentation, rotation=20)
    nothing = Changes(augmentation=augmentation_spec("none"))
    assert nothing.applied(PLAN).augmentation is None
    assert nothing.applied(FineTuningPlan()).augmentation == NOTHING


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"epochs": 0}, "epochs cannot be 0"),
        ({"learning_rate": -1.0}, "learning_rate cannot be -1"),
        ({"optimiser": "sgd"}, "no such optimiser: sgd"),
        ({"dropout": 1.0}, "dropout cannot be 1"),
        ({"dense": 8}, "dense goes with layers"),
        ({"net": "nothing"}, "no such net: nothing"),
        ({"net": "photo-convnet", "layers": (8,)}, "say which net"),
        ({"patience": 0}, "patience cannot be 0"),
        ({"layers": (8, 0), "dense": 4}, "a width cannot be 0: --layers. It must be"),
        ({"layers": (8, 4), "dense": 0}, "dense cannot be 0"),
        ({"learning_rate": float("nan")}, "learning_rate cannot be nan: --rate. It must be"),
        ({"layers": (8,) * 11, "dense": 4}, "too many layers"),
    ],
)
def test_changes__what_cannot_be_meant(settings, said):
    with pytest.raises(UsageError, match=said):
        Changes(**settings)


@pytest.mark.parametrize(
    ("recipe", "settings", "name"),
    [
        ("features", {"epochs": 3}, "epochs"),
        ("features", {"augmentation": augmentation_spec("none")}, "augmentation"),
        ("frozen", {"dropout": 0.1}, "dropout"),
        ("auto", {"batch": 3}, "batch"),
        ("finetune", {"layers": (8,), "dense": 4}, "layers"),
    ],
)
def test_train__a_recipe_without_such_a_setting_says_so_first(tmp_path, monkeypatch, recipe, settings, name):
    pytest.importorskip("torch")
    monkeypatch.setattr(learn, "look_at", lambda *_arguments, **_options: pytest.fail("pictures were looked at"))
    data = write_classes(tmp_path / "data", {"cat": 4, "dog": 4})
    with pytest.raises(UsageError, match=f"this recipe has no {name}: {recipe}"):
        train(data, out=tmp_path / "run", recipe=recipe, changes=Changes(**settings))


def test_train__what_was_used_is_in_the_metrics(tellapart, tmp_path):
    pytest.importorskip("torch")
    data = write_classes(tmp_path / "data", {"cat": 12, "dog": 12})
    settings = "--layers 4,8 --dense 4 --size 24 --epochs 2 --batch 4 --rate 0.002 --optimiser rmsprop --dropout 0.25"
    done = tellapart("train", data, "-o", tmp_path / "run", "--recipe", "scratch", *settings.split())
    selected = json.loads((tmp_path / "run" / "metrics.json").read_text())["selected"]
    assert done.code == 0
    assert selected["net"] == "convnet-4x8-dense-4-at-24"  # the size it is built at
    used = [selected["training"][name] for name in ("epochs", "batch", "learning_rate", "optimiser")]
    assert (used, selected["dropout"]) == ([2, 4, 0.002, "rmsprop"], 0.25)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Recipe <bdi>scratch</bdi>: the net <bdi>convnet-4x8-dense-4-at-24</bdi>, which sees 24 " in page


def test_summary__of_the_widths_that_train_takes(tellapart):
    pytest.importorskip("torch")
    asked = ("summary", "--layers", "32,64,128,128")
    assert "3,453,634" in tellapart(*asked, "--dense", 512).out
    assert tellapart(*asked).out == tellapart(*asked, "--dense", 512).out
    assert "3,453,121" in tellapart(*asked, "--outputs", 1).out
    assert "Write them as 32,64" in tellapart("summary", "--layers", "wide", "--dense", 512).complaint
    assert "-at-64" in tellapart(*asked, "--size", 64).out
    for names, said in ((("lite0", None), "lite0 and --layers"), (("lite0", "vgg16"), "lite0 and vgg16 and --layers")):
        with pytest.raises(UsageError, match=f"say which net once: {said}. Give its name or --layers, not both."):
            net_named(*names, layers=(8,), dense=4)
    with pytest.raises(UsageError, match="say which net"):
        net_named(None, None, layers=None, dense=None)
