import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pictures import encode, make_pixels, write_classes, write_picture
from tellapart.data.reading import Reading
from tellapart.data.scan import scan
from tellapart.errors import DataError, UsageError

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
    "text",
    [
        "\n \nLabel;x; PATH\na;;1.png;;\nb;;2.png\n",
        "Label;x; PATH\na;;1.png\nb;;2.png\n",
        "\ufefflabel\tpath\r\na\t1.png\r\nb\t2.png\r\n\r\n",
    ],
)
def test_read_manifest__separators_marks_and_order_of_columns(folder, text):
    assert [picture.path for picture in scan(write(folder, text)).pictures] == ["1.png", "2.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such file names")
def test_read_manifest__absolute_paths_and_strange_names(folder):
    name = 'q"uote,\n日本.png'
    write_picture(folder / name)
    row = f'"{name}",a'.replace('q"uote', 'q""uote')
    index = scan(write(folder, f"path,label\n{row}\n{folder}/2.png,b\n"))
    assert [picture.path for picture in index.pictures] == [name, f"{folder}/2.png"]


def test_read_manifest__same_file_twice_is_kept_once(folder):
    index = scan(write(folder, "path,label\n1.png,a\n2.png,b\n./1.png,a\n1.png,a\n"))
    assert len(index.pictures) == 2
    assert [entry.reason for entry in index.skipped] == ["the same file as ./1.png"] * 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("where,label\n1.png,a\n", "no column 'path': .*list.csv. .*found: where, label"),
        ("", "no column 'path'.*found: none"),
        ("path,label\n1.png,a\n2.png,b,c\n", "3 fields in row 3, the header has 2: .*into quotes"),
        ("path,label,label\n1.png,a,b\n", "two columns may be the label, 'label' and 'label': .*Rename or remove one"),
        (encode(make_pixels(0), "PNG"), "this is no text: .*Check that it is the table"),
        (b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0", "this is no text: .*a spreadsheet has to be saved as CSV"),
        ("1.png,a\n2.png,b\n", "the first line names a picture, so there is no line with the names of the columns"),
        ("path,label\n", "has no rows"),
        (
            "path,label\n1.png,a\n2.png,b\ngone.png,b\nno.png,a\n",
            "2 of 4 files are missing, the first in row 4: gone.png",
        ),
        ("path,label\n1.png,a\nsub,b\n", "1 of 2 files is missing, the first in row 3: sub"),
        ("path,label,split\n1.png,a,trian\n", "unknown split 'trian' in row 2: .*Write one of train, valid"),
        ("path,label\n1.png,a\n2.png, \n", "no label in row 3"),
        ("path,label\n1.png,a\n2.png\n", "no label in row 3"),
        ("path,label\n1.png,a\n2.png,#N/A\n", "#N/A, what a spreadsheet writes .* as the label in row 3"),
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


def test_read_manifest__parquet_that_holds_the_pictures_themselves(folder):
    text, content = arro3_core.DataType.string(), arro3_core.DataType.binary()
    manifest = write_parquet(folder, image=([b"\xff\xd8\xff", b"\xff\xd8"], content), label=(["a", "b"], text))
    with pytest.raises(DataError, match="the column 'image' holds bytes, as of pictures themselves, and no paths"):
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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le marked", "utf-16-be marked", "utf-32"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("said", [False, True])
def test_read_manifest__encodings_and_separators(folder, encoding, separator, said):
    rows = [["Label", "Note", "PATH"], ["caf\u00e9", '"a, b; c"', "1.png"], ["tea", "", "2.png"]]
    text = "".join(separator.join(row) + "\r\n" for row in rows)
    text = f"sep={separator}\r\n{text}" if said else text
    content = ("\ufeff" + text).encode(encoding[:9]) if "marked" in encoding else text.encode(encoding)
    index = scan(write(folder, content))
    assert [(picture.path, picture.label) for picture in index.pictures] == [("1.png", "caf\u00e9"), ("2.png", "tea")]


@pytest.mark.parametrize("encoding", ["cp1252", "gbk", "latin-1", "shift_jis", "utf-16-le"])
def test_read_manifest__another_encoding_where_it_is_said(folder, encoding):
    label = "日本" if encoding in ("gbk", "shift_jis") else "na\u00efve"
    manifest = write(folder, f"path,label\n1.png,a\n2.png,{label}\n".encode(encoding))
    with pytest.raises(DataError, match="--encoding") as error:
        scan(manifest)
    assert "line 3 of the file is not UTF-8" in str(error.value) or encoding == "utf-16-le"
    assert scan(manifest, reading=Reading(encoding=encoding)).classes == ("a", label)


def test_read_manifest__an_encoding_that_does_not_fit_is_said(folder):
    manifest = write(folder, "path,label\n1.png,a\n2.png,caf\u00e9\n")
    with pytest.raises(DataError, match="line 3 of the file is not ascii"):
        scan(manifest, reading=Reading(encoding="ascii"))


@pytest.mark.parametrize(
    "path",
    [" 1.png", "1.png\t ", ".\\1.png", "sub\\4.png", "~/1.png", "sub/../1.png", "file://{folder}/1.png", "'1.png'"],
)
def test_read_manifest__paths_as_people_write_them(folder, path, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    index = scan(write(folder, f'path;label\n"{path.format(folder=folder)}";a\n2.png;b\n'))
    assert index.pictures[0].file.resolve() in (folder / "1.png", folder / "sub" / "4.png")
    assert index.notes == ()


def test_read_manifest__a_name_whose_accent_is_stored_otherwise(folder):
    write_picture(folder / "caf\u00e9.png")
    assert len(scan(write(folder, "path,label\ncafe\u0301.png,a\n2.png,b\n")).pictures) == 2
    assert scan(write(folder, "path,label\n1.png,e\u0301\n2.png,\u00e9\n3.png,z\n")).classes == ("z", "\u00e9")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "https://example.com/1.png",
            "It is a web address in .*list.csv; only s3:// and gs:// are fetched: download them",
        ),
        ("ftpx://host/1.png", "It is an address in .*list.csv; only s3:// and gs:// are fetched"),
        ("file:///elsewhere/9.png", "paths are relative to the folder of the manifest"),
        ("C:\\pictures\\9.png", "names a drive of Windows"),
        ("/elsewhere/9.png", "paths are relative to the folder of the manifest"),
    ],
)
def test_read_manifest__the_reason_why_a_picture_is_missing(folder, path, message):
    with pytest.raises(DataError, match=message):
        scan(write(folder, f"path,label\n{path},a\n2.png,b\n"))


