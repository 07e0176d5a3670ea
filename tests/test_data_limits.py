"""Tables that are small and unpack to much, or are damaged: an answer or an error of ours, soon, in little memory."""

import gzip
import json
import re
import struct
import time
from pathlib import Path

import arro3.core
import arro3.io
import numpy as np
import pytest

from pictures import write_classes, write_picture
from tellapart.data import apart, groups, helper, parquet
from tellapart.data.apart import StoppedError
from tellapart.data.groups import declare_groups
from tellapart.data.limits import LONGEST_NAME, LONGEST_PATH, LONGEST_ROW, MOST_COLUMNS, MOST_MISSING
from tellapart.data.scan import scan
from tellapart.errors import DataError, TellapartError, UsageError
from tellapart.types import Index, Picture

TEXT = arro3.core.DataType.string()
SECONDS = 5.0  # of CPU time of this process


@pytest.fixture
def folder(tmp_path):
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def write_parquet(path, *, rows=2, compression=None, names=("1.png", "2.png")):
    columns = [[names[row % 2] for row in range(rows)], ["ab"[row % 2] for row in range(rows)]]
    table = arro3.core.Table.from_arrays(
        [arro3.core.Array(values, TEXT) for values in columns], names=["path", "label"]
    )
    arro3.io.write_parquet(table, str(path), compression=compression)
    return path


def refused(path, message):
    """That it is refused, soon, in a line that says why."""
    began = time.process_time()
    with pytest.raises(DataError, match=message) as caught:
        scan(path)
    assert time.process_time() - began < SECONDS
    assert len(str(caught.value)) < 3_500
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("compression", [None, "snappy", "zstd(3)"])
def test_read_parquet__damaged_anywhere(folder, compression):
    """Whatever the damage does to the reader, this process goes on."""
    whole = write_parquet(folder / "list.parquet", compression=compression).read_bytes()
    for number in range(5):
        random = np.random.default_rng(number)
        content = bytearray(whole)
        place = int(random.integers(4, len(content) - 12))
        content[place : place + 4] = random.bytes(4) if number % 2 else b"\xff\xff\xff\x7f"
        (folder / "list.parquet").write_bytes(content)
        try:
            assert scan(folder / "list.parquet").classes
        except TellapartError as error:
            assert str(error).isprintable()  # noqa: PT017  either outcome is right


def test_read_parquet__a_reader_that_stops_does_not_stop_us(folder, monkeypatch):
    path = write_parquet(folder / "list.parquet")
    monkeypatch.setattr(parquet, "_MEMORY", 20_000_000)  # less than the reader itself takes
    refused(path, "more memory or time|MemoryError|ImportError|cannot read the manifest")
    monkeypatch.setattr(parquet, "_MEMORY", 700_000_000)
    assert scan(path).classes == ("a", "b")


def test_read_parquet__rows_beyond_what_the_file_can_mean(folder, monkeypatch):
    path = write_parquet(folder / "list.parquet", rows=200_000, compression="zstd(3)")
    assert path.stat().st_size < 5_000
    monkeypatch.setattr(parquet, "UNPACKED", 1_000_000)
    refused(path, r"rows and more, which is far beyond.*Save it as CSV")


def test_read_parquet__a_million_rows_that_pack_well_are_within_the_bound():
    assert parquet.UNPACKED // (parquet.ROW + 40) > 1_000_000


def test_read_parquet__a_long_cell(folder):
    path = write_parquet(folder / "list.parquet", names=("x" * 3_000_000, "2.png"))
    refused(path, "a path of [0-9,]+ characters, more than 8,192, in row 2")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,label" + "x" * 2_000_000 + "\n", "row 1 has more than"),
        ("path,label" + ",x" * MOST_COLUMNS + "\n1.png,a\n", "columns, more than 10,000"),
        ("path,label\n1.png,a\n2.png,b" + "," * LONGEST_ROW + "\n", "row 3 has more than"),
        ('path,label\n1.png,"' + ("x" * 99_999 + '",y,"') * 11 + '"\n', "row 2 has more than"),
        ('path,label\n"' + "\n" * 200_000 + '",a\n', "field larger than field limit"),
        ("path,label\n" + "x" * (LONGEST_PATH + 1) + ",a\n", "a path of 8,193 characters"),
        (
            "path,label\n1.png," + "x" * (LONGEST_NAME + 1) + "\n",
            "a label of 1,001 characters, more than 1,000, in row 2",
        ),
        ("path,label,split\n1.png,a," + "x" * 2_000 + "\n", "unknown split 'x+…x+' in row 2"),
        ("path,label\n" + "no,a\n" * 5_000, f"at least {MOST_MISSING:,} of 5,000 files are missing"),
        ("\n" * 1_000_000, "no column 'path'"),
    ],
    ids=lambda value: value[:30],
)
def test_read_delimited__more_than_a_list_of_pictures_holds(folder, content, message):
    (folder / "list.csv").write_text(content)
    refused(folder / "list.csv", message)


def test_read_delimited__columns_and_cells_below_the_limits(folder):
    header = "path,label" + ",x" * (MOST_COLUMNS - 2)
    rows = [f"{number}.png,{'ab'[number - 1]}," + "y" * 100_000 for number in (1, 2)]
    (folder / "list.csv").write_text("\n".join([header, *rows]))
    assert scan(folder / "list.csv").classes == ("a", "b")


