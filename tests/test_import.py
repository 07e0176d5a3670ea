"""Importing the package is cheap, and it offers exactly the names it says."""

import subprocess
import sys

import pytest

import tellapart

HEAVY = (
    "numpy",
    "scipy",
    "sklearn",
    "openvino",
    "onnx",
    "typer",
    "rich",
    "PIL",
    "jinja2",
    "sqlite3",
    "pandas",
    "polars",
    "starlette",
    "uvicorn",
    "onnxruntime",
    "ray",
    "tellapart.errors",
)


def test_import__loads_none_of_the_dependencies():
    program = f"import sys, tellapart; print(*[name for name in {HEAVY} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "\n"


def test_import__public_names_are_exactly_all():
    assert sorted(tellapart.__all__) == tellapart.__all__ == dir(tellapart)
    assert set(tellapart.__all__) == {
        "DataError",
        "ImageClassifier",
        "MissingExtraError",
        "ModelFileError",
        "OutputError",
        "PictureError",
        "TellapartError",
        "UsageError",
        "__version__",
        "embed",
        "load",
    }


@pytest.mark.parametrize("name", tellapart.__all__)
def test_import__every_public_name_is_there(name):
    value = getattr(tellapart, name)
    assert value is not None
    if name != "__version__":
        assert value.__name__ == name
    namespace = {}
    exec(f"from tellapart import {name}", namespace)
    assert namespace[name] is value


def test_import__any_other_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tellapart.nothing


def test_import__the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert tellapart.__version__ == version("tellapart")


def test_import__every_error_has_its_exit_code():
    errors = {name: getattr(tellapart, name) for name in tellapart.__all__ if name.endswith("Error")}
    assert {name: error.exit_code for name, error in errors.items()} == {
        "TellapartError": 1,
        "UsageError": 2,
        "OutputError": 2,
        "DataError": 3,
        "PictureError": 3,
        "ModelFileError": 4,
        "MissingExtraError": 5,
    }
    assert all(issubclass(error, tellapart.TellapartError) for error in errors.values())
