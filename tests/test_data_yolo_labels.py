"""Lines of YOLO's labels that would take long."""

import time

import pytest

from tellapart.data.yolo_labels import YoloNames, yolo_parts
from tellapart.errors import DataError


@pytest.mark.parametrize("word", ["1" * 40_000 + "x", "0." + "0" * 100, "1" * 65])
def test_yolo_parts__a_long_word_is_refused_at_once(tmp_path, word):
    names = YoloNames(by_number={0: "cat"}, source="data.yaml")
    began = time.process_time()
    with pytest.raises(DataError, match=r"line 1 of 1.txt has '.*', which is no number"):
        yolo_parts(f"0 0.5 {word} 0.2 0.4", names, path="1.txt", where=tmp_path)
    assert time.process_time() - began < 1
