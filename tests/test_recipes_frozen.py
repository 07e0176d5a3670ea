"""The recipe `frozen`: views train and never judge, stay in one fold, and leave out what undoes a label."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from datasets import made_up_dataset, with_features
from pictures import make_pixels
from tellapart.backbones.backbone import Backbone
from tellapart.backbones.catalogue import load_backbone
from tellapart.backbones.engine import Engine
from tellapart.data.augment import NOTHING, Augmentation, AugmentedView, MovedView
from tellapart.data.preprocess import Preprocess
from tellapart.data.scan import index_of_paths, scan
from tellapart.features.cache import open_cache
from tellapart.features.embed import embed_pictures
from tellapart.heads.linear import LinearHead
from tellapart.progress import Silent
from tellapart.recipes import frozen
from tellapart.recipes.frozen import MOST_ROWS, FrozenPlan, train_frozen, training_views, views_within_rows, with_views
from tellapart.recipes.label_safety import ChangedLabel, asked_rows, suited_augmentation, told_upside_down, worst_change
from tellapart.recipes.request import Request
from tellapart.report.charts import history_curves

WIDTH = 24
BASE = Backbone(
    name="clouds", graph=b"", preprocess=Preprocess(size=32), widths={"middle": 8, "last": 16}, outputs=("features",)
)
SHIFTS = Augmentation(width_shift=0.1, height_shift=0.1)
EVERYTHING = Augmentation(rotation=90, horizontal_flip=True)


class Listening(Silent):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


class Clouds:
    """Made-up features: each class is a cloud, each view a step away from the picture."""

    def __init__(self, *, per_class=(30, 10, 10), spread=1.0, step=0.3, classes=3, seed=0):
        self.random = np.random.default_rng(seed)
        stops = np.cumsum(np.array(per_class) * classes).tolist()
        self.train, self.valid, self.test = (slice(*ends) for ends in zip([0, *stops], stops, strict=False))
        self.sizes = [count * classes for count in per_class]
        self.labels = np.concatenate([np.arange(count * classes) % classes for count in per_class])
        centres = self.random.normal(0, spread, (classes, WIDTH))
        self.features = (centres[self.labels] + self.random.normal(0, 1, (stops[-1], WIDTH))).astype(np.float32)
        self.classes = [f"class {number}" for number in range(classes)]
        self.step = step
        self.looks = []

    def look(self, view, rows, into):
        self.looks.append((view, list(rows)))
        into[:] = self.features[list(rows)] + self.random.normal(0, self.step, into.shape)

    def dataset(self, *, valid_is_given=True):
        return made_up_dataset(
            self.features, self.labels, classes=self.classes, sizes=self.sizes, valid_is_given=valid_is_given
        )

    def fit(self, *, valid_is_given=True, look=None, views=3, augmentation=SHIFTS):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(frozen, "view_embedder", lambda *_, **__: look or self.look)
            plan = FrozenPlan(augmented_views=views, augmentation=augmentation)
            request = Request(recipe="frozen", plan=plan, work=Path("unused"))
            return train_frozen(self.dataset(valid_is_given=valid_is_given), BASE, request)


@pytest.mark.parametrize("valid_is_given", [True, False])
def test_train_frozen__valid_and_test_are_never_augmented(valid_is_given):
    clouds = Clouds()
    clouds.features[clouds.test] = np.nan  # whoever touches these is found out
    trained = clouds.fit(valid_is_given=valid_is_given)
    train = list(range(clouds.train.start, clouds.train.stop))
    assert [rows for view, rows in clouds.looks if isinstance(view, AugmentedView)] == [train] * 3
    assert np.isfinite(trained.head.weight).all()
    assert np.isfinite(trained.temperature)


def test_with_views__valid_rows_are_the_pictures_as_they_are():
    clouds = Clouds()
    views = training_views(SHIFTS, seed=0, count=2)
    seen = with_views(clouds.dataset(), views=views, embed_view=clouds.look)
    np.testing.assert_array_equal(seen.features[seen.valid], clouds.features[clouds.valid])
    np.testing.assert_array_equal(seen.labels[seen.valid], clouds.labels[clouds.valid])
    np.testing.assert_array_equal(seen.features[:90], clouds.features[clouds.train])
    np.testing.assert_array_equal(seen.labels[seen.train], np.tile(clouds.labels[clouds.train], 3))
    assert seen.train == slice(0, 270)


def test_train_frozen__folds_never_part_the_views_of_a_picture():
    clouds = Clouds(spread=0.0, step=0.001)  # nothing to learn, but a twin in another fold would tell the label
    trained = clouds.fit(valid_is_given=False)
    assert "cross-validation" in trained.selected["chosen_by"]
    assert min(trained.selected["scores"].values()) > 0.95 * np.log(3)


def test_train_frozen__views_are_used_where_they_help():
    clouds = Clouds(per_class=(6, 40, 40), spread=0.6)

    def look(_view, rows, into):  # other pictures of the same class
        into[:] = clouds.random.normal(0, 1, into.shape) + centres[clouds.labels[list(rows)]]

    centres = np.array([clouds.features[clouds.labels == label].mean(axis=0) for label in range(3)])
    trained = clouds.fit(look=look, views=8)
    assert trained.selected["augmented_views"] == 8
    assert trained.selected["scores"]["8"] < trained.selected["scores"]["0"]
    assert {row["augmented_views"] for row in trained.history} == {0, 8}
    curves = history_curves(trained.history, selected=trained.selected)
    assert "augmented_views" not in curves["losses"]
    assert trained.history[curves["chosen"]]["log_loss"] == trained.selected["score"]


def test_train_frozen__views_that_harm_are_not_used():
    clouds = Clouds()

    def look(_view, rows, into):
        into[:] = clouds.features[[(row + 1) % 90 for row in rows]]  # the labels of others

    trained = clouds.fit(look=look)
    plain = clouds.fit(views=0)
    assert trained.selected["augmented_views"] == 0
    np.testing.assert_array_equal(trained.head.weight, plain.head.weight)


def test_train_frozen__without_augmentation_nothing_is_looked_at():
    clouds = Clouds()
    trained = clouds.fit(augmentation=NOTHING)
    assert clouds.looks == []
    assert trained.selected["scores"].keys() == {"0"}


def test_views_within_rows__never_more_rows_than_fit():
    assert views_within_rows(100, wanted=4) == 4
    assert views_within_rows(MOST_ROWS // 3, wanted=4) == 2
    assert views_within_rows(MOST_ROWS, wanted=4) == 0


# What undoes a label


def arrow(seed, *, left):
    """An arrow to one side on a smooth background, uint8 [64, 64, 3]."""
    random = np.random.default_rng(seed)
    image = Image.fromarray(make_pixels(seed, kind=3, width=64, height=64))
    middle, half = 32 + random.integers(-4, 5), 16 + random.integers(-2, 3)
    tip, tail, wing = (32 - half, 32 + half, 32 - half + 10) if left else (32 + half, 32 - half, 32 + half - 10)
    draw = ImageDraw.Draw(image)
    draw.line([tail, middle, wing, middle], fill=(250, 250, 250), width=5)
    draw.polygon([(tip, middle), (wing, middle - 10), (wing, middle + 10)], fill=(250, 250, 250))
    return image


def texture(seed, *, fine):
    """A texture without direction, fine or coarse."""
    random = np.random.default_rng(seed)
    grain = random.integers(0, 256, (32 if fine else 10,) * 2 + (3,), dtype=np.uint8)
    return Image.fromarray(grain).resize((64, 64), Image.Resampling.NEAREST)


@pytest.fixture(scope="module")
def engine():
    return Engine(load_backbone("lite0", size=64), precision="f32")


def fit_pictures(folder, kinds, *, engine, augmentation):
    """Train on pictures that kinds[name](seed) draws, with the real base, and return what came of it and its notes."""
    for name, make in kinds.items():
        for split, seeds in {"train": range(30), "valid": range(100, 120)}.items():
            (folder / split / name).mkdir(parents=True)
            for seed in seeds:
                make(seed).save(folder / split / name / f"{seed}.png")
    backbone, index = load_backbone("lite0", size=64), scan(folder)
    dataset = with_features(index, embed_pictures(index, backbone, engine=engine).features)
    progress = Listening()
    plan = FrozenPlan(augmented_views=1, augmentation=augmentation)
    request = Request(recipe="frozen", plan=plan, work=Path("unused"), progress=progress)
    return train_frozen(dataset, backbone, request), progress.notes


@pytest.fixture(autouse=True)
def needs_opencv():
    pytest.importorskip("cv2", reason="needs the extra: pip install 'tellapart[torch]'")


def test_changed_labels__a_mirror_turns_left_into_right(tmp_path, engine):
    kinds = {"left": lambda seed: arrow(seed, left=True), "right": lambda seed: arrow(seed, left=False)}
    shifts = replace(SHIFTS, horizontal_flip=True)
    trained, notes = fit_pictures(tmp_path, kinds, engine=engine, augmentation=shifts)
    (note,) = notes
    assert "Mirroring turns" in note
    assert "left" in note.split("(")[0]
    assert "right" in note.split("(")[0]
    assert trained.selected["left_out"] == [note]
    assert trained.selected["augmentation"]["horizontal_flip"] is False
    assert trained.selected["augmentation"]["width_shift"] == SHIFTS.width_shift


def test_changed_labels__a_turn_makes_lying_of_standing(tmp_path, engine):
    kinds = {
        "lying": lambda seed: arrow(seed, left=seed % 2 == 0),
        "standing": lambda seed: arrow(seed, left=seed % 2 == 0).rotate(90),
    }
    trained, notes = fit_pictures(tmp_path, kinds, engine=engine, augmentation=EVERYTHING)
    (note,) = notes
    assert "Turning by" in note
    assert trained.selected["augmentation"]["rotation"] == 0
    assert trained.selected["augmentation"]["horizontal_flip"] is True


def test_changed_labels__textures_have_no_side(tmp_path, engine):
    kinds = {"fine": lambda seed: texture(seed, fine=True), "coarse": lambda seed: texture(seed, fine=False)}
    trained, notes = fit_pictures(tmp_path, kinds, engine=engine, augmentation=EVERYTHING)
    assert notes == []
    assert trained.selected["left_out"] == []


SURE = LinearHead(weight=np.eye(3, dtype=np.float32), bias=np.zeros(3, np.float32), start=0, stop=3)
CLASSES = np.array([0] * 80 + [1] * 80 + [2] * 20)
SEEN = np.eye(3, dtype=np.float32)[CLASSES]


def asked_about(features, labels):
    """Valid pictures of classes a, b, c and d, and no others."""
    return made_up_dataset(features, labels, classes="abcd"[: labels.max() + 1], sizes=(0, len(labels), 0))


def seen_as(told):
    """A look at each picture that makes it look like a picture of class told[row]."""

    def look(_view, rows, into):
        into[:] = np.eye(3, dtype=np.float32)[np.asarray(told)[rows]]

    return look


def test_told_upside_down__few_pictures_conclude_nothing():
    ask = partial(told_upside_down, asked_about(SEEN, CLASSES), head=SURE, embed_view=seen_as(CLASSES))
    assert ask(rows=[]) is None
    assert ask(rows=range(30, 129)) is None
    assert "100 of 100 pictures are classified correctly, and upright 100, so" in ask(rows=range(30, 130))


def test_told_upside_down__a_head_that_knows_one_class_concludes_nothing():
    always = replace(SURE, weight=np.zeros((3, 3), np.float32), bias=np.array([1, 0, 0], np.float32))
    rows, labels = range(180), np.array([0] * 150 + [1] * 30)
    assert told_upside_down(asked_about(SEEN, labels), head=always, embed_view=seen_as(CLASSES), rows=rows) is None


@pytest.mark.parametrize(("lost", "said"), [([0] * 9, True), ([0] * 10, False), ([170] * 8, True)])
def test_told_upside_down__nearly_all_must_be_told(lost, said):
    told = CLASSES.copy()
    for place, row in enumerate(lost):
        told[row + place] = 1 if row == 0 else 0
    answer = told_upside_down(asked_about(SEEN, CLASSES), head=SURE, rows=range(180), embed_view=seen_as(told))
    assert bool(answer) == said


def test_told_upside_down__no_class_may_lose_more_than_half():
    told, labels = np.where(np.arange(600) < 589, np.arange(600) // 200, 0), np.arange(600) // 200
    labels[580:], told[580:589] = 3, 3  # a class of 20 that keeps 9
    seen, head = (
        np.eye(4, dtype=np.float32),
        LinearHead(weight=np.eye(4, dtype=np.float32), bias=np.zeros(4, np.float32), start=0, stop=4),
    )

    def look(_view, rows, into):
        into[:] = seen[told[rows]]

    dataset = asked_about(seen[labels], labels)
    ask = partial(told_upside_down, dataset, head=head, rows=range(600), embed_view=look)
    assert ask() is None
    told[589] = 3
    assert ask() is not None


@pytest.mark.parametrize(
    ("turn", "swap", "kept"),
    [(True, False, True), (False, False, False), (True, True, False)],
    ids=["no up", "not asked", "the small class turns into another"],
)
def test_suited_augmentation__turns_what_has_no_up(turn, swap, kept, monkeypatch):
    finding = ChangedLabel(
        augmentation="vertical_flip",
        view=MovedView(upside_down=True),
        label=2,
        other=0,
        pictures=20,
        before=0,
        after=20,
    )

    def changed(*_, augmentation, **__):
        assert augmentation.vertical_flip == turn
        return [finding] if swap else []

    monkeypatch.setattr("tellapart.recipes.label_safety.changed_labels", changed)
    progress = Listening()
    augmentation, left_out = suited_augmentation(
        asked_about(SEEN, CLASSES),
        head=SURE,
        embed_view=seen_as(CLASSES),
        augmentation=SHIFTS,
        turn=turn,
        progress=progress,
    )
    assert augmentation == replace(SHIFTS, vertical_flip=kept)
    assert [note.startswith("Upside down, ") for note in progress.notes] == [True] * kept + [False] * swap
    assert left_out == (
        ["Turning upside down turns c into a (20 of 20 pictures, 0 as they are), so vertical_flip is left out."]
        if swap
        else []
    )


def test_worst_change__is_most_of_a_class_and_no_chance():
    labels, before = np.zeros(40, np.int64), np.zeros(40, np.int64)
    after = np.where(np.arange(40) < 25, 1, 0)
    assert worst_change(labels, before, after) == {"label": 0, "other": 1, "pictures": 40, "before": 0, "after": 25}
    assert worst_change(labels, before, np.where(np.arange(40) < 20, 1, 0)) is None  # half is not most
    assert worst_change(labels, after, after) is None  # they were told so before
    assert worst_change(labels[:9], before[:9], after[:9]) is None  # nine may be chance
    assert worst_change(labels[:10], before[:10], after[:10]) is not None


def test_asked_rows__valid_first_and_train_where_valid_is_small():
    labels = np.array([0] * 80 + [1] * 80 + [0] * 60 + [1] * 5)
    rows = asked_rows(labels, train=slice(0, 160), valid=slice(160, 225))
    assert [row for row in rows if labels[row] == 0] == list(range(160, 210))
    assert [row for row in rows if labels[row] == 1] == [*range(80, 125), *range(220, 225)]


def test_suited_augmentation__two_classes_are_enough_to_tell(monkeypatch):
    monkeypatch.setattr("tellapart.recipes.label_safety.changed_labels", lambda *_, **__: [])
    labels = np.array([0] * 120 + [1] * 120)
    told = np.where(np.arange(240) % 40 == 0, 1 - labels, labels)
    augmentation, _ = suited_augmentation(
        asked_about(np.eye(3, dtype=np.float32)[labels], labels),
        head=SURE,
        embed_view=seen_as(told),
        augmentation=SHIFTS,
        turn=True,
        progress=Silent(),
    )
    assert augmentation.vertical_flip


# Views and the cache


def test_embed__each_view_is_kept_under_its_own_key(tmp_path, engine):
    backbone = load_backbone("lite0", size=64)
    for seed in range(8):
        (tmp_path / "data" / "ab"[seed % 2]).mkdir(parents=True, exist_ok=True)
        arrow(seed, left=True).save(tmp_path / "data" / "ab"[seed % 2] / f"{seed}.png")
    index = scan(tmp_path / "data")
    first, second = training_views(SHIFTS, seed=0, count=2)
    with open_cache(tmp_path / "cache") as cache:
        rounds = [
            [
                embed_pictures(index, backbone, cache=cache, engine=engine, **shown)
                for shown in ({}, {"view": first}, {"view": second})
            ]
            for _ in range(2)
        ]
    cold, warm = rounds
    assert [one.fresh for one in cold] == [8, 8, 8]
    assert [one.fresh for one in warm] == [0, 0, 0]
    assert len({one.features.tobytes() for one in cold}) == 3
    assert [one.features.tobytes() for one in cold] == [one.features.tobytes() for one in warm]


def test_embed__a_view_is_the_same_wherever_the_picture_stands(tmp_path, engine):
    backbone = load_backbone("lite0", size=64)
    paths = [tmp_path / f"{seed}.png" for seed in range(6)]
    for seed, path in enumerate(paths):
        arrow(seed, left=True).save(path)
    index, (view,) = index_of_paths(paths), training_views(SHIFTS, seed=0, count=1)
    backwards = replace(index, pictures=index.pictures[::-1])
    matrix = np.zeros((6, backbone.width), np.float32)
    embed_pictures(index, backbone, view=view, into=matrix, engine=engine)
    np.testing.assert_array_equal(matrix[::-1], embed_pictures(backwards, backbone, view=view, engine=engine).features)
