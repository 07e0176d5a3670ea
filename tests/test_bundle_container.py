"""The container: what was written is read, and whatever a file from elsewhere holds, the answer is one line."""

import contextlib
import io
import json
import os
import socket
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tellapart.bundle.container import MANIFEST, SCHEMA, parse_member, read_container, write_container
from tellapart.errors import ModelFileError, OutputError

MEMBERS = {"model.onnx": b"graph" * 100, "check.json": b"{}\n", "README.md": b"# card\n"}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "good" / "model.tellapart"
    write_container(path, {"classes": ["a", "b"]}, MEMBERS)
    return path


def refuse(path):
    """The single line with which a file is refused; it names the file."""
    with pytest.raises(ModelFileError) as refused:
        read_container(path)
    line = str(refused.value)
    assert str(path) in line
    assert "\n" not in line
    return line


def rewrite(path, *, changed=None, extra=(), compression=zipfile.ZIP_STORED):
    """A zip with the members of a model file, some of them changed or None for absent, and extra ones after them."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()} | (changed or {})
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in [*members.items(), *extra]:
            if content is not None:
                archive.writestr(zipfile.ZipInfo(name) if compression == zipfile.ZIP_STORED else name, content)
    return path


def manifest_of(path, **changes):
    with zipfile.ZipFile(path) as archive:
        document = json.loads(archive.read(MANIFEST)) | changes
    return json.dumps({name: value for name, value in document.items() if value is not Ellipsis}).encode()


def test_read_container__gives_back_what_was_written(path):
    manifest, members = read_container(path)
    assert members == MEMBERS
    assert (manifest["schema"], manifest["classes"]) == (SCHEMA, ["a", "b"])
    assert set(manifest["sha256"]) == set(MEMBERS)
    with zipfile.ZipFile(path) as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.namelist()[0] == MANIFEST


def test_write_container__the_same_content_is_the_same_bytes(path, tmp_path):
    again = tmp_path / "again.tellapart"
    write_container(again, {"classes": ["a", "b"]}, MEMBERS)
    assert again.read_bytes() == path.read_bytes()


def test_write_container__where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError):
        write_container(tmp_path / "file" / "model.tellapart", {}, MEMBERS)


def test_read_container__missing_or_a_folder(tmp_path):
    assert "no such model file" in refuse(tmp_path / "none.tellapart")
    assert "cannot read" in refuse(tmp_path)


def test_read_container__cut_short_anywhere(path):
    content = path.read_bytes()
    for length in [*range(0, len(content), 13), len(content) - 1]:
        path.write_bytes(content[:length])
        refuse(path)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x05\x06", b"PK\x03\x04" + b"\0" * 500, b"\x89PNG" * 50])
def test_read_container__no_zip(tmp_path, content):
    path = tmp_path / "model.tellapart"
    path.write_bytes(content)
    assert "not a model file" in refuse(path)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_read_container__any_flipped_bytes_are_refused_or_harmless(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "flipped.tellapart"
    write_container(path, {"classes": ["a", "b"]}, MEMBERS)
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    try:
        _, members = read_container(path)
    except ModelFileError as error:
        assert str(path) in str(error)  # noqa: PT017  either outcome is right
    else:
        assert members == MEMBERS


@pytest.mark.parametrize(
    "name",
    ["../evil", "/evil", "..\\evil", "C:/evil", "model.onnx/", "notes.txt", "MODEL.ONNX", "", "a\nb", "./model.json"],
)
def test_read_container__a_stranger_inside_and_nothing_is_written(path, name):
    rewrite(path, extra=[(name, b"evil")])
    before = sorted(path.parent.parent.rglob("*"))
    assert "does not belong" in refuse(path)
    assert sorted(path.parent.parent.rglob("*")) == before


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", [MANIFEST, "model.onnx"])
def test_read_container__the_same_member_twice(path, name):
    with zipfile.ZipFile(path) as archive:
        content = archive.read(name)
    rewrite(path, extra=[(name, content)])
    assert "twice" in refuse(path)


def test_read_container__deflated(path):
    rewrite(path, compression=zipfile.ZIP_DEFLATED)
    assert "not stored as a model file stores it" in refuse(path)


def test_read_container__encrypted(path):
    content = bytearray(path.read_bytes())
    for place in (content.index(b"PK\x03\x04") + 6, content.index(b"PK\x01\x02") + 8):
        content[place] |= 1
    path.write_bytes(bytes(content))
    refuse(path)


def test_read_container__a_member_that_says_it_is_huge(path):
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02")
    content[place + 20 : place + 28] = struct.pack("<II", 2**31, 2**31)
    path.write_bytes(bytes(content))
    refuse(path)


@pytest.mark.parametrize("name", [MANIFEST, "model.onnx", "check.json", "README.md"])
def test_read_container__a_missing_member(path, name):
    rewrite(path, changed={name: None})
    refuse(path)


@pytest.mark.parametrize("name", ["model.onnx", "check.json", "README.md"])
def test_read_container__a_member_changed_under_the_same_manifest(path, name):
    rewrite(path, changed={name: b"X" + MEMBERS[name][1:]})
    assert f"{name} was changed" in refuse(path)


def test_read_container__a_newer_schema_says_how_to_upgrade(path):
    rewrite(path, changed={MANIFEST: manifest_of(path, schema=SCHEMA + 1)})
    assert "pip install --upgrade tellapart" in refuse(path)


@pytest.mark.parametrize("schema", [0, -1, "1", None, True, 1.5, [], {}, ...])
def test_read_container__a_schema_that_is_none(path, schema):
    rewrite(path, changed={MANIFEST: manifest_of(path, schema=schema)})
    refuse(path)


@pytest.mark.parametrize("digests", [None, [], "x", {}, {"model.onnx": "0"}, ...])
def test_read_container__digests_that_are_none(path, digests):
    rewrite(path, changed={MANIFEST: manifest_of(path, sha256=digests)})
    refuse(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"5", b'"text"', b"\xff\xfe", b"[" * 200_000, b'{"a":' * 200_000, b"9" * 9000, b"nul", b"\0"],
)
def test_read_container__a_manifest_that_is_no_json_object(path, content):
    rewrite(path, changed={MANIFEST: content})
    assert "is not" in refuse(path)


def test_read_container__a_name_with_control_characters_stays_on_one_line(tmp_path):
    path = tmp_path / "bad\nname\x1b[31m.tellapart"
    path.write_bytes(b"text")
    with pytest.raises(ModelFileError) as refused:
        read_container(path)
    assert str(refused.value).isprintable()


@given(st.binary(max_size=60))
def test_parse_member__any_bytes_are_an_object_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "x"
    try:
        assert isinstance(parse_member(content, what="model.json", path=path), dict)
    except ModelFileError as error:
        assert "model.json" in str(error)  # noqa: PT017  either outcome is right


def test_read_container__trailing_and_leading_bytes_change_nothing(path):
    content = path.read_bytes()
    buffer = io.BytesIO(content)
    assert zipfile.is_zipfile(buffer)
    path.write_bytes(b"leading" + content)
    try:
        assert read_container(path)[1] == MEMBERS
    except ModelFileError as error:
        assert str(path) in str(error)  # noqa: PT017  either outcome is right


def test_read_container__a_run_folder_names_the_file_in_it(tmp_path):
    with pytest.raises(ModelFileError, match=r"cannot read .*In a run folder the model file is .*model.tellapart"):
        read_container(tmp_path)


def test_read_container__a_table_of_contents_without_end(tmp_path):
    path = tmp_path / "long.tellapart"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3_000):
            archive.writestr(zipfile.ZipInfo(f"{number:040d}"), b"")
    assert "not a model file" in refuse(path)


def test_read_container__more_members_than_there_are(tmp_path):
    path = tmp_path / "many.tellapart"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20):
            archive.writestr(zipfile.ZipInfo(f"{number}"), b"")
    assert "more members" in refuse(path)


@pytest.mark.parametrize("kind", ["pipe", "device", "sparse", "socket"])
def test_read_container__what_is_no_regular_file_or_is_empty_inside(tmp_path, kind):
    path = tmp_path / "model.tellapart"
    with contextlib.ExitStack() as stack:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        elif kind == "sparse":
            with path.open("wb") as file:
                file.truncate(10_000_000_000)
        else:
            (stack.enter_context(socket.socket(socket.AF_UNIX))).bind(str(path))
        refuse(path)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("m.onnx", "model.tellapart that it was made from"),
        ("m.html", "model.tellapart that it was made from"),
        ("m.tellapart", "Train"),
    ],
)
def test_read_container__an_export_is_called_one(tmp_path, name, hint):
    (tmp_path / name).write_bytes(b"no zip file")
    with pytest.raises(ModelFileError, match=f"not a model file, or cut short.*{hint}"):
        read_container(tmp_path / name)
