"""onnxruntime-web is found, fetched where that is wanted, and known by its bytes."""

import hashlib
import io
import re
import stat
import tarfile
from pathlib import Path

import pytest

from browsers import runtime_folder
from tellapart.browser import runtime
from tellapart.browser.page import library_of
from tellapart.browser.runtime import BINARY, NAME, OFFLINE, SCRIPT, VERSION, Runtime, global_script, web_runtime
from tellapart.errors import MissingExtraError, UsageError
from tellapart.progress import Silent

CONTENT = {SCRIPT: b"export{a as b};", BINARY: b"\0asm"}


class Notes(Silent):
    def __init__(self):
        self.said = []

    def note(self, message):
        self.said.append(message)


@pytest.fixture
def known(monkeypatch, fresh_cache, tmp_path):
    """Small files in place of the real ones, no npm, and an empty folder to be in."""
    monkeypatch.setattr(runtime, "SHA256", {name: hashlib.sha256(each).hexdigest() for name, each in CONTENT.items()})
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.delenv(OFFLINE, raising=False)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return Runtime(script=CONTENT[SCRIPT].decode(), binary=CONTENT[BINARY])


def write(folder, content=CONTENT):
    folder.mkdir(parents=True, exist_ok=True)
    for name, each in content.items():
        (folder / name).write_bytes(each)
    return folder


def archive(*, kind=tarfile.REGTYPE, content=CONTENT, prefix="package/dist/"):
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as opened:
        for name, each in content.items():
            member = tarfile.TarInfo(prefix + name)
            member.type, member.size, member.linkname = kind, len(each), "/etc/passwd"
            opened.addfile(member, io.BytesIO(each))
    return held.getvalue()


@pytest.fixture
def npm(known, monkeypatch, tmp_path):
    """A program in npm's place that leaves an archive; a function that says which, and what is expected of it."""

    def place(content, *, code=0, expected=None):
        (tmp_path / "archive.tgz").write_bytes(content)
        program = tmp_path / "npm"
        program.write_text(f"#!/bin/sh\necho 'npm says no' >&2\ncp '{tmp_path}/archive.tgz' ./x.tgz\nexit {code}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr("shutil.which", lambda name: str(program))
        monkeypatch.setattr(runtime, "ARCHIVE_SHA256", expected or hashlib.sha256(content).hexdigest())

    return place


def test_web_runtime__a_folder_that_is_given_must_have_it(known, tmp_path):
    assert web_runtime(write(tmp_path / "a"), Silent()) == known
    assert web_runtime(write(tmp_path / "b" / "dist").parent, Silent()) == known
    write(tmp_path / "c", {**CONTENT, BINARY: b"other"})
    for wrong in (tmp_path / "c", tmp_path / "nowhere"):
        with pytest.raises(UsageError, match=re.escape(VERSION)) as caught:
            web_runtime(wrong, Silent())
        assert caught.value.exit_code == 2


def test_web_runtime__installed_above_the_current_folder(known, tmp_path):
    write(tmp_path / "node_modules" / NAME / "dist")
    assert web_runtime(None, Silent()) == known


def test_web_runtime__nowhere_says_what_to_type(known, monkeypatch):
    with pytest.raises(MissingExtraError, match="no npm") as caught:
        web_runtime(None, Silent())
    assert f"npm install {NAME}@{VERSION}" in str(caught.value)
    assert caught.value.exit_code == 5
    monkeypatch.setenv(OFFLINE, "1")
    with pytest.raises(MissingExtraError, match=OFFLINE):
        web_runtime(None, Silent())


def test_web_runtime__is_fetched_once_said_aloud_and_kept(known, npm, monkeypatch):
    npm(archive())
    notes = Notes()
    assert web_runtime(None, notes) == known
    assert ["once" in note for note in notes.said] == [True]
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert web_runtime(None, notes) == known
    assert len(notes.said) == 1


def test_web_runtime__offline_never_asks_npm(known, npm, monkeypatch):
    npm(archive())
    monkeypatch.setenv(OFFLINE, "1")
    with pytest.raises(MissingExtraError, match=OFFLINE):
        web_runtime(None, Silent())


@pytest.mark.parametrize(
    ("content", "how", "reason"),
    [
        (archive(), {"expected": "0" * 64}, "another archive"),
        (archive(), {"code": 1}, "npm says no"),
        (archive(kind=tarfile.SYMTYPE), {}, "cannot be read"),
        (archive(prefix="package/"), {}, "cannot be read"),
        (archive(content={**CONTENT, SCRIPT: b"other"}), {}, "cannot be read"),
        (archive()[:40], {}, "cannot be read"),
        (b"no archive", {}, "cannot be read"),
    ],
    ids=["other digest", "npm fails", "links", "elsewhere", "other file", "cut short", "no archive"],
)
def test_web_runtime__what_npm_brings_is_checked(known, npm, fresh_cache, content, how, reason):
    npm(content, **how)
    with pytest.raises(MissingExtraError, match=reason):
        web_runtime(None, Silent())
    assert not list(fresh_cache.glob(f"{NAME}*"))


def test_global_script__has_its_exports_and_names_no_place():
    code = (
        'var a=1,b=2;const c="see https://example.org/x)";export{a as One,b as default};\n//# sourceMappingURL=x.map\n'
    )
    given = global_script(Runtime(script=code, binary=b""))
    assert given.endswith("globalThis.ort={One:a,default:b};")
    assert "https" not in given
    assert "sourceMapping" not in given
    with pytest.raises(ValueError, match="exports"):
        global_script(Runtime(script="var a=1", binary=b""))


def test_global_script__of_the_real_one():
    script = global_script(runtime.read_runtime(runtime_folder()))
    assert re.search(r"globalThis\.ort=\{[^{}]*InferenceSession:\w+[^{}]*\};$", script)
    assert "</script" not in script


def test_ci__fetches_this_version():
    ci = Path(__file__).parents[1] / ".ci" / "run"
    if not ci.exists():
        pytest.skip("the package without its repository has no .ci")
    assert f"{NAME}@{VERSION}" in ci.read_text(encoding="utf-8")


def test_library__a_page_has_the_script_that_is_known():
    found = runtime.read_runtime(runtime_folder())
    assert hashlib.sha256(library_of(found).encode()).hexdigest() == runtime.LIBRARY_SHA256
