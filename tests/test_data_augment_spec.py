"""What a caller writes of augmentation is understood, or one line says how to write it."""

from dataclasses import replace

import pytest

from tellapart.data.augment import CHAPTER, NOTHING, Augmentation
from tellapart.data.augment_spec import augmentation_spec, ranges_text
from tellapart.errors import UsageError

OWN = Augmentation(rotation=5, horizontal_flip=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", NOTHING),
        ("chapter", CHAPTER),
        ("rotation=20", replace(OWN, rotation=20)),
        ("chapter,rotation=20,flip=no", replace(CHAPTER, rotation=20, horizontal_flip=False)),
        (
            "none,shift=0.1,zoom=.3,flip",
            Augmentation(width_shift=0.1, height_shift=0.1, zoom=0.3, horizontal_flip=True),
        ),
        ("none, shear=3, brightness=0.2, vertical_flip", Augmentation(shear=3, brightness=0.2, vertical_flip=True)),
    ],
)
def test_augmentation_spec__what_is_written(text, expected):
    assert augmentation_spec(text).applied(OWN) == expected


@pytest.mark.parametrize("text", ["", "much", "rotation", "rotation=far", "flip=perhaps", "rotation=20,chapter"])
def test_augmentation_spec__something_else(text):
    with pytest.raises(UsageError, match=r"no such augmentation.*NAME=NUMBER"):
        augmentation_spec(text)


@pytest.mark.parametrize("text", ["rotation=200", "zoom=1.5", "brightness=-1", "shear=nan"])
def test_augmentation_spec__wider_than_it_can_be(text):
    with pytest.raises(UsageError, match=r"must be from 0 to"):
        augmentation_spec(text)


@pytest.mark.parametrize(
    ("augmentation", "text"),
    [
        (NOTHING, "none"),
        (replace(OWN, width_shift=0.1, height_shift=0.1), "rotation=5, shift=0.1, flip"),
        (
            Augmentation(width_shift=0.1, contrast=0.25, vertical_flip=True),
            "width_shift=0.1, contrast=0.25, vertical_flip",
        ),
    ],
)
def test_ranges_text__is_what_a_caller_writes(augmentation, text):
    assert ranges_text(augmentation) == text
    assert augmentation_spec(text if text == "none" else f"none,{text}").applied(OWN) == augmentation