@pytest.mark.parametrize("value", ["1e308", "-1e308", "nan", "inf", "9" * 400, "1e-320"])
@pytest.mark.parametrize("column", ["xmin", "ymax", "width"])
def test_read_delimited__numbers_of_boxes_beyond_any_picture(folder, column, value):
    write_picture(folder / "1.png")
    row = {"xmin": "1", "ymin": "1", "xmax": "3", "ymax": "3", "width": "1", "height": "1", column: value}
    header, values = ",".join(row), ",".join(row.values())
    (folder / "list.csv").write_text(f"path,label,{header}\n1.png,a,{values}\n1.png,b,1,1,9,9,48,40\n")
    try:
        assert scan(folder / "list.csv").classes == ("a", "b")
    except DataError as error:
        assert len(str(error)) < 2_000  # noqa: PT017  either outcome is right


LONG = "n" * 1_000_000


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps({LONG: 1})),
        ("a.json", json.dumps([{LONG: 1}])),
        ("a.json", json.dumps([{f"{number}": 1 for number in range(20_000)}])),
        ("a.json", '[{"label":"a","path":' + "[" * 900 + '"x"' + "]" * 900 + "}]"),
        ("a.json", '[{"path":"1.png","label":' + "[" * 960 + '"x"' + "]" * 960 + "}]"),
        ("a.json", json.dumps([{"path": "1.png", "label": ["a" + LONG, "b" + LONG]}])),
        ("a.json", json.dumps([{"path": LONG, "label": "a"}])),
        ("a.json", json.dumps({"images": [{"id": 1, LONG: 1}], "annotations": [], "categories": []})),
        ("a.json", json.dumps({"images": [], "annotations": [{"image_id": LONG}], "categories": []})),
        ("a.json", json.dumps([{"data": {LONG: 1, LONG + "b": 2}, "annotations": []}])),
        ("a.jsonl", "[" * 100_000),
        ("a.jsonl", json.dumps({"path": "1.png", "label": "9" * 2_000})),
        ("a.xml", f"<{LONG}/>"),
        ("a.xml", f"<annotations><image name='{LONG}'><tag label='a'/></image></annotations>"),
        ("a.xml", f"<annotations><image name='1.png'><tag label='{LONG}'/><tag label='b'/></image></annotations>"),
        ("a.csv", f"{LONG[:900_000]},{LONG[:100_000]}\n"),
        ("a.csv", f"path,label\n{LONG[:8_000]},a\n"),
    ],
    ids=lambda value: value[:30],
)
def test_scan__names_without_end_are_cut_in_messages(folder, name, content):
    (folder / name).write_text(content)
    refused(folder / name, ".")


def gzipped_idx(folder, *, images, labels=None, content=b""):
    head = bytes((0, 0, 8, 3)) + struct.pack(">3I", *images)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + content, 1))
    head = bytes((0, 0, 8, 1)) + struct.pack(">I", labels or images[0])
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(head + bytes(labels or images[0]), 1))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ((2, 30_000, 30_000), "2 x 30000 x 30000 values out of [0-9,]+ bytes; unpack it first"),
        ((2_000_000, 1, 1), "2,000,000 pictures in [0-9,]+ bytes"),
        ((2, 8, 8), "more bytes of pixels, the header promises 128"),
    ],
)
def test_read_idx__a_bomb_is_not_unpacked(folder, images, message):
    gzipped_idx(folder, images=images, content=bytes(60_000_000))
    refused(folder, message)


@pytest.mark.parametrize("pattern", ["(a+)+b", r"(\w+\s?)*!", ".*.*.*.*.*.*.*.*.*="])
def test_declare_groups__a_pattern_that_backtracks_for_ever(monkeypatch, pattern):
    monkeypatch.setattr(groups, "_SECONDS", 1)
    picture = Picture(path="a" * 200, file=Path("a"), label="a")
    index = Index(name="n", root=Path(), layout="folders", classes=("a",), pictures=(picture,))
    with pytest.raises(UsageError, match=r"cannot be searched for.*Repeats inside repeats"):
        declare_groups(index, pattern)


@pytest.mark.parametrize("pattern", ["(" * 5_000 + ")" * 5_000, "a{99999999999}", "(?P<x>a)(?P<x>b)", "\ud800("])
def test_split__a_pattern_that_is_none(tmp_path, tellapart, pattern):
    root = write_classes(tmp_path / "data", {"a": 2, "b": 2})
    outcome = tellapart("split", root, tmp_path / "out", "--train", 1, "--valid", 0, "--test", 1, "--group-by", pattern)
    assert outcome.code == 2
    assert len(outcome.err) < 3_000


def test_helper__no_process_can_be_started(monkeypatch):
    monkeypatch.setattr("sys.executable", "/no/such/python")
    with (
        pytest.raises(StoppedError, match="no other process can be started"),
        apart.helper("search_pattern", seconds=1, memory=500_000_000, request={"pattern": "a"}),
    ):
        pass


def test_helper__what_it_does_is_what_re_does():
    pattern = re.compile(r"(.)/p(\d)|(x)")
    assert [helper.captured(pattern, text) for text in ("a/p1", "x", "no")] == ["a/1", "x", None]


def test_read_manifest__has_no_more_rows_than_its_size_can_name_pictures_in(tmp_path, monkeypatch):
    monkeypatch.setattr("tellapart.data.tables.MOST_ROWS", 1_000)
    (tmp_path / "junk.csv").write_text("path,label\n" + "y\n" * 2_000, encoding="ascii")
    with pytest.raises(DataError, match="more than 1,668 rows of next to nothing"):
        scan(tmp_path / "junk.csv")
