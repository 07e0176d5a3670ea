"""The estimator trains every recipe by the one way there is, and what a recipe made outlives torch."""

import subprocess
import sys
import tempfile
from dataclasses import replace
from zipfile import ZipFile

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from pictures import write_classes
from tellapart import ImageClassifier, OutputError, UsageError, load
from tellapart.nets.schedule import Training
from tellapart.recipes import finetune, scratch

SIDE = 32
SCRATCH = {
    "recipe": "scratch",
    "size": SIDE,
    "plan": scratch.ScratchPlan(
        net="photo-convnet", training=Training(epochs=12, batch=8, learning_rate=3e-3, average=0.5), pictures=10_000
    ),
}
FINETUNE = {
    "recipe": "finetune",
    "size": SIDE,
    "plan": finetune.FineTuningPlan(
        share=0.2, views=2, training=Training(epochs=2, batch=8, learning_rate=3e-4, clip=1.0)
    ),
}


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = write_classes(tmp_path_factory.mktemp("recipes"), {"ape": 14, "bee": 14}, width=SIDE, height=SIDE)
    paths = sorted(folder.rglob("*.png"))
    return paths, [path.parent.name for path in paths]


@pytest.fixture
def torch():
    for name in ("timm", "cv2", "safetensors"):
        pytest.importorskip(name, reason="needs the extra: pip install 'tellapart[torch]'")
    return pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A folder for temporary files, in which nothing of ours may be left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.glob("tellapart*")) == []


def same_answers(fitted, samples, path, *, recipe):
    """The estimator after it was saved to path and loaded, once its answers are those of the fitted one."""
    again = load(fitted.save(path))
    np.testing.assert_allclose(again.predict_proba(samples[0]), fitted.predict_proba(samples[0]), atol=0.02)
    np.testing.assert_array_equal(again.unsure(samples[0]), fitted.unsure(samples[0]))
    assert (again.recipe, again.get_params()["size"]) == (recipe, SIDE)
    assert again.classifier_.selected == fitted.classifier_.selected
    return again


def test_fit__frozen(samples, tmp_path, temporary):
    pytest.importorskip("cv2", reason="needs the extra: pip install 'tellapart[torch]'")
    fitted = ImageClassifier(recipe="frozen", size=SIDE).fit(*samples)
    assert fitted.score(*samples) > 0.9
    assert "views" in str(fitted.classifier_.selected)
    same_answers(fitted, samples, tmp_path / "model.tellapart", recipe="frozen")


def test_fit__auto_stays_within_its_budget(samples, tmp_path, temporary):
    fitted = ImageClassifier(recipe="auto", budget=0, size=SIDE).fit(*samples)
    assert fitted.classifier_.selected["recipe"] == "features"
    same_answers(fitted, samples, tmp_path / "model.tellapart", recipe="auto")


def test_fit__scratch(samples, tmp_path, temporary, torch):
    fitted = ImageClassifier(**SCRATCH).fit(*samples)
    assert fitted.score(*samples) > 0.9
    assert [row["epoch"] for row in fitted.classifier_.history] == list(range(1, 13))
    assert fitted.classifier_.selected["net"] == fitted.classifier_.base.name == "photo-convnet"
    again = same_answers(fitted, samples, tmp_path / "model.tellapart", recipe="scratch")
    assert again.backbone == "lite0"
    assert (again.classifier_.history, again.classifier_.abstention.unsure) == (
        (),
        fitted.classifier_.abstention.unsure,
    )
    with ZipFile(tmp_path / "model.tellapart") as model:
        assert model.read("weights.safetensors") == fitted.classifier_.weights
    assert load(again.save(tmp_path / "again.tellapart")).classifier_.selected == fitted.classifier_.selected


def test_fit__numbers_as_labels_of_a_net(samples, temporary, torch):
    numbers = [-5 if label == "ape" else 30 for label in samples[1]]
    fitted = ImageClassifier(**SCRATCH).fit(samples[0], numbers)
    assert list(fitted.classes_) == [-5, 30]
    assert fitted.score(samples[0], numbers) > 0.9


