"""The frozen part gives, for every view of every picture, what the whole base would have seen on the way."""

from dataclasses import replace

import numpy as np
import pytest

from tellapart.backbones.backbone import join_bases
from tellapart.backbones.catalogue import load_backbone
from tellapart.backbones.engine import Engine
from tellapart.errors import OutputError, PictureError
from tellapart.finetuning.frozen_part import frozen_bases, keep_views, views_within_bytes
from tellapart.finetuning.split_point import find_cut
from tellapart.progress import Silent

SIDE, PICTURES, VIEWS = 32, 11, 3


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("lite0", size=SIDE).means_only


@pytest.fixture(scope="module")
def cut(backbone):
    return find_cut(backbone, share=0.37)


@pytest.fixture(scope="module")
def prefix(backbone, cut):
    (prefix,) = frozen_bases(backbone, cut)
    return prefix


@pytest.fixture(scope="module")
def shown():
    return np.random.default_rng(0).integers(0, 256, (PICTURES, VIEWS, SIDE, SIDE, 3), np.uint8)


def showing(shown):
    """What gives the views of a picture, whichever base looks."""
    return lambda _preprocess, row: shown[row]


def test_frozen_bases__frozen_depths_then_the_map(prefix, backbone, cut, shown):
    rows = Engine(prefix, precision="f32").run(shown[:, 0])
    whole = Engine(backbone, precision="f32").run(shown[:, 0])
    frozen = sum(backbone.widths[depth] for depth in cut.frozen)
    assert rows.shape == (PICTURES, frozen + cut.values)
    np.testing.assert_allclose(rows[:, :frozen], whole[:, :frozen], rtol=1e-4, atol=1e-4)


def test_keep_views__every_view_stands_in_its_place(prefix, shown, tmp_path):
    path = tmp_path / "work" / "train.npy"
    kept = keep_views([prefix], showing(shown), pictures=PICTURES, views=VIEWS, path=path, progress=Silent())
    assert kept.shape == (PICTURES, VIEWS, prefix.width)
    assert isinstance(kept, np.memmap)
    for view in range(VIEWS):
        expected = Engine(prefix, precision="f32").run(shown[:, view])
        scale = np.abs(expected).max()
        assert np.abs(kept[:, view] - expected).max() < 0.05 * scale  # bfloat16 where it is native
    assert np.load(path, mmap_mode="r").shape == kept.shape


def test_frozen_bases__of_joined_ones_the_last_is_cut_and_the_others_look_as_a_whole(backbone, cut):
    lite2 = load_backbone("lite2", size=SIDE)
    joined = join_bases([lite2, load_backbone("lite0", size=SIDE)])
    both = find_cut(joined, share=0.37)
    assert (both.tensor, both.shape, both.share) == (cut.tensor, cut.shape, cut.share)
    assert both.trained == tuple(f"lite0.{depth}" for depth in cut.trained)
    assert both.frozen[: len(lite2.widths)] == tuple(f"lite2.{depth}" for depth in lite2.widths)
    first, last = frozen_bases(joined, replace(both, frozen=("lite2.stage5", "lite2.last", "lite0.stage4")))
    assert (first.name, list(first.widths)) == ("lite2", ["stage5", "last"])
    assert (last.name, list(last.widths)) == ("lite0", ["stage4", "map"])
    (alone,) = frozen_bases(joined, replace(both, frozen=()))
    assert (alone.name, alone.width) == ("lite0", cut.values)


def test_keep_views__bases_stand_side_by_side_each_shown_its_own_squares(tmp_path, shown):
    frozen = (load_backbone("lite2", size=SIDE).means_only, load_backbone("lite0", size=2 * SIDE))
    settings = {"pictures": PICTURES, "views": VIEWS, "progress": Silent()}

    def show(preprocess, row):
        return shown[row].repeat(preprocess.size // SIDE, axis=1).repeat(preprocess.size // SIDE, axis=2)

    kept = keep_views(frozen, show, path=tmp_path / "both.npy", **settings)
    each = [keep_views([base], show, path=tmp_path / f"{base.name}.npy", **settings) for base in frozen]
    np.testing.assert_array_equal(kept, np.concatenate(each, axis=2))


def test_keep_views__what_is_complete_is_not_made_again(prefix, shown, tmp_path):
    settings = {"pictures": PICTURES, "views": VIEWS, "path": tmp_path / "v.npy", "progress": Silent()}
    first = keep_views([prefix], showing(shown), **settings)
    np.testing.assert_array_equal(keep_views([prefix], None, **settings), first)


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY\x01\0\xff\xff" + b"(" * 66_000, b"PK\x03\x04", b"cut", b"pickle", b"long"]
)
def test_keep_views__what_is_no_such_file_is_made_again(prefix, shown, tmp_path, content):
    path = tmp_path / "views.npy"
    expected = keep_views(
        [prefix],
        showing(shown),
        pictures=PICTURES,
        views=VIEWS,
        path=tmp_path / "a.npy",
        progress=Silent(),
    )
    whole = (tmp_path / "a.npy").read_bytes()
    path.write_bytes({b"cut": whole[:-2], b"long": whole + b"\0"}.get(content, content))
    if content == b"pickle":
        np.save(path, np.array([{}], object))
    made = keep_views([prefix], showing(shown), pictures=PICTURES, views=VIEWS, path=path, progress=Silent())
    np.testing.assert_array_equal(made, expected)


def test_keep_views__what_was_cut_short_is(prefix, shown, tmp_path):
    path = tmp_path / "v.npy"
    settings = {"pictures": PICTURES, "views": VIEWS, "path": path, "progress": Silent()}

    def fail_later(_preprocess, row):
        if row == PICTURES - 1:
            raise KeyboardInterrupt
        return shown[row]

    with pytest.raises(KeyboardInterrupt):
        keep_views([prefix], fail_later, **settings)
    assert not path.exists()
    assert keep_views([prefix], showing(shown), **settings)[-1].any()


def test_keep_views__counts_every_view(prefix, shown, tmp_path):
    class Counting(Silent):
        steps = 0

        def advance(self, steps=1):
            Counting.steps += steps

    keep_views(
        [prefix],
        showing(shown),
        pictures=PICTURES,
        views=VIEWS,
        path=tmp_path / "v.npy",
        progress=Counting(),
    )
    assert Counting.steps == PICTURES * VIEWS


def test_keep_views__a_failure_comes_out(prefix, tmp_path):
    def show(_preprocess, row):
        raise PictureError("cannot be read", where=str(row))

    with pytest.raises(PictureError):
        keep_views([prefix], show, pictures=PICTURES, views=VIEWS, path=tmp_path / "v.npy", progress=Silent())


def test_keep_views__a_place_that_cannot_be_written(prefix, shown, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        keep_views(
            [prefix],
            showing(shown),
            pictures=PICTURES,
            views=VIEWS,
            path=tmp_path / "file" / "v.npy",
            progress=Silent(),
        )


def test_views_within_bytes__within_the_limit(prefix):
    each = PICTURES * prefix.width * 2
    assert views_within_bytes([prefix], pictures=PICTURES, wanted=8, limit=5 * each) == 5
    assert views_within_bytes([prefix], pictures=PICTURES, wanted=3, limit=5 * each) == 3
    assert views_within_bytes([prefix], pictures=PICTURES, wanted=8, limit=1) == 1
