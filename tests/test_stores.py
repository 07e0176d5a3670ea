"""Pictures in buckets, at local servers of the protocols: what comes of them is the same as from a folder."""

import csv
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from pictures import write_classes
from tellapart import stores
from tellapart.data.manifest import read_manifest, unlabelled_index
from tellapart.data.reading import AS_IT_IS
from tellapart.errors import DataError
from tellapart.files import read_bounded, read_start, size_of
from tellapart.runs.whereabouts import below
from tellapart.stores import Scheme, StoredObject, holds_secret, stored_at

KEYS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "s3cr3t", "AWS_DEFAULT_REGION": "us-east-1"}
MISSING = "gone.png"


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    """No store is kept from test to test, and no metadata server is asked who one is."""
    monkeypatch.setattr(stores, "_opened", {})
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes of 12 pictures, one unreadable and one a copy of another."""
    folder = write_classes(tmp_path_factory.mktemp("data") / "pets", {"cat": 12, "dog": 12})
    (folder / "cat/003.png").write_bytes(b"no picture")
    (folder / "dog/004.png").write_bytes((folder / "dog/005.png").read_bytes())
    return folder


@pytest.fixture(scope="module")
def s3(folder):
    """A server of S3's protocol, where a bucket has what the folder has; its address."""
    moto = pytest.importorskip("moto.server", reason="needs moto[s3], flask and flask-cors")
    pytest.importorskip("s3fs", reason="the extra stores is not installed")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    put(f"{address}/pets")
    for file in sorted(folder.rglob("*.png")):
        put(f"{address}/pets/{quote(key_of(file, folder))}", file.read_bytes())
    put(f"{address}/pets/nothing.png", b"")
    yield address
    server.stop()


@pytest.fixture
def bucket(s3, monkeypatch):
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": s3}.items():
        monkeypatch.setenv(name, value)


def put(address, content=b"", method="PUT"):
    kind = {"Content-Type": "application/octet-stream"}  # else it would be read as a form
    asked = urllib.request.Request(address, data=content, method=method, headers=kind)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert answer.status == 200


def key_of(file, folder):
    return f"some day/{file.relative_to(folder).as_posix()}"


def write_table(path, folder, *, address=None, more=()):
    """A table of the folder's pictures, as files or as objects."""
    pictures = sorted(folder.rglob("*.png"))
    named = [f"{address}/{key_of(file, folder)}" if address else str(file) for file in pictures]
    rows = zip(named, [file.parent.name for file in pictures], strict=True)
    with path.open("w", newline="") as table:
        csv.writer(table).writerows([("path", "label"), *rows, *more])
    return path


@pytest.fixture
def tables(folder, tmp_path):
    """The same pictures in a folder and in a bucket; there, one more that is gone."""
    named = tmp_path / "here.csv", tmp_path / "there.csv"
    write_table(named[0], folder)
    return named[0], write_table(named[1], folder, address="s3://pets", more=[(f"s3://pets/{MISSING}", "cat")])


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("s3://pets/a.png", "s3://pets/a.png"),
        (" S3://pets/a b/c#d?e.png ", "s3://pets/a b/c#d?e.png"),
        ("gs://pets/1", "gs://pets/1"),
    ],
)
def test_stored_at__takes_addresses_that_are_served(said, address):
    assert stored_at(said) == StoredObject(address)
    assert stored_at(said).absolute().name == address.rpartition("/")[2]


@pytest.mark.parametrize(
    "said", ["s3:/pets/a", "s3://pets", "s3://pets/", "http://host/a.png", "a.png", "", "s3://u@b/c"]
)
def test_stored_at__takes_nothing_else(said):
    assert stored_at(said) is None


def test_holds_secret__where_a_user_is_named():
    assert holds_secret(" S3://key:secret@bucket/a.png")
    assert not holds_secret("s3://bucket/me@home.png")


def test_embed__sees_in_a_bucket_what_it_sees_in_a_folder(bucket, tables, folder, tellapart, tmp_path):
    seen = []
    for table in tables:
        outcome = tellapart("embed", table, "-o", tmp_path / f"{table.stem}.npz", "--size", 64, "--json")
        assert outcome.code == 0, outcome.err
        seen.append((json.loads(outcome.out)["skipped"], dict(np.load(tmp_path / f"{table.stem}.npz"))))
    assert [skipped for skipped, _ in seen] == [1, 2]
    here, there = (found for _, found in seen)
    np.testing.assert_array_equal(there["features"], here["features"])
    assert list(there["paths"]) == [f"s3://pets/{key_of(Path(path), folder)}" for path in here["paths"]]


def test_audit__finds_copies_and_shows_pictures_of_a_bucket(bucket, tables, tellapart, tmp_path):
    found = []
    for table in tables:
        outcome = tellapart("audit", table, "-o", tmp_path / table.stem)
        assert outcome.code == 0, outcome.err
        document = json.loads((tmp_path / table.stem / "findings.json").read_text())
        shown = (tmp_path / table.stem / "audit.html").read_text().count("data:image/")
        found.append(([(one["code"], one["outcome"]) for one in document["findings"]], shown))
    assert found[1] == found[0]
    assert found[0][1] > 0
    assert f"s3://pets/{MISSING},skipped,no such file or directory" in (tmp_path / "there" / "ledger.csv").read_text()
    for file in (tmp_path / "there").iterdir():
        assert b"s3cr3t" not in file.read_bytes()