@pytest.mark.parametrize("path", ["A/Two.png", "./A/two.png", "a\\TWO.JPG", "two.PNG", "two.jpeg"])
def test_read_manifest__a_picture_that_is_called_nearly_so_is_named(tmp_path, path):
    write_picture(tmp_path / "a" / "two.png")
    with pytest.raises(
        DataError, match=r"There is a/two\.png: the table has to name it as it is, capitals and ending too"
    ):
        scan(write(tmp_path, f"path,label\n{path},a\n{path},b\n"))


def test_read_manifest__what_follows_a_dot_in_a_name_is_no_ending(tmp_path):
    write_picture(tmp_path / "a" / "scan.png")
    with pytest.raises(DataError, match="paths are relative to the folder"):
        scan(write(tmp_path, "path,label\nscan.001,a\nscan.002,b\n"))


PATH_NAMES = [
    "path",
    "File",
    "FILENAME",
    "file_name",
    "fileName",
    "File Name",
    "filepath",
    "image",
    "img",
    "Image-Path",
]
LABEL_NAMES = ["label", "Class", "CATEGORY", "target", "species", "class_name", "className", " Class Name "]


@pytest.mark.parametrize(
    ("path", "label"), [*((name, "label") for name in PATH_NAMES), *(("file", name) for name in LABEL_NAMES)]
)
def test_read_manifest__columns_by_their_usual_names(folder, path, label):
    text = f"width,{label},{path},notes,subset\n1,a,1.png,x,train\n2,b,2.png,y,DEV\n"
    index = scan(write(folder, text))
    assert [(picture.path, picture.label, picture.split) for picture in index.pictures] == [
        ("1.png", "a", "train"),
        ("2.png", "b", "valid"),
    ]


@pytest.mark.parametrize("name", ["image_id", "ID", "Id", "img_id"])
def test_read_manifest__ids_are_names_without_their_ending(folder, name):
    index = scan(write(folder, f"{name},species\n1,a\n2,b\n4,b\n"))
    assert [picture.path for picture in index.pictures] == ["1.png", "2.png", "sub/4.png"]
    assert index.notes == ("3 of 3 pictures were found by their names, the first as 1.png.",)
    write_picture(folder / "other" / "4.jpg")
    with pytest.raises(DataError, match=r"two pictures may be '4', other/4.jpg and sub/4.png"):
        scan(write(folder, f"{name},species\n1,a\n4,b\n"))


