"""The README's figures are those of the results, in both languages."""

import base64
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tool():
    path = ROOT / "tools" / "readme_figures.py"
    specification = importlib.util.spec_from_file_location("readme_figures", path)
    module = importlib.util.module_from_spec(specification)
    found, kept = list(sys.path), set(sys.modules)
    specification.loader.exec_module(module)
    yield module
    sys.path[:] = found
    for name in {"figures", "ledger", "plan", "plots"} - kept:
        del sys.modules[name]


@pytest.fixture(scope="module")
def results(tool):
    return json.loads(tool.RESULTS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_filled__the_readme_is_in_step_with_the_results(tool, results, name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert tool.filled(text, name, results) == text, "python tools/readme_figures.py brings it into step"


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_filled__another_figure_changes_the_sentence_alone(tool, results, name):
    text = (ROOT / name).read_text(encoding="utf-8")
    ours = {key: cell for key, cell in results["cells"].items() if key.startswith(f"job/{tool.SET}/{tool.OURS}/")}
    right = base64.b64encode(np.packbits(np.arange(1000) < 900).tobytes()).decode()
    changed = {key: {**cell, "test": 1000, "right": right, "seconds": 7.25} for key, cell in ours.items()}
    filled = tool.filled(text, name, {**results, "cells": results["cells"] | changed})
    assert " 7.25 " in filled
    assert "90.0 %" in filled
    assert filled.split(tool.BEGIN)[0] == text.split(tool.BEGIN)[0]
    assert filled.split(tool.END)[1] == text.split(tool.END)[1]


def test_filled__without_its_place_it_says_so(tool, results):
    with pytest.raises(SystemExit, match=r"README\.md lacks the lines"):
        tool.filled("# tellapart\n", "README.md", results)


def test_sentence__says_what_the_page_of_results_says(tool, results):
    page = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8").split(f"## {tool.SET}, all of it")[1]
    row = next(line for line in page.splitlines() if line.startswith("| tellapart |"))
    seconds, accuracy = (row.split("|")[place].split("(")[0].strip() for place in (2, 6))
    said = tool.sentence("README.md", results)
    assert f" {seconds} seconds" in said
    assert f" {accuracy} % of" in said


@pytest.mark.parametrize("name", ["recipes.md", "recipes.zh-CN.md"])
def test_record__the_guide_of_recipes_says_the_same(name):
    results = json.loads((ROOT / "benchmarks" / "results" / "train.json").read_text(encoding="utf-8"))
    row = next(line for line in (ROOT / "docs" / name).read_text(encoding="utf-8").splitlines() if "vs_dogs" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[2] == f"{results['train']} / {results['test']}"
    assert cells[3].startswith(f"{100 * results['right'] / results['test']:.1f} %")
    assert cells[4:] == [str(results["seconds"]), str(results["images_per_s"])]
