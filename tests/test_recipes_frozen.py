"""The recipe `frozen`: views train and never judge, stay in one fold, and leave out what undoes a label."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pictures import make_pixels
from tellapart.backbones.engine import Engine
from tellapart.backbones.table import load_backbone
from tellapart.data.augment import NOTHING, Augmentation, AugmentedView
from tellapart.data.scan import index_of_paths, scan
from tellapart.features.cache import open_cache
from tellapart.features.embed import embed
from tellapart.heads.linear import LinearHead
from tellapart.progress import Silent
from tellapart.recipes.frozen import MOST_ROWS, affordable_views, train_frozen, training_views, with_views
from tellapart.recipes.undone import asked_rows, suited_augmentation, told_upside_down, worst_change
from tellapart.types import Depth

WIDTH = 24
DEPTHS = (Depth(name="middle", start=0, stop=8), Depth(name="last", start=8, stop=WIDTH))
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
        self.labels = np.concatenate([np.arange(count * classes) % classes for count in per_class])
        centres = self.random.normal(0, spread, (classes, WIDTH))
        self.features = (centres[self.labels] + self.random.normal(0, 1, (stops[-1], WIDTH))).astype(np.float32)
        self.classes = [f"class {number}" for number in range(classes)]
        self.step = step
        self.looks = []

    def look(self, view, rows, into):
        self.looks.append((view, list(rows)))
        into[:] = self.features[list(rows)] + self.random.normal(0, self.step, into.shape)

    def fit(self, *, valid_is_given=True, look=None, views=3, augmentation=SHIFTS, progress=None):
        return train_frozen(
            self.features,
            self.labels,
            classes=self.classes,
            depths=DEPTHS,
            train=self.train,
            valid=self.valid,
            valid_is_given=valid_is_given,
            look=look or self.look,
            seed=0,
            views=views,
            augmentation=augmentation,
            progress=progress,
        )


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
    seen = with_views(
        clouds.features, clouds.labels, train=clouds.train, valid=clouds.valid, views=views, look=clouds.look
    )
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
    assert trained.selected["views"] == 8
    assert trained.selected["scores"]["8"] < trained.selected["scores"]["0"]
    assert {row["views"] for row in trained.history} == {0, 8}


def test_train_frozen__views_that_harm_are_not_used():
    clouds = Clouds()

    def look(_view, rows, into):
        into[:] = clouds.features[[(row + 1) % 90 for row in rows]]  # the labels of others

    trained = clouds.fit(look=look)
    plain = clouds.fit(views=0)
    assert trained.selected["views"] == 0
    np.testing.assert_array_equal(trained.head.weight, plain.head.weight)


def test_train_frozen__without_augmentation_nothing_is_looked_at():
    clouds = Clouds()
    trained = clouds.fit(augmentation=NOTHING)
    assert clouds.looks == []
    assert trained.selected["scores"].keys() == {"0"}


def test_affordable_views__never_more_rows_than_fit():
    assert affordable_views(100, wanted=4) == 4
    assert affordable_views(MOST_ROWS // 3, wanted=4) == 2
    assert affordable_views(MOST_ROWS, wanted=4) == 0


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
    pictures = sorted(index.pictures, key=lambda picture: ("train", "valid").index(picture.split))
    index = replace(index, pictures=tuple(pictures))

    def look(view, rows, into):
        part = replace(index, pictures=tuple(index.pictures[row] for row in rows))
        embed(part, backbone, view=view, into=into, engine=engine)

    labels = np.array([index.classes.index(picture.label) for picture in index.pictures])
    progress = Listening()
    trained = train_frozen(
        embed(index, backbone, engine=engine).features,
        labels,
        classes=index.classes,
        depths=backbone.depths,
        train=slice(0, 60),
        valid=slice(60, 100),
        valid_is_given=True,
        look=look,
        seed=0,
        views=1,
        augmentation=augmentation,
        progress=progress,
    )
    return trained, progress.notes


@pytest.fixture(autouse=True)
def needs_opencv():
    pytest.importorskip("cv2", reason="needs the extra: pip install 'tellapart[torch]'")


def test_undone_labels__a_mirror_turns_left_into_right(tmp_path, engine):
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


def test_undone_labels__a_turn_makes_lying_of_standing(tmp_path, engine):
    kinds = {
        "lying": lambda seed: arrow(seed, left=seed % 2 == 0),
        "standing": lambda seed: arrow(seed, left=seed % 2 == 0).rotate(90),
    }
    trained, notes = fit_pictures(tmp_path, kinds, engine=engine, augmentation=EVERYTHING)
    (note,) = notes
    assert "Turning by" in note
    assert trained.selected["augmentation"]["rotation"] == 0
    assert trained.selected["augmentation"]["horizontal_flip"] is True


def test_undone_labels__textures_have_no_side(tmp_path, engine):
    kinds = {"fine": lambda seed: texture(seed, fine=True), "coarse": lambda seed: texture(seed, fine=False)}
    trained, notes = fit_pictures(tmp_path, kinds, engine=engine, augmentation=EVERYTHING)
    assert notes == []
    assert trained.selected["left_out"] == []


def test_told_upside_down__few_pictures_conclude_nothing():
    head = LinearHead(weight=np.eye(2, dtype=np.float32), bias=np.zeros(2, np.float32), start=0, stop=2)
    features, labels = np.eye(2, dtype=np.float32).repeat(20, axis=0), np.array([0] * 20 + [1] * 20)

    def look(view, rows, into):
        assert view.upside_down
        into[:] = features[rows]

    ask = partial(told_upside_down, features, labels, head=head, look=look)
    assert ask(rows=range(19)) is None
    assert ask(rows=[]) is None
    assert "20 of 20 pictures are told right, and upright 20, so" in ask(rows=range(20))
    assert told_upside_down(1 - features, labels, head=head, look=look, rows=range(40)) is None  # none was right


@pytest.mark.parametrize(("turn", "label", "kept"), [(True, 0, True), (False, 0, False), (True, 1, False)])
def test_suited_augmentation__turns_what_has_no_up(turn, label, kept):
    head = LinearHead(weight=np.eye(2, dtype=np.float32), bias=np.zeros(2, np.float32), start=0, stop=2)
    features, labels = np.eye(2, dtype=np.float32).repeat(30, axis=0), np.array([0] * 30 + [1] * 30)

    def look(_view, rows, into):
        into[:] = np.eye(2, dtype=np.float32)[labels[rows] ^ label]  # label 1: upside down each is the other

    progress = Listening()
    augmentation, left_out = suited_augmentation(
        features,
        labels,
        head=head,
        classes=("a", "b"),
        train=slice(0, 0),
        valid=slice(0, 60),
        look=look,
        augmentation=SHIFTS,
        turn=turn,
        progress=progress,
    )
    assert augmentation == replace(SHIFTS, vertical_flip=kept)
    assert len(progress.notes) == kept
    assert left_out == []


@pytest.mark.parametrize(("right", "said"), [(38, True), (37, False)])
def test_told_upside_down__nearly_all_must_be_told(right, said):
    head = LinearHead(weight=np.eye(2, dtype=np.float32), bias=np.zeros(2, np.float32), start=0, stop=2)
    features, labels = np.eye(2, dtype=np.float32).repeat(20, axis=0), np.array([0] * 20 + [1] * 20)

    def look(_view, rows, into):
        into[:] = features[rows]
        into[right:] = 1 - into[right:]

    assert bool(told_upside_down(features, labels, head=head, rows=range(40), look=look)) == said


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
                embed(index, backbone, cache=cache, engine=engine, **shown)
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
    embed(index, backbone, view=view, into=matrix, engine=engine)
    np.testing.assert_array_equal(matrix[::-1], embed(backwards, backbone, view=view, engine=engine).features)