def test_read_manifest__pictures_in_a_folder_beside_the_table(folder):
    index = scan(write(folder, "file,label\n1.png,a\n4.png,b\n"))
    assert [picture.path for picture in index.pictures] == ["1.png", "sub/4.png"]
    assert index.notes == ("1 of 2 pictures were found by their names, the first as sub/4.png.",)
    with pytest.raises(DataError, match=r"1 of 2 files is missing, the first in row 3: old/4\.png"):
        scan(write(folder, "file,label\n1.png,a\nold/4.png,b\n"))


@pytest.mark.parametrize(
    ("header", "first", "second", "option"),
    [
        ("file,image,label", "file", "image", "--path-column file"),
        ("path,label,species", "label", "species", "--label-column label"),
        ("path,Class,category", "Class", "category", "--label-column Class"),
    ],
)
def test_read_manifest__two_columns_that_may_be_meant(folder, header, first, second, option):
    manifest = write(folder, f"{header}\n1.png,a,a\n2.png,b,c\n")
    with pytest.raises(DataError, match=f"two columns may be the (path|label), '{first}' and '{second}'.*{option}"):
        scan(manifest)


def test_read_manifest__columns_that_are_said(folder):
    manifest = write(folder, "path,Kind,x,label\nnone.png,a,1.png,z\nnone.png,b,2.png,z\n")
    index = scan(manifest, reading=Reading(path_column="x", label_column="kind"))
    assert [(picture.path, picture.label) for picture in index.pictures] == [("1.png", "a"), ("2.png", "b")]
    with pytest.raises(UsageError, match=r"no column 'y': .*--label-column takes one of: path, Kind, x, label"):
        scan(manifest, reading=Reading(label_column="y"))
    with pytest.raises(UsageError, match="one column for both the path and the label: x"):
        scan(manifest, reading=Reading(path_column="x", label_column="x"))
    with pytest.raises(UsageError, match="--classes is for folders"):
        scan(manifest, reading=Reading(classes="top"))


def test_read_manifest__a_set_that_is_no_split_does_no_harm(folder):
    index = scan(write(folder, "path,label,set\n1.png,a,north\n2.png,b,south\n"))
    assert {picture.split for picture in index.pictures} == {None}
    assert "neither train, valid nor test ('north'): not used" in index.notes[0]


@given(
    st.text(alphabet='path,label;sep=\n\r"\t1.ng\0é\\~ ', max_size=120), st.sampled_from(["utf-8", "utf-16", "latin-1"])
)
@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_read_manifest__any_text_in_any_encoding(folder, text, encoding):
    try:
        index = scan(write(folder, text.encode(encoding)))
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017  (either outcome is right)
    else:
        assert len(index.classes) > 1


def test_commands__columns_that_are_said(tmp_path, tellapart):
    write_classes(tmp_path, {"a": 6, "b": 6})
    rows = [(f"{label}/{number:03d}.png", label, "x" * (number % 2)) for label in "ab" for number in range(6)]
    text = "picture;species;class\n" + "".join(f"{path};{label};{other}\n" for path, label, other in rows)
    path = write(tmp_path, text)
    outcome = tellapart("train", path, "-o", tmp_path / "run", "--size", 64)
    assert (outcome.code, outcome.err.count("\n")) == (3, 1)
    assert "two columns may be the label, 'species' and 'class'" in outcome.err
    outcome = tellapart("train", path, "-o", tmp_path / "run", "--size", 64, "--label-column", "species", "--json")
    assert (outcome.code, outcome.json["classes"]) == (0, ["a", "b"])
    assert outcome.json["data"]["reading"] == {"label_column": "species"}
    model = tmp_path / "run" / "model.tellapart"
    assert tellapart("evaluate", model, path, "--label-column", "species").code == 0
    assert tellapart("evaluate", model, path, "--label-column", "sort").code == 2
    assert tellapart("audit", path, "-o", tmp_path / "audit", "--label-column", "species").code == 0
    sizes = ("--train", 2, "--valid", 1, "--test", 1)
    assert tellapart("split", path, tmp_path / "out", *sizes, "--label-column", "species").code == 0


def test_read_manifest__splits_that_only_the_paths_tell(tmp_path):
    for name in ("train/1.png", "train/2.png", "holdout/3.png"):
        write_picture(tmp_path / name)
    index = scan(write(tmp_path, "path,label\ntrain/1.png,a\ntrain/2.png,b\nholdout/3.png,a\n"))
    assert [picture.split for picture in index.pictures] == ["train", "train", "test"]
    assert index.notes == ("The splits are those of the folders in the paths (test, train).",)


def test_reading__goes_through_json():
    said = Reading(classes="bottom", label_column="x")
    assert Reading.from_json(said.to_json()) == said
    assert (
        Reading.from_json(None) == Reading.from_json({"classes": "middle"}) == Reading.from_json({"z": 1}) == Reading()
    )
