"""What leaves as a package: all that is needed to run, the licences, and nothing else."""

import shutil
import subprocess
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import tellapart

ROOT = Path(__file__).parents[1]
MADE_BY_THE_BUILD = {"PKG-INFO", ".gitignore"}


@pytest.fixture
def build(monkeypatch):
    """The build as `pip` calls it, in the source folder, without an environment of its own."""
    build = pytest.importorskip("hatchling.build", reason="needs the extra: pip install -e '.[dev]'")
    monkeypatch.chdir(ROOT)
    return build


def tracked(*folders):
    """The files that belong to the project or are about to, by their paths below its root."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no checkout, so nothing tells which files belong to it")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *folders],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return {name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).exists()}


def test_wheel__has_the_package_and_its_licences_and_nothing_else(build, tmp_path):
    with zipfile.ZipFile(tmp_path / build.build_wheel(str(tmp_path))) as wheel:
        names = set(wheel.namelist())
        metadata = message_from_bytes(wheel.read(f"tellapart-{tellapart.__version__}.dist-info/METADATA"))
        scripts = wheel.read(f"tellapart-{tellapart.__version__}.dist-info/entry_points.txt").decode()
    package = {name for name in names if name.startswith("tellapart/")}
    about = {name.split("/", 1)[1] for name in names - package}
    assert about == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE", "licenses/NOTICE"}
    assert {"tellapart/backbones/lite0.onnx", "tellapart/backbones/lite2.onnx", "tellapart/py.typed"} <= package
    assert any(name.startswith("tellapart/report/templates/") for name in package)
    assert {f"src/{name}" for name in package} == tracked("src")
    assert "tellapart = tellapart.cli.main:main" in scripts
    plain = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert not [line for line in plain if line.startswith(("torch", "starlette", "onnxruntime", "matplotlib"))]


def test_sdist__has_what_it_takes_to_test_it_and_no_stray_file(build, tmp_path):
    with tarfile.open(tmp_path / build.build_sdist(str(tmp_path))) as archive:
        members = archive.getmembers()
    assert all(member.isreg() for member in members)
    names = {member.name.split("/", 1)[1] for member in members}
    files = tracked()
    assert names - files <= MADE_BY_THE_BUILD
    assert tracked("src", "tests", "tools", "docs", "examples", "deploy") <= names
    assert {"pyproject.toml", "Makefile", "constraints.txt", "CONTRIBUTING.md"} <= names