def test_predict__answers_for_objects_and_copies_them_into_folders(bucket, tables, trained, tellapart, tmp_path):
    rows = []
    for table in tables:
        outcome = tellapart(
            "predict", trained.model, table, "-o", tmp_path / "answers.csv", "--into", tmp_path / "sorted"
        )
        assert outcome.code == 0, outcome.err
        with (tmp_path / "answers.csv").open() as answers:
            rows.append([list(row.values())[1:] for row in csv.DictReader(answers)])
    assert rows[1][:-1] == rows[0]
    assert len(list((tmp_path / "sorted").rglob("*.png"))) == 46  # of both tables, without what cannot be read
    again = tellapart("predict", trained.model, tables[1], "--into", tmp_path / "sorted")
    assert again.code == 0, again.err
    assert len(list((tmp_path / "sorted").rglob("*.png"))) == 46
    linked = tellapart("predict", trained.model, tables[1], "--into", tmp_path / "linked", "--link")
    assert (linked.code, "no link can lead to an object" in linked.err) == (2, True)


def test_split__copies_objects(bucket, folder, tellapart, tmp_path):
    table = write_table(tmp_path / "there.csv", folder, address="s3://pets")
    line = ("split", table, tmp_path / "small", "--train", 3, "--valid", 1, "--test", 1, "--equal-only")
    for _ in range(2):  # the second finds what the first has made
        outcome = tellapart(*line)
        assert outcome.code == 0, outcome.err
        assert len(list((tmp_path / "small").rglob("*.png"))) == 10


def test_read_bounded__holds_objects_to_their_bounds(bucket, folder):
    stored, content = stored_at("s3://pets/some day/dog/001.png"), (folder / "dog/001.png").read_bytes()
    assert read_bounded(stored, limit=len(content)) == content
    assert read_start(stored, most=5) == content[:5]
    assert size_of(stored) == len(content)
    assert read_bounded(stored_at("s3://pets/nothing.png"), limit=10) == b""
    with pytest.raises(ValueError, match="larger than"):
        read_bounded(stored, limit=len(content) - 1)
    with pytest.raises(FileNotFoundError):
        size_of(stored_at("s3://pets/gone.png"))


def table_of(tmp_path, *addresses):
    table = tmp_path / "table.csv"
    table.write_text("path,label\n" + "".join(f"{path},{'ab'[row % 2]}\n" for row, path in enumerate(addresses)))
    return table


def test_train__stops_where_there_is_no_such_bucket(bucket, tellapart, tmp_path):
    outcome = tellapart("embed", table_of(tmp_path, "s3://petz/1.png", "s3://petz/2.png"), "-o", tmp_path / "f.npz")
    assert outcome.code == 3
    assert "there is no such bucket: s3://petz. Check its name" in outcome.err.splitlines()[-1]
    assert not (tmp_path / "f.npz").exists()