def test_fit__a_net_of_ones_own_is_copied(samples, tmp_path, temporary, torch):
    torch.manual_seed(0)
    layers = torch.nn.Conv2d(3, 8, 5, stride=4), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    module = torch.nn.Sequential(*layers, torch.nn.Linear(8, 2))
    before = [value.clone() for value in module.state_dict().values()]
    classifier = ImageClassifier(**SCRATCH, module=module)
    fitted = clone(classifier).fit(*samples)
    assert fitted.classifier_.base.name == "Sequential"
    assert all(map(torch.equal, before, module.state_dict().values()))
    np.testing.assert_array_equal(
        fitted.fit(*samples).classifier_.history[-1]["valid_loss"], fitted.classifier_.history[-1]["valid_loss"]
    )
    same_answers(fitted, samples, tmp_path / "model.tellapart", recipe="scratch")


def test_fit__finetune(samples, tmp_path, temporary, torch):
    fitted = ImageClassifier(**FINETUNE).fit(*samples)
    assert fitted.score(*samples) > 0.9
    assert [row["epoch"] for row in fitted.classifier_.history] == [1, 2]
    assert same_answers(fitted, samples, tmp_path / "model.tellapart", recipe="finetune").backbone == "lite0"
    with ZipFile(tmp_path / "model.tellapart") as model:
        assert len(model.read("weights.safetensors")) > 1000


def test_fit__the_work_folder_goes_after_a_failure_too(samples, temporary, torch):
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * SIDE**2, 5))
    with pytest.raises(UsageError, match="5 outputs"):
        ImageClassifier(**SCRATCH, module=module).fit(*samples)


def test_fit__no_room_for_temporary_files(samples, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(OutputError, match="no temporary folder"):
        ImageClassifier(recipe="auto", budget=0, size=SIDE).fit(*samples)
    assert ImageClassifier(size=SIDE).fit(*samples).score(*samples) > 0.9  # keeps nothing, so it needs none


@pytest.mark.parametrize(
    "parameters",
    [
        {**SCRATCH, "plan": FINETUNE["plan"]},
        {**FINETUNE, "plan": SCRATCH["plan"]},
        {**SCRATCH, "weights": "weights.safetensors"},
        {**SCRATCH, "module": "a net"},
        {**SCRATCH, "size": "big"},
        {**SCRATCH, "size": 3},
        {**FINETUNE, "backbone": "no such base"},
    ],
)
def test_fit__parameters_that_do_not_go_together(samples, parameters, torch):
    with pytest.raises(UsageError):
        ImageClassifier(**parameters).fit(*samples)


def test_clone__takes_a_plan_with_it_and_set_params_changes_it():
    classifier = ImageClassifier(**SCRATCH)
    assert clone(classifier).get_params() == classifier.get_params()
    plan = replace(SCRATCH["plan"], dropout=0.5)
    assert classifier.set_params(recipe="scratch-augmented", plan=plan).get_params()["plan"].dropout == 0.5


def test_cross_val_score__of_a_net(samples, temporary, torch):
    scores = cross_val_score(ImageClassifier(**SCRATCH), np.array(samples[0], object), samples[1], cv=2)
    assert scores.mean() > 0.8


WITHOUT_TORCH = """
import sys
from tellapart import load
sys.modules.update(dict.fromkeys(("torch", "timm", "cv2", "safetensors"), None))
print(load(sys.argv[1]).predict(sys.argv[2])[0])
"""


def test_load__a_net_answers_without_torch(samples, tmp_path, temporary, torch):
    fitted = ImageClassifier(**SCRATCH).fit(*samples)
    path = fitted.save(tmp_path / "model.tellapart")
    command = [sys.executable, "-c", WITHOUT_TORCH, str(path), str(samples[0][0])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == fitted.predict(samples[0][0])[0], done.stderr
