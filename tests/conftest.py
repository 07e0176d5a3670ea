"""What the tests share: a cache of their own, the command line in process, and one run that many tests look at."""

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import process_settings  # noqa: F401  before numpy is loaded
from pictures import encode, make_pixels, write_classes
from tellapart.bundle.bundle import CHECK, assemble, read_bundle
from tellapart.bundle.container import MANIFEST, read_container
from tellapart.bundle.self_check import self_check, stated_digest
from tellapart.cli.main import main
from tellapart.errors import ModelFileError
from tellapart.features.cache import LIMIT_VARIABLE
from tellapart.files import FOLDER_VARIABLE

COUNTS = {"cat": 16, "dog": 18, "owl": 16}

# How long one example takes is the machine's affair; costs that matter are bounded by tests of their own.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def complaint(self):
        """The last line on stderr, where an error stands."""
        return self.err.splitlines()[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The run that the session trained once; tests read it and never write to it."""

    data: Path
    run: Path
    outcome: Outcome

    @property
    def model(self):
        return self.run / "model.tellapart"

    @property
    def metrics(self):
        return json.loads((self.run / "metrics.json").read_text())


def invoke(*arguments):
    """Run the command line in this process, as `tellapart` would."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["tellapart", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    written = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return Outcome(code=ended.value.code, out=written[0], err=written[1])


def start_process(*arguments, environment=None, **options):
    """Start `tellapart` as a process of its own."""
    command = [sys.executable, "-c", "from tellapart.cli.main import main; main()", *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        **options,
    )


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """A cache folder of the session's own, also for the processes it starts; nobody's real cache is touched."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv(FOLDER_VARIABLE, str(folder))
        patch.delenv(LIMIT_VARIABLE, raising=False)
        yield folder


@pytest.fixture
def fresh_cache(tmp_path, monkeypatch):
    """An empty cache folder for one test."""
    folder = tmp_path / "fresh cache"
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    return folder


@pytest.fixture(scope="session")
def tellapart():
    return invoke


@pytest.fixture(scope="session")
def tellapart_process():
    return start_process


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Three classes; one picture is truncated, one has an alpha channel, and one file is no picture."""
    root = write_classes(tmp_path_factory.mktemp("photos") / "birds", COUNTS, blotches=60)
    (root / "dog" / "017.png").write_bytes(encode(make_pixels(17, kind=1), "PNG")[:900])
    alpha = make_pixels(3, kind=2)[:, :, [0, 1, 2, 0]]
    (root / "owl" / "003.png").write_bytes(encode(alpha, "PNG"))
    (root / "owl" / "notes.txt").write_text("not a picture")
    return root


@pytest.fixture(scope="session")
def trained(photos, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "first"
    outcome = invoke("train", photos, "-o", run, "--folds", 0)
    assert outcome.code == 0, outcome.err
    return Trained(data=photos, run=run, outcome=outcome)


@pytest.fixture
def parts(trained):
    """The manifest and members of the trained model, to be changed."""
    manifest, members = read_container(trained.model)
    return json.loads(json.dumps(manifest)), dict(members)


@pytest.fixture
def rewritten(tmp_path):
    """A model file of a changed manifest and changed members, with digests that fit."""

    def write(manifest, members):
        path = tmp_path / "changed.tellapart"
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
        document = {**manifest, "sha256": digests}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {MANIFEST: json.dumps(document).encode(), **members}.items():
                archive.writestr(zipfile.ZipInfo(name), content)
        return path

    return write


@pytest.fixture(scope="session")
def engine(trained):
    """The base of the trained model, compiled once; it is the same whatever is changed around it."""
    return read_bundle(trained.model)[1]


@pytest.fixture
def refused(trained, engine):
    """Assemble and check changed parts as `read_bundle` does, which must fail; the single line of the error."""

    def read(manifest, members):
        classifier = assemble(manifest, members, trained.model).classifier
        stated = stated_digest(manifest, members)
        self_check(classifier, engine, check=members[CHECK], stated=stated, path=trained.model)

    def check(manifest, members):
        with pytest.raises(ModelFileError) as error:
            read(manifest, members)
        line = str(error.value)
        assert str(trained.model) in line
        assert "\n" not in line
        return line

    return check
