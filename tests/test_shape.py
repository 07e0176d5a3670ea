"""Shapes of JSON documents: the first place that does not fit is named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.shape import ANYTHING, NULL, NUMBER, misfit

SHAPE = {"name": str, "size?": int, "share": NUMBER, "parts": [{"at": [int], "kept": bool}], "more": {str: (int, NULL)}}
FITS = {"name": "x", "share": 1, "parts": [{"at": [1, 2], "kept": True}], "more": {"any": None, "key": 3}}
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(SHAPE)), inner, max_size=5),
)


def test_misfit__a_document_that_fits():
    assert misfit(FITS, SHAPE) is None
    assert misfit(FITS | {"size": 3, "unknown": object()}, SHAPE) is None


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": 3}, "name"),
        ({"size": None}, "size"),
        ({"size": True}, "size"),
        ({"share": float("nan")}, "share"),
        ({"share": "1"}, "share"),
        ({"parts": {}}, "parts"),
        ({"parts": [{"at": [1], "kept": True}, {"at": [1, "2"], "kept": True}]}, "parts[1].at[1]"),
        ({"parts": [{"at": []}]}, "parts[0].kept"),
        ({"parts": [{"at": [], "kept": 1}]}, "parts[0].kept"),
        ({"more": {"key": "text"}}, "more.key"),
        ({"more": []}, "more"),
    ],
)
def test_misfit__is_named_by_its_path(change, place):
    assert misfit(FITS | change, SHAPE) == place


def test_misfit__of_the_whole_is_the_path_it_was_given():
    assert misfit([], SHAPE, where="document") == "document"
    assert misfit({}, SHAPE, where="document") == "document.name"
    assert misfit(object(), ANYTHING) is None


@given(DOCUMENTS)
def test_misfit__what_fits_can_be_read_as_the_shape_says(document):
    if misfit(document, SHAPE) is None:
        assert document["name"] + "" is not None
        assert document["share"] + 1 > document["share"] - 1
        assert all(part["kept"] in (True, False) and sum(part["at"]) is not None for part in document["parts"])
        json.dumps(document)