@contextmanager
def answering(status, body):
    """A server that says the same of everything; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield "http://{}:{}".format(*server.server_address)
        server.shutdown()


def refusal(code):
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no: s3cr3t</Message></Error>".encode()


@pytest.mark.parametrize(
    ("status", "code", "error", "said"),
    [
        (403, "AccessDenied", PermissionError, "(?i)permission denied"),
        (
            403,
            "InvalidAccessKeyId",
            DataError,
            r"the store does not know who asks \(InvalidAccessKeyId\): s3://pets\. Che",
        ),
        (400, "KeyTooLongError", OSError, r"the store refuses it \(KeyTooLongError\)"),
        (404, "NoSuchKey", FileNotFoundError, "No such file"),
        (
            500,
            "InternalError",
            DataError,
            r"does not answer as it should \(InternalError\).*goes on where this one stopped",
        ),
    ],
)
def test_read_start__tells_what_is_of_one_object_from_what_is_of_all(status, code, error, said, monkeypatch):
    pytest.importorskip("s3fs", reason="the extra stores is not installed")
    with answering(status, refusal(code)) as address:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(error, match=said) as found:
            read_start(stored_at("s3://pets/1.png"), most=10)
    assert "s3cr3t" not in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("silent", [False, True])
def test_read_start__ends_where_nobody_answers(silent, monkeypatch):
    pytest.importorskip("s3fs", reason="the extra stores is not installed")
    impatient = {"config_kwargs": {"connect_timeout": 0.5, "read_timeout": 0.5, "retries": {"max_attempts": 0}}}
    monkeypatch.setattr(stores, "SERVED", {"s3": Scheme(module="s3fs", made_by="S3FileSystem", options=impatient)})
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        if not silent:
            server.close()
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(DataError, match=r"the store does not answer as it should \(\w+\): s3://pets\. Check"):
            read_start(stored_at("s3://pets/1.png"), most=10)


def test_read_start__without_credentials(monkeypatch, tmp_path):
    pytest.importorskip("s3fs", reason="the extra stores is not installed")
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(DataError, match=r"no credentials for the store were found: s3://pets\."):
        read_start(stored_at("s3://pets/1.png"), most=10)


def test_predict__says_which_extra_is_missing(trained, tellapart, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    outcome = tellapart("predict", trained.model, table_of(tmp_path, "s3://pets/1.png"), "-o", tmp_path / "answers.csv")
    assert outcome.code == 5
    assert outcome.err.splitlines()[-1].endswith("this needs s3fs. Install it with: pip install 'tellapart[stores]'")
    assert not (tmp_path / "answers.csv").exists()


def test_read_manifest__refuses_a_scheme_that_nobody_serves(tmp_path):
    with pytest.raises(
        DataError, match=r"2 of 2 files are missing.*azure-blob://pets/1\.png\..*only s3:// and gs:// are fe"
    ):
        read_manifest(table_of(tmp_path, "azure-blob://pets/1.png", "azure-blob://pets/2.png"))


def test_read_manifest__refuses_a_secret_and_does_not_repeat_it(tmp_path):
    with pytest.raises(DataError, match=r"an address with a user in it in row 2") as found:
        read_manifest(table_of(tmp_path, "s3://key:s3cr3t@pets/1.png", "s3://pets/2.png"))
    assert "s3cr3t" not in str(found.value)


def test_read_manifest__the_same_object_twice_counts_once_and_asks_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_open_store", lambda _: pytest.fail("a store was asked"))
    index = read_manifest(table_of(tmp_path, "s3://pets/1.png", "s3://pets/2.png", "s3://pets/1.png"))
    assert [picture.file for picture in index.pictures] == [
        StoredObject("s3://pets/1.png"),
        StoredObject("s3://pets/2.png"),
    ]
    assert [entry.reason for entry in index.skipped] == ["the same file as s3://pets/1.png"]
    with pytest.raises(DataError, match="listed with two labels"):
        read_manifest(table_of(tmp_path, "s3://pets/1.png", "s3://pets/1.png"))


def test_read_manifest__asks_nobody_for_boxes(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_open_store", lambda _: pytest.fail("a store was asked"))
    table = tmp_path / "boxes.csv"
    table.write_text("path,label,x,y,width,height\ns3://pets/1.png,a,0,0,5,5\ns3://pets/1.png,b,9,0,5,5\n")
    assert [picture.box is not None for picture in read_manifest(table).pictures] == [True, True]


def test_below__leaves_out_what_a_run_of_someone_elses_would_fetch(tmp_path):
    index = unlabelled_index(table_of(tmp_path, "s3://pets/1.png"), reading=AS_IT_IS)
    assert below(tmp_path, index.pictures) == ()


def test_read_bounded__by_a_file_system_of_fsspec_that_knows_no_loop(monkeypatch):
    memory = pytest.importorskip("fsspec.implementations.memory", reason="the extra stores is not installed")
    monkeypatch.setattr(
        stores, "SERVED", {"gs": Scheme(module="fsspec.implementations.memory", made_by="MemoryFileSystem")}
    )
    memory.MemoryFileSystem().pipe_file("gs://pets/1.png", b"hello")
    assert read_bounded(stored_at("gs://pets/1.png"), limit=5) == b"hello"


def test_read_bounded__of_google_s_protocol(monkeypatch, folder):
    emulator = pytest.importorskip("gcp_storage_emulator.server", reason="needs gcp-storage-emulator")
    pytest.importorskip("gcsfs", reason="the extra stores is not installed")
    server = emulator.create_server("127.0.0.1", 0, in_memory=True, default_bucket="pets")
    server.start()
    try:
        address = "http://{}:{}".format(*server._api._httpd.socket.getsockname())
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
        content = (folder / "dog/001.png").read_bytes()
        upload = f"{address}/upload/storage/v1/b/pets/o?uploadType=media&name=dog/1.png"
        put(upload, content, method="POST")
        stored = stored_at("gs://pets/dog/1.png")
        assert read_bounded(stored, limit=len(content)) == content
        assert size_of(stored) == len(content)
        with pytest.raises(FileNotFoundError):
            read_bounded(stored_at("gs://pets/gone.png"), limit=10)
    finally:
        server.stop()


def test_embed__sees_on_a_cluster_what_it_sees_here(bucket, tables, tmp_path):
    pytest.importorskip("ray", reason="the extra ray is not installed")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)}
    seen = []
    for on in ("local", "ray"):
        line = [
            sys.executable,
            "-m",
            "tellapart",
            "embed",
            str(tables[1]),
            "-o",
            f"{on}.npz",
            "--size",
            "64",
            "--on",
            on,
        ]
        subprocess.run(line, env=environment, cwd=tmp_path, check=True, capture_output=True, timeout=300)
        seen.append(dict(np.load(tmp_path / f"{on}.npz")))
    np.testing.assert_array_equal(seen[1]["features"], seen[0]["features"])
    assert list(seen[1]["paths"]) == list(seen[0]["paths"])
