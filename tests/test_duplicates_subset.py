"""What is drawn for a small set: whole groups, nothing alike in two splits, nothing that cannot be read."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tellapart.commands.split import split
from tellapart.duplicates.subset import draw_choices
from tellapart.errors import DataError
from tellapart.types import Index, Picture
from test_duplicates_register import EDITS, scene


def index_of(rows):
    pictures = tuple(
        Picture(path=f"{row}", file=Path(f"{row}"), label=label, group=group) for row, (label, group) in enumerate(rows)
    )
    classes = tuple(sorted({label for label, _ in rows}))
    return Index(name="n", root=Path(), layout="folders", classes=classes, pictures=pictures)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([None, *"uvwxyz"])), min_size=1, max_size=40),
    st.fixed_dictionaries({"train": st.integers(0, 5), "valid": st.integers(0, 3), "test": st.integers(0, 3)}),
    st.integers(0, 3),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_draw_choices__has_the_sizes_and_no_group_in_two_splits(rows, sizes, seed):
    index = index_of(rows)
    try:
        chosen = draw_choices(index, sizes=sizes, seed=seed)
    except DataError:
        return
    assert len({choice.row for choice in chosen}) == len(chosen) == len(index.classes) * sum(sizes.values())
    homes = {}
    for choice in chosen:
        group = index.pictures[choice.row].group
        if group is not None:
            assert homes.setdefault(group, choice.split) == choice.split
    for name in index.classes:
        for part, size in sizes.items():
            drawn = [choice for choice in chosen if (rows[choice.row][0], choice.split) == (name, part)]
            assert len(drawn) == size


def test_draw_choices__whole_groups_first_and_a_part_only_to_fill():
    index = index_of([("a", f"g{row // 4}") for row in range(40)])
    chosen = draw_choices(index, sizes={"train": 10, "valid": 4, "test": 4}, seed=0)
    groups = [
        [index.pictures[choice.row].group for choice in chosen if choice.split == part] for part in ("train", "valid")
    ]
    assert sorted(groups[0].count(name) for name in set(groups[0])) == [2, 4, 4]
    assert len(set(groups[1])) == 1
    with pytest.raises(DataError, match="too few groups to fill test, 4 pictures are missing"):
        draw_choices(
            index_of([("a", "bc"[row % 2]) for row in range(40)]), sizes={"train": 4, "valid": 4, "test": 4}, seed=0
        )


@pytest.fixture
def data(tmp_path):
    """Two classes of scenes; those of ape have a resized and a cropped twin each, one an exact copy, one is broken."""
    root = tmp_path / "data"
    for kind, label in enumerate(("ape", "bee")):
        (root / label).mkdir(parents=True)
        for number in range(8):
            pixels = scene(100 * kind + number)
            Image.fromarray(pixels).save(root / label / f"{number}.jpg")
            for name in ("resized", "cropped") if label == "ape" else ():
                Image.fromarray(EDITS[name](pixels)).save(root / label / f"{number} {name}.jpg")
    shutil.copy(root / "ape" / "0.jpg", root / "ape" / "0 copy.jpg")
    broken = (root / "bee" / "0.jpg").read_bytes()[:300]
    for number in range(20):
        (root / "bee" / f"broken {number}.jpg").write_bytes(broken + bytes([number]))
    return root


def drawn(out):
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*.jpg"))


def test_split__no_edit_of_a_picture_is_in_another_split_and_none_is_broken(data, tmp_path):
    sizes = {"train": 3, "valid": 2, "test": 2}
    counts = split(data, tmp_path / "out", sizes=sizes)
    assert counts == {"ape": sizes, "bee": sizes}
    homes = {}
    for path in drawn(tmp_path / "out"):
        part, label, name = path.split("/")
        assert not name.startswith("broken")
        assert homes.setdefault((label, name[0]), part) == part
    again = drawn(tmp_path / "out")
    split(data, tmp_path / "out", sizes=sizes)
    assert drawn(tmp_path / "out") == again


def test_split__equal_only_opens_no_picture(data, tmp_path):
    sizes = {"train": 9, "valid": 8, "test": 8}
    split(data, tmp_path / "out", sizes=sizes, near=False)
    copies = [path.split("/")[0] for path in drawn(tmp_path / "out") if path.endswith(("ape/0.jpg", "ape/0 copy.jpg"))]
    assert len(set(copies)) == 1
    assert any("broken" in path for path in drawn(tmp_path / "out"))


def test_split__group_by_keeps_what_a_path_tells_out_of_two_splits(data, tmp_path):
    split(
        data, tmp_path / "out", sizes={"train": 4, "valid": 4, "test": 4}, near=False, group_by=r"^ape/\d|^bee/(b|\d)"
    )
    homes = {}
    for path in drawn(tmp_path / "out"):
        part, label, name = path.split("/")
        if label == "ape":
            assert homes.setdefault(name[0], part) == part


def test_split__broken_pictures_all_over_are_too_few(data, tmp_path):
    with pytest.raises(DataError, match="the class 'bee' has"):
        split(data, tmp_path / "out", sizes={"train": 4, "valid": 3, "test": 2})
    assert not (tmp_path / "out").exists()
    assert len(list(data.rglob("*.jpg"))) == 53
