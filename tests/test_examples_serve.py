"""The programs in examples/serve answer as `tellapart predict` does, each in its own language."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exported import small_classifier, write_model
from pictures import write_picture

EXAMPLES = Path(__file__).parents[1] / "examples" / "serve"
NODE_MODULES = "TELLAPART_NODE_MODULES"  # a folder that has onnxruntime-node, onnxruntime-web and sharp


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """An exported model, ten pictures, and for each the class, its probability and its marks as predict has them."""
    from conftest import invoke

    folder = tmp_path_factory.mktemp("doors")
    model = write_model(folder / "model.tellapart", small_classifier(3))
    assert invoke("export", model, "-o", folder / "model.onnx").code == 0
    for seed in range(10):
        write_picture(folder / f"{seed}.png", seed=seed)
    pictures = sorted(folder.glob("*.png"))
    rows = [line.split(",") for line in invoke("predict", model, *pictures, "--format", "csv").out.splitlines()[1:]]
    marks = [[name for name, said in zip(("unsure", "unlike"), row[6:8], strict=True) if said == "yes"] for row in rows]
    return (
        folder / "model.onnx",
        pictures,
        [(row[1], float(row[2]), said) for row, said in zip(rows, marks, strict=True)],
    )


def answers(command, model, pictures):
    ended = subprocess.run([*command, model, *pictures], capture_output=True, check=True, timeout=120)
    rows = [line.split("\t") for line in ended.stdout.decode().splitlines()]
    assert [row[0] for row in rows] == [str(picture) for picture in pictures]
    return [(row[1], float(row[2]), row[3:]) for row in rows]


def check(given, expected):
    assert len(given) == len(expected) == 10
    for (name, share, marks), (right, probability, said) in zip(given, expected, strict=True):
        assert (name, marks) == (right, said)
        assert share == pytest.approx(probability, abs=0.01)


def test_python__ten_pictures(asked):
    model, pictures, expected = asked
    check(answers([sys.executable, EXAMPLES / "answer.py"], model, pictures), expected)


def test_python__without_a_picture_it_says_how_it_is_called():
    ended = subprocess.run([sys.executable, EXAMPLES / "answer.py"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (1, "usage: python answer.py MODEL.onnx PICTURE…\n")


@pytest.mark.parametrize("runtime", ["onnxruntime-node", "onnxruntime-web"])
def test_javascript__ten_pictures(asked, tmp_path, runtime):
    modules = os.environ.get(NODE_MODULES)
    packages = [modules is not None and Path(modules, name).exists() for name in (runtime, "sharp")]
    if shutil.which("node") is None or not all(packages):
        pytest.skip(f"needs node, and {runtime} and sharp in a folder that {NODE_MODULES} names")
    model, pictures, expected = asked
    (tmp_path / "node_modules").symlink_to(modules)
    text = (EXAMPLES / "answer.mjs").read_text(encoding="utf-8")
    assert text.count('from "onnxruntime-node"') == 1
    program = tmp_path / "answer.mjs"
    program.write_text(text.replace('from "onnxruntime-node"', f'from "{runtime}"'), encoding="utf-8")
    check(answers(["node", program], model, pictures), expected)


def test_cpp__ten_pictures(asked, tmp_path):
    import openvino

    home = Path(openvino.__file__).parent
    libraries = sorted((home / "libs").glob("libopenvino.so.*"))
    if shutil.which("g++") is None or not libraries or not Path("/usr/include/png.h").exists():
        pytest.skip("needs g++, libpng's headers, and OpenVINO's package with its libraries for Linux")
    model, pictures, expected = asked
    program = tmp_path / "answer"
    build = ["g++", "-std=c++17", "-O0", EXAMPLES / "answer.cpp", f"-I{home / 'include'}", libraries[0], "-lpng"]
    subprocess.run([*build, f"-Wl,-rpath,{home / 'libs'}", "-o", program], check=True, timeout=300)
    check(answers([program], model, pictures), expected)
