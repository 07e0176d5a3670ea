"""What shows the same is found, by bytes, pixels and edits, and nothing else is."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from pictures import encode, make_pixels
from tellapart.backbones.catalogue import load_backbone
from tellapart.backbones.engine import Engine
from tellapart.data.scan import index_of_paths
from tellapart.duplicates import closer, find, neighbours, screens, suspects
from tellapart.duplicates.find import find_duplicates
from tellapart.duplicates.naming import named_alike, origin_of
from tellapart.features.embed import embed_pictures
from tellapart.progress import Silent
from tellapart.workers.pool import HERE
from test_duplicates_register import EDITS, scene
from test_workers_pool import Elsewhere


@pytest.fixture(scope="module")
def look():
    backbone = load_backbone("lite0", size=64)
    return partial(embed_pictures, backbone=backbone, engine=Engine(backbone, precision="f32"))


def written(folder, pictures):
    """Write pictures by name; an index of them in that order."""
    paths = []
    for name, content in pictures.items():
        paths.append(folder / name)
        paths[-1].write_bytes(content if isinstance(content, bytes) else encode(content, "JPEG", quality=90))
    return index_of_paths(paths)


def test_find_duplicates__bytes_pixels_and_edits(look, tmp_path):
    pictures = {f"{seed}.jpg": scene(seed) for seed in range(12)}
    photo = encode(scene(3), "JPEG", quality=90)
    pictures |= {
        "copy.jpg": photo,
        "same pixels.jpg": photo + b"trailing",
        "mirrored.jpg": scene(5)[:, ::-1],
        **{f"{name}.jpg": edit(scene(7)) for name, edit in EDITS.items()},
    }
    embedded = look(written(tmp_path, pictures))
    names = [picture.file.name for picture in embedded.index.pictures]
    groups = find_duplicates(embedded)
    assert [{names[row] for row in group.rows} for group in groups] == [
        {"3.jpg", "copy.jpg", "same pixels.jpg"},
        {"5.jpg", "mirrored.jpg"},
        {"7.jpg", *(f"{name}.jpg" for name in EDITS)},
    ]
    assert [group.kind for group in groups] == ["pixels", "near", "near"]
    assert [pair.kind for pair in groups[0].pairs] == ["bytes", "pixels"]
    assert groups[1].pairs[0].mirrored
    assert 0.9 < groups[1].pairs[0].similarity <= 1
    assert all(not pair.mirrored for pair in groups[2].pairs)


def filled(pixels, *, degrees=0, zoom=1.0, mode="black", mirrored=False, shift=(0, 0)):
    """Turned about the middle, zoomed and shifted by pixels; what is left is black or repeats the last pixels."""
    pixels = pixels[:, ::-1] if mirrored else pixels
    side = len(pixels)
    wide = np.pad(pixels, ((side, side), (side, side), (0, 0)), mode="edge" if mode == "edge" else "constant")
    picture = Image.fromarray(wide).rotate(degrees, Image.Resampling.BILINEAR)
    margin = side * (3 - 1 / zoom) / 2
    box = [end + shift[place % 2] for place, end in enumerate((margin, margin, 3 * side - margin, 3 * side - margin))]
    return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR, box=box))


COPIES = {
    "turned": partial(filled, degrees=37),
    "turned, repeated": partial(filled, degrees=141, mode="edge"),
    "a quarter": partial(filled, degrees=90),
    "turned and mirrored": partial(filled, degrees=200, mirrored=True),
    "zoomed": partial(filled, zoom=1.3),
    "turned and zoomed": partial(filled, degrees=15, zoom=1.25),
    "upside down": lambda pixels: pixels[::-1],
}
MOVED = {
    "turned and shifted": partial(filled, degrees=9, shift=(20, -24)),
    "shifted": partial(filled, shift=(-36, 22)),
    "shifted, repeated": partial(filled, shift=(30, 40), mode="edge"),
}


def test_find_duplicates__copies_as_exporters_make_them(look, tmp_path):
    pictures = {f"{seed}.jpg": scene(seed) for seed in range(20, 20 + len(COPIES))}
    pictures |= {f"copy {name}.jpg": make(scene(20 + n)) for n, (name, make) in enumerate(COPIES.items())}
    groups = find_duplicates(look(written(tmp_path, pictures)))
    assert [group.rows for group in groups] == [(row, row + len(COPIES)) for row in range(len(COPIES))]


FOUND = 5  # copies at least, of those below


def with_copies(folder):
    """Scenes, some with a copy, most of which a closer look must tell."""
    pictures = {f"{seed:02d}.jpg": scene(seed) for seed in range(20)}
    pictures |= {f"{seed:02d}x.jpg": make(scene(seed)) for seed, make in enumerate((COPIES | MOVED).values())}
    return written(folder, pictures)


def told(groups):
    """What is told of groups, similarities apart, and those."""
    pairs = [pair for group in groups for pair in group.pairs]
    sure = [(pair.first, pair.second, pair.kind, pair.mirrored) for pair in pairs]
    return [group.rows for group in groups], sure, [pair.similarity for pair in pairs]


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("workers", [HERE, Elsewhere(1)], ids=["here", "elsewhere"])
def test_find_duplicates__does_not_depend_on_parts_and_who_does_them(look, tmp_path, monkeypatch, size, workers):
    embedded = look(with_copies(tmp_path))
    embedded.index.pictures[0].file.unlink()
    *whole, similar = told(find_duplicates(embedded))
    assert len(whole[0]) > FOUND
    for module, name in ((find, "STEP"), (screens, "STEP"), (closer, "PAIRS"), (neighbours, "BLOCK")):
        monkeypatch.setattr(module, name, size)
    *found, likewise = told(find_duplicates(embedded, workers=workers))
    assert found == whole
    np.testing.assert_allclose(likewise, similar, atol=2e-4)


@pytest.mark.parametrize(("leaf", "said"), [(10, True), (4096, False)])
def test_find_duplicates__each_search_of_many_pictures_is_told(look, tmp_path, monkeypatch, leaf, said):
    class Told(Silent):
        stages, steps = (), 0

        def start(self, what, *, total, unit):
            self.stages += ((what, total, unit),)

        def advance(self, steps=1):
            self.steps += len(self.stages) == 1

    listener = Told()
    monkeypatch.setattr(suspects, "LEAF", leaf)
    find_duplicates(look(with_copies(tmp_path)), progress=listener)
    searching = ("Searching for pictures that are alike", 5, "comparisons")
    assert (searching in listener.stages) is said
    assert not said or (listener.stages[0], listener.steps) == (searching, 5)


def test_find_duplicates__is_the_same_to_the_digit_elsewhere(look, tmp_path):
    embedded = look(with_copies(tmp_path))
    assert find_duplicates(embedded, workers=Elsewhere(1)) == find_duplicates(embedded)


@pytest.mark.parametrize("make", MOVED.values(), ids=MOVED)
def test_find_duplicates__copies_of_which_the_middle_has_moved(look, tmp_path, make):
    pictures = {f"{seed}.jpg": scene(seed) for seed in range(20, 26)}
    pictures |= {f"{seed}_aug_1.jpg": make(scene(seed)) for seed in range(20, 24)}
    groups = find_duplicates(look(written(tmp_path, pictures)))
    assert [group.rows for group in groups] == [(row, row + 6) for row in range(4)]


def test_find_duplicates__another_part_of_a_scene_that_is_turned_too_is_no_copy(look, tmp_path):
    """Only a filling tells a copy that was turned and shifted from another look at one scene."""
    wide = [scene(seed, side=400) for seed in range(4)]
    pictures = {f"{n}.jpg": each[80:320, 80:320] for n, each in enumerate(wide)}
    moved = [np.asarray(Image.fromarray(each).rotate(9, Image.Resampling.BILINEAR)) for each in wide]
    pictures |= {f"{n}_aug_1.jpg": each[100:340, 60:300] for n, each in enumerate(moved)}
    assert find_duplicates(look(written(tmp_path, pictures))) == ()


def test_find_duplicates__another_part_of_a_scene_is_no_copy(look, tmp_path):
    wide = [scene(seed, side=300) for seed in range(6)]
    pictures = {
        f"{n}{name}.jpg": each[:240, start : 240 + start]
        for n, each in enumerate(wide)
        for name, start in (("a", 0), ("b", 40))
    }
    assert find_duplicates(look(written(tmp_path, pictures))) == ()


def test_find_duplicates__a_crowd_of_pictures_that_are_alike_is_no_group(look, tmp_path):
    part = scene(1)

    def shot(seed):
        """The same part before the same camera, each with marks of its own."""
        marks = np.asarray(Image.fromarray(scene(100 + seed)).convert("L")).astype(float)[..., None] - 128
        return (part * 0.85 + marks * 0.18).clip(0, 255).astype(np.uint8)

    shots = {f"{seed}.jpg": shot(seed) for seed in range(45)}
    embedded = look(written(tmp_path, {**shots, "again.jpg": encode(shot(5), "JPEG", quality=60)}))
    groups = find_duplicates(embedded)
    assert [group.rows for group in groups] == [(5, 45)]


def test_find_duplicates__what_is_too_much_to_compare_is_said(look, tmp_path, monkeypatch):
    class Notes:
        def __init__(self):
            self.said = []

        start = advance = finish = lambda *_, **__: None

        def note(self, text):
            self.said.append(text)

    monkeypatch.setattr(find, "MOST_CONFIRMED", 1)
    pictures = {f"{seed}{suffix}.jpg": scene(seed)[:: 1 + bool(suffix)] for seed in range(3) for suffix in ("", "s")}
    progress = Notes()
    groups = find_duplicates(look(written(tmp_path, pictures)), progress=progress)
    assert len(groups) == 1
    assert progress.said == [
        "2 pairs of pictures that may show the same were not compared: there are more than 1 of them."
    ]


@pytest.mark.parametrize("count", [0, 1])
def test_find_duplicates__of_one_picture_or_none(look, tmp_path, count):
    embedded = look(written(tmp_path, {"a.jpg": scene(1), "b.jpg": b"broken" if count == 1 else scene(1)}))
    assert len(find_duplicates(embedded)) == (1 if count == 0 else 0)


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("dogs/rex_jpg.rf.0f3a9c0f3a9c0f3a9c0f3a9c0f3a9c0f.jpg", "rex_jpg"),
        ("rex_aug_3.png", "rex"),
        ("rex-augmented12.png", "rex"),
        ("rex_0_1234.jpeg", "rex"),
        ("august_7.png", None),
        ("rex_12.png", None),
    ],
)
def test_origin_of__names_of_exporters(path, origin):
    stem = path.rpartition("/")[2].rpartition(".")[0]
    assert origin_of(path) == ((origin, True) if origin else (stem, False))


def test_named_alike__pairs_of_one_origin_that_are_not_too_many():
    many = [f"all_0_{number}.png" for number in range(200)]
    paths = ["a.png", "b/a_aug_1.png", "a_aug_2.png", "other.png", "c/other.png", *many]
    assert named_alike(paths).tolist() == [[0, 1], [0, 2], [1, 2]]


def test_find_duplicates__names_are_a_hint_that_pictures_confirm(look, tmp_path):
    said = []
    progress = SimpleNamespace(note=said.append, **dict.fromkeys(("start", "advance", "finish"), lambda *_, **__: None))
    copies = {f"rex_aug_{n}.jpg": filled(scene(1), degrees=90 * n) for n in (1, 2)}
    pictures = {"rex.jpg": scene(1), **copies, "ben.jpg": scene(5), "ben_aug_1.jpg": scene(8)}
    groups = find_duplicates(look(written(tmp_path, pictures)), progress=progress)
    assert [len(group.rows) for group in groups] == [3]
    assert len(said) == 1
    assert "5 pictures are named as augmented copies" in said[0]
    assert "; 3 of them show the same" in said[0]


def test_find_duplicates__stripes_that_lie_over_other_stripes_are_no_copies(look, tmp_path):
    """A grating has no place along its lines, and has many across them."""
    pictures = {f"{kind}-{seed:02d}.png": make_pixels(seed, kind=kind) for kind in (0, 3) for seed in range(12)}
    pictures["copy.png"] = encode(pictures["0-05.png"], "PNG")
    pictures = {name: each if isinstance(each, bytes) else encode(each, "PNG") for name, each in pictures.items()}
    embedded = look(written(tmp_path, pictures))
    names = [picture.file.name for picture in embedded.index.pictures]
    assert [{names[row] for row in group.rows} for group in find_duplicates(embedded)] == [{"0-05.png", "copy.png"}]
