"""Tables that have a column for each class, with a 1 in the one that a picture is of."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictures import write_classes, write_picture
from tellapart.data.one_hot import one_hot_labels
from tellapart.data.reading import Reading
from tellapart.data.scan import index_of_paths, scan
from tellapart.errors import DataError

HEADER = "image,MEL,NV,UNK,age"


@pytest.fixture
def folder(tmp_path):
    for number in range(4):
        write_picture(tmp_path / f"{number}.png", seed=number)
    return tmp_path


def table(folder, *rows, header=HEADER):
    file = folder / "truth.csv"
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return file


def test_scan__the_column_with_the_one_is_the_class(folder):
    file = table(folder, "0.png,1.0,0.0,0.0,40", "1.png,0.0,1.0,0.0,50", "2.png,0.0,1.0,0.0,", "3.png,1.0,0.0,0.0,1")
    index = scan(file)
    assert index.classes == ("MEL", "NV")
    assert {picture.path: picture.label for picture in index.pictures} == {
        "0.png": "MEL",
        "1.png": "NV",
        "2.png": "NV",
        "3.png": "MEL",
    }
    assert index.columns == ("age",)
    assert "taken for the classes: MEL, NV, UNK." in index.notes[0]


def test_scan__objects_of_json_with_truth_values(folder):
    file = folder / "truth.json"
    file.write_text(json.dumps([{"file": f"{n}.png", "cat": n < 2, "dog": n >= 2} for n in range(4)]))
    assert [picture.label for picture in scan(file).pictures] == ["cat", "cat", "dog", "dog"]


def test_scan__hundreds_of_columns_of_classes(folder):
    names = [f"c{place:03}" for place in range(300)]
    rows = [f"{n}.png," + ",".join(str(int(place == 100 * (n % 2))) for place in range(300)) for n in range(4)]
    assert scan(table(folder, *rows, header=f"image,{','.join(names)}")).classes == ("c000", "c100")


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (HEADER, ["0.png,1,1,0,40", "1.png,0,1,0,50"]),  # two classes
        (HEADER, ["0.png,1,0,0,40", "1.png,0,0,0,50"]),  # none
        ("image,MEL,NV,male", ["0.png,1,0,1", "1.png,0,1,0"]),  # another column of 0 and 1
        ("image,MEL,NV", ["0.png,0.9,0.1", "1.png,0.2,0.8"]),  # probabilities
        ("image,train,is_test", ["0.png,1,0", "1.png,0,1"]),  # splits
        ("image,MEL", ["0.png,1", "1.png,1"]),
    ],
)
def test_scan__columns_that_do_not_tell_classes(folder, header, rows):
    with pytest.raises(DataError, match=r"no column 'label'.*--label-column NAME; found: image, "):
        scan(table(folder, *rows, header=header))


@pytest.mark.parametrize(
    ("rows", "flaw"),
    [
        (["0.png,1,0,0,40", "1.png,1,1,0,50"], "of MEL, NV, UNK, row 3 has it in 2 (MEL, NV)."),
        (["0.png,0,0,0,40", "1.png,0,1,0,50"], "of MEL, NV, UNK, row 2 has it in none."),
    ],
)
def test_scan__says_which_row_has_no_one_class(folder, rows, flaw):
    with pytest.raises(DataError) as told:
        scan(table(folder, *rows))
    assert str(told.value).endswith(f"age. A column for each class has a 1 in one of them; {flaw}")


def test_scan__says_nothing_of_classes_where_no_columns_are_flags(folder):
    with pytest.raises(DataError, match=r"found: image, a, b\.$"):
        scan(table(folder, "0.png,0.9,0.1", header="image,a,b"))


def test_scan__a_column_that_is_named_or_called_like_a_label_counts(folder):
    rows = ["0.png,1,0,a", "1.png,0,1,b"]
    assert scan(table(folder, *rows, header="image,x,y,label")).classes == ("a", "b")
    named = Reading(label_column="kind")
    assert scan(table(folder, *rows, header="image,x,y,kind"), reading=named).classes == ("a", "b")


def test_scan__class_folders_beside_metadata_with_such_columns_are_the_classes(tmp_path):
    folder = write_classes(tmp_path / "data", {"ape": 2, "bee": 2})
    rows = ["file_name,sharp,blurred", "ape/000.png,1,0", "ape/001.png,0,1", "bee/000.png,1,0", "bee/001.png,0,1"]
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    assert scan(folder).classes == ("ape", "bee")


def test_index_of_paths__pictures_to_predict_need_no_class(folder):
    index = index_of_paths([table(folder, "0.png,1,0,0,40", "1.png,0,0,0,50")])
    assert index.columns == ("MEL", "NV", "UNK", "age")


@given(places=st.lists(st.integers(0, 3), min_size=1, max_size=8), noise=st.text("ab2", max_size=3))
def test_one_hot_labels__finds_what_was_written(places, noise):
    rows = [[noise + "x", *("1" if place == column else "0" for column in range(4))] for place in places]
    assert one_hot_labels(rows, ["note", "a", "b", "c", "d"]) == (["abcd"[place] for place in places], [1, 2, 3, 4])
