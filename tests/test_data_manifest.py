import os
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pictures import write_picture
from tellapart.data.scan import scan
from tellapart.errors import DataError

arro3_core = pytest.importorskip("arro3.core")
arro3_io = pytest.importorskip("arro3.io")


@pytest.fixture
def folder(tmp_path):
    for name in ("1.png", "2.png", "3.png", "sub/4.png"):
        write_picture(tmp_path / name)
    return tmp_path


def write(folder, text, *, name="list.csv"):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / name


def write_parquet(folder, **columns):
    arrays = [arro3_core.Array(values, type=kind) for values, kind in columns.values()]
    arro3_io.write_parquet(arro3_core.Table.from_arrays(arrays, names=list(columns)), str(folder / "list.parquet"))
    return folder / "list.parquet"


def test_read_manifest__all_columns(folder):
    text = "path,label,split,group\nsub/4.png,b,test,\n2.png,a,train,g\n1.png,b,Training,g\n3.png, a ,val,\n"
    index = scan(write(folder, text))
    assert (index.layout, index.name, index.root, index.classes) == ("manifest", "list", folder, ("a", "b"))
    found = [(picture.path, picture.label, picture.split, picture.group) for picture in index.pictures]
    assert found == [
        ("2.png", "a", "train", "g"),
        ("1.png", "b", "train", "g"),
        ("3.png", "a", "valid", None),
        ("sub/4.png", "b", "test", None),
    ]
    assert all(picture.file.is_file() for picture in index.pictures)


@pytest.mark.parametrize(
    "text", ["Label;x; PATH\na;;1.png\nb;;2.png\n", "\ufefflabel\tpath\r\na\t1.png\r\nb\t2.png\r\n\r\n"]
)
def test_read_manifest__separators_marks_and_order_of_columns(folder, text):
    assert [picture.path for picture in scan(write(folder, text)).pictures] == ["1.png", "2.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such file names")
def test_read_manifest__absolute_paths_and_strange_names(folder):
    name = os.fsdecode(b'q"uote,\xff.png')
    write_picture(folder / name)
    row = f'"{name}",a'.replace('q"uote', 'q""uote')
    index = scan(write(folder, f"path,label\n{row}\n{folder}/2.png,b\n".encode("utf-8", "surrogateescape")))
    assert [picture.path for picture in index.pictures] == [name, f"{folder}/2.png"]


def test_read_manifest__same_file_twice_is_kept_once(folder):
    index = scan(write(folder, "path,label\n1.png,a\n2.png,b\n./1.png,a\n1.png,a\n"))
    assert len(index.pictures) == 2
    assert [entry.reason for entry in index.skipped] == ["the same file as ./1.png"] * 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("file,label\n1.png,a\n", "no column 'path': .*list.csv. .*found: file, label"),
        ("", "no column 'path'.*found: none"),
        ("path,label\n", "has no rows"),
        (
            "path,label\n1.png,a\n2.png,b\ngone.png,b\nno.png,a\n",
            "2 of 4 files are missing, the first in row 4: gone.png",
        ),
        ("path,label\n1.png,a\nsub,b\n", "1 of 2 files is missing, the first in row 3: sub"),
        ("path,label,split\n1.png,a,trian\n", "unknown split 'trian' in row 2: .*Write one of train, valid"),
        ("path,label\n1.png,a\n2.png, \n", "no label in row 3"),
        ("path,label\n1.png,a\n2.png\n", "no label in row 3"),
        ("path,label\n,a\n1.png,b\n", "no path in row 2"),
        ("path,label\n1.png,a\n2.png,a\n", "only one class, 'a'"),
        ("path,label\n1.png,a\n1.png,b\n", "listed with two labels, 'a' and 'b': 1.png"),
        ("path,label\n1.png,a\n./1.png,b\n", "the same file under two classes, 'b' and 'a'|'a' and 'b'"),
        ('path,label\n"1.png,a\n', "cannot read the manifest"),
    ],
)
def test_read_manifest__unusable_row_is_named(folder, rows, message):
    with pytest.raises(DataError, match=message):
        scan(write(folder, rows))


def test_read_manifest__parquet(folder):
    text, number = arro3_core.DataType.string(), arro3_core.DataType.int64()
    manifest = write_parquet(
        folder,
        label=([1, 0, 10], number),
        path=(["1.png", "2.png", "sub/4.png"], text),
        group=(["g", None, "g"], text),
        noise=([1, 2, 3], number),
    )
    index = scan(manifest)
    assert index.classes == ("0", "1", "10")
    assert [(picture.path, picture.group) for picture in index.pictures] == [
        ("2.png", None),
        ("1.png", "g"),
        ("sub/4.png", "g"),
    ]


def test_read_manifest__parquet_without_a_column(folder):
    manifest = write_parquet(folder, path=(["1.png"], arro3_core.DataType.string()))
    with pytest.raises(DataError, match=r"no column 'label'.*found: path"):
        scan(manifest)


@pytest.mark.parametrize("damage", [lambda whole: whole[:-9], lambda whole: whole[:20], lambda whole: b"PAR1 no PAR1"])
def test_read_manifest__parquet_that_is_not_whole(folder, damage):
    text = arro3_core.DataType.string()
    manifest = write_parquet(folder, path=(["1.png", "2.png"], text), label=(["a", "b"], text))
    manifest.write_bytes(damage(manifest.read_bytes()))
    with pytest.raises(DataError, match=r"cannot read the manifest .*begin and end like a Parquet file"):
        scan(manifest)


def test_read_manifest__parquet_damaged_inside(folder):
    text = arro3_core.DataType.string()
    manifest = write_parquet(folder, path=(["1.png", "2.png"], text), label=(["a", "b"], text))
    content = bytearray(manifest.read_bytes())
    content[len(content) // 2 : -8] = bytes(len(content) - 8 - len(content) // 2)
    manifest.write_bytes(content)
    with pytest.raises(DataError, match="cannot read the manifest"):
        scan(manifest)


@given(st.one_of(st.binary(max_size=200), st.text(alphabet='path,label;\n\r"\t1.ng\0é', max_size=120).map(str.encode)))
@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_read_manifest__any_bytes_after_a_header(folder, content):
    try:
        index = scan(write(folder, b"path,label\n" + content))
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017  (either outcome is right)
    else:
        assert len(index.classes) > 1
