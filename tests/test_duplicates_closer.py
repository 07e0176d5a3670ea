"""What miniatures leave in doubt is told by the pictures themselves."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image

from pictures import encode
from tellapart.backbones.catalogue import load_backbone
from tellapart.backbones.engine import Engine
from tellapart.data.scan import index_of_paths
from tellapart.duplicates import closer
from tellapart.duplicates.closer import Unclear, look_closer
from tellapart.duplicates.find import find_duplicates
from tellapart.duplicates.kept import kept_duplicates
from tellapart.duplicates.placement import UPRIGHT
from tellapart.features.embed import embed_pictures
from tellapart.progress import Silent
from tellapart.types import Depth
from tellapart.workers.pool import HERE, as_it_is
from test_workers_pool import Elsewhere, Heard

ZOOM = 1.25
SIDE = 240  # px


@pytest.fixture(scope="module")
def look():
    backbone = load_backbone("lite0", size=64)
    return partial(embed_pictures, backbone=backbone, engine=Engine(backbone, precision="f32"))


def thing(texture: int, *, side: int = SIDE) -> np.ndarray:
    """A round thing on a plain table, uint8 [side, side, 3], of the same large patches and a texture of its own."""

    def noise(seed: int, cells: int) -> np.ndarray:
        drawn = np.random.default_rng(seed).normal(size=(cells, cells)).astype(np.float32)
        return np.asarray(Image.fromarray(drawn).resize((side, side), Image.Resampling.BICUBIC))

    axis = np.linspace(-1, 1, side)
    inside = np.hypot(axis, axis[:, None]) < 0.55
    shown = np.where(inside, 120 + 45 * noise(1, 9) + 35 * noise(100 + texture, side // 4), 205)
    return np.repeat(shown.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def zoomed(pixels: np.ndarray) -> np.ndarray:
    side = len(pixels)
    edge = side * (1 - 1 / ZOOM) / 2
    box = (edge, edge, side - edge, side - edge)
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC, box=box))


def written(folder, pictures):
    paths = []
    for name, pixels in pictures.items():
        paths.append(folder / name)
        paths[-1].write_bytes(encode(pixels, "JPEG", quality=90))
    return index_of_paths(paths)


def groups_of(look, index):
    embedded = look(index)
    return [group.rows for group in find_duplicates(embedded)], embedded


def test_find_duplicates__a_thing_of_another_texture_at_another_zoom_is_no_copy(look, tmp_path):
    index = written(tmp_path, {"one.jpg": thing(1), "other.jpg": zoomed(thing(2))})
    found, embedded = groups_of(look, index)
    assert found == []
    # Nor is that for want of a suspicion: where the pictures are gone, their miniatures take them for copies.
    for picture in index.pictures:
        picture.file.unlink()
    assert [group.rows for group in find_duplicates(embedded)] == [(0, 1)]


def test_find_duplicates__the_same_thing_at_another_zoom_is_a_copy(look, tmp_path):
    found, _ = groups_of(look, written(tmp_path, {"one.jpg": thing(1), "copy.jpg": zoomed(thing(1))}))
    assert found == [(0, 1)]


@pytest.mark.usefixtures("fresh_cache")
def test_kept_duplicates__pictures_that_are_away_for_a_moment(look, tmp_path):
    index = written(tmp_path, {"one.jpg": thing(1), "other.jpg": zoomed(thing(2))})
    embedded = look(index)
    whole = Depth(name="all", start=0, stop=embedded.features.shape[1])

    def asked():
        heard = Heard()
        return [group.rows for group in kept_duplicates(embedded, last=whole, progress=heard)], heard.notes

    file = index.pictures[1].file
    file.rename(file.with_suffix(".away"))
    groups, (note,) = asked()
    assert groups == [(0, 1)]
    assert "1 pair of pictures was judged without a closer look" in note
    assert str(file) in note
    file.with_suffix(".away").rename(file)
    assert asked() == ([], [])
    assert asked() == ([], [])


def test_look_closer__sees_what_is_large_enough_and_still_there(tmp_path):
    pictures = {"one.jpg": thing(1), "copy.jpg": thing(1), "small.jpg": thing(1, side=48), "gone.jpg": thing(1)}
    index = written(tmp_path, pictures)
    index.pictures[3].file.unlink()
    pairs = np.array([[0, 3], [0, 2], [0, 1]])
    start, least = np.repeat(UPRIGHT[None], 3, axis=0), np.zeros(3)
    closer = look_closer(index, pairs, start, least=least, progress=Silent(), workers=HERE)
    assert closer.places.tolist() == [2]
    assert closer.likeness.detail.shape == (1,)
    assert closer.likeness.detail[0] > 0.99


class Blind(Elsewhere):
    """Workers that do not see the folder of the pictures."""

    def map(self, do, pieces, *, told, away=as_it_is):
        for piece in pieces:
            gone = tuple(replace(each, file=each.file / "elsewhere") for each in piece.index.pictures)
            yield do(replace(piece, index=replace(piece.index, pictures=gone)))


def test_look_closer__what_workers_elsewhere_cannot_read_is_read_here(tmp_path):
    index = written(tmp_path, {"one.jpg": thing(1), "copy.jpg": thing(1), "small.jpg": thing(1, side=48)})
    pairs, start, least = np.array([[0, 2], [0, 1]]), np.repeat(UPRIGHT[None], 2, axis=0), np.zeros(2)
    look_on = partial(look_closer, index, pairs, start, least=least, progress=Silent())
    here, there = look_on(workers=HERE), look_on(workers=Blind(1))
    assert there.places.tolist() == here.places.tolist() == [1]
    np.testing.assert_array_equal(there.likeness.detail, here.likeness.detail)
    assert not len(there.unread)


class Steps(Silent):
    """A listener that keeps how far each step went."""

    def __init__(self):
        self.steps = []

    def advance(self, steps=1):
        self.steps.append(steps)


def test_look_closer__progress_moves_evenly_and_few_pictures_are_decoded_twice(tmp_path, monkeypatch):
    index = written(tmp_path, {f"{number:03d}.png": thing(1, side=64) for number in range(120)})
    decoded, heard = [], Steps()
    monkeypatch.setattr(closer, "_seen", lambda index, row: decoded.append(index.pictures[row].path))  # none is seen
    chains = np.array([(first, first + 3) for first in range(117)])  # three of 40 pictures, that share none
    pairs = np.random.default_rng(0).permutation(np.concatenate([chains, chains[:, ::-1]]))
    start = np.repeat(UPRIGHT[None], len(pairs), axis=0)
    look_closer(index, pairs, start, least=np.zeros(len(pairs)), progress=heard, workers=HERE)
    assert heard.steps == [64, 64, 64, 42]
    assert len(decoded) < 130


def test_told__names_pictures(tmp_path):
    index = written(tmp_path, {"one.jpg": thing(1), "copy.jpg": thing(1)})
    unclear = Unclear(index=index, pairs=np.array([[0, 1]]), start=UPRIGHT[None], least=np.zeros(1))
    assert re.fullmatch(r"looking closer at 1 pair of pictures, among them \S*one.jpg and \S*copy.jpg", unclear.told())


def test_look_closer__of_nothing(tmp_path):
    index = written(tmp_path, {"one.jpg": thing(1)})
    pairs, start = np.empty((0, 2), np.int64), np.empty((0, 2, 3), np.float32)
    closer = look_closer(index, pairs, start, least=np.empty(0), progress=Silent(), workers=HERE)
    assert closer.places.shape == (0,)
    assert closer.likeness.place.shape == (0, 2, 3)
