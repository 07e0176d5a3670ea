"""Labels of a program are checked, keep their type, and are told by their own names."""

import numpy as np
import pytest

from tellapart.data.sample_labels import check_counts, label_repr, label_values
from tellapart.errors import DataError


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (["a", "b"], "U"),
        ((1, 2), "i"),
        ([1, 2.5], "f"),
        ([True, False], "b"),
        ([np.str_("a"), "b"], "U"),
        ([np.int8(1), 2], "i"),
        (np.array([1, 2], np.int8), "i"),
        (np.array(["a", "b"], object), "U"),
        (np.array([[1], [2]]), "i"),
        (iter("ab"), "U"),
    ],
    ids=range(10),
)
def test_label_values__keep_their_type(labels, kind):
    values = label_values(labels)
    assert (values.shape, values.dtype.kind) == ((2,), kind)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["cat", None], "a label is missing (None): y[1]"),
        (["cat", "dog", float("nan")], "a label is missing (nan): y[2]"),
        (np.array([1.0, np.nan]), "a label is missing (nan): y[1]"),
        (np.array(["cat", None], object), "a label is missing (None): y[1]"),
        (["cat", 3], "labels of mixed types: 'cat' is a text, 3 is a number: y[1]"),
        ([1, "1"], "labels of mixed types: 1 is a number, '1' is a text: y[1]"),
        ([np.int64(1), True], "labels of mixed types: 1 is a number, True is a truth value: y[1]"),
        (["cat", " "], "an empty label: y[1]"),
        (["cat", ["dog"]], "a list is no label: y[1]"),
        ([b"cat", b"dog"], "a bytes is no label: y[0]"),
        (np.array([b"cat"]), "a bytes is no label: y[0]"),
        (np.zeros((2, 3)), "labels of shape [2, 3]: y"),
        ([["a"], ["b"]], "a list is no label: y[0]"),
        ("ab", "a str is no list of labels: y"),
        (5, "an int is no list of labels: y"),
        ({"a": 1}, "a dict is no list of labels: y"),
    ],
    ids=range(16),
)
def test_label_values__what_is_wrong_with_them(labels, message):
    with pytest.raises(DataError, match=r"^[^\n]*$") as caught:
        label_values(labels)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("classes", "counts", "message"),
    [
        (np.array(["cat", "owl"]), [5, 1], "the class 'owl' has one picture: y"),
        (np.array([3, 7, 9]), [1, 4, 1], "2 classes, 3, 9 have one picture each: y"),
        (np.array([False, True]), [1, 4], "the class False has one picture: y"),
        (np.array(["cat"]), [5], "only one class, 'cat': y"),
        (np.arange(9), [1] * 9, "9 classes, 0, 1, 2, 3, 4 and 4 more have one picture each: y"),
        (np.array([]), [], "no pictures: y"),
    ],
)
def test_check_counts__names_classes_as_their_owner_does(classes, counts, message):
    with pytest.raises(DataError) as caught:
        check_counts(classes, counts)
    assert message in str(caught.value)
    check_counts(np.array(["a", "b"]), [2, 2])


def test_label_repr__as_python_writes_it():
    assert [label_repr(value) for value in (np.str_("a"), np.int8(3), np.bool_(1), 2.5)] == ["'a'", "3", "True", "2.5"]


def test_label_values__pandas():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    column = pandas.Series(["b", "a"], index=[5, 5])
    for labels in (column, column.astype("category"), column.to_frame(), column.astype("string")):
        assert label_values(labels).tolist() == ["b", "a"]
    assert label_values(pandas.Series([1, 2], dtype="Int8")).dtype.kind == "i"
    for dtype in ("object", "string", "category"):
        with pytest.raises(DataError, match=r"a label is missing \((nan|None|<NA>)\): y\[1\]"):
            label_values(pandas.Series(["a", None], dtype=dtype))
    for labels in (pandas.Series([1, None]), pandas.Series([1, None], dtype="Int64")):
        with pytest.raises(DataError, match=r"a label is missing \((nan|<NA>)\): y\[1\]"):
            label_values(labels)


def test_label_values__polars():
    polars = pytest.importorskip("polars", reason="polars is not installed")
    column = polars.Series("label", ["b", "a"])
    for labels in (column, column.cast(polars.Categorical), column.to_frame()):
        assert label_values(labels).tolist() == ["b", "a"]
    assert label_values(polars.Series([1, 2], dtype=polars.Int8)).dtype == np.int8
    for values in (["a", None], [1, None], [True, None]):
        with pytest.raises(DataError, match=r"a label is missing \((nan|None)\): y\[1\]"):
            label_values(polars.Series(values))
