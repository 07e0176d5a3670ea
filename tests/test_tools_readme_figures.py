"""The README's figures are those of the results, in both languages."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tool():
    path = ROOT / "tools" / "readme_figures.py"
    specification = importlib.util.spec_from_file_location("readme_figures", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


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
    filled = tool.filled(text, name, {**results, "right": 900, "seconds": 7.25})
    assert "7.25" in filled
    assert "90.0 %" in filled
    assert filled.split(tool.BEGIN)[0] == text.split(tool.BEGIN)[0]
    assert filled.split(tool.END)[1] == text.split(tool.END)[1]


def test_filled__without_its_place_it_says_so(tool, results):
    with pytest.raises(SystemExit, match=r"README\.md lacks the lines"):
        tool.filled("# tellapart\n", "README.md", results)


@pytest.mark.parametrize("name", ["recipes.md", "recipes.zh-CN.md"])
def test_results__the_guide_of_recipes_says_the_same(results, name):
    row = next(line for line in (ROOT / "docs" / name).read_text(encoding="utf-8").splitlines() if "vs_dogs" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[2] == f"{results['train']} / {results['test']}"
    assert cells[3].startswith(f"{100 * results['right'] / results['test']:.1f} %")
    assert cells[4:] == [str(results["seconds"]), str(results["images_per_s"])]
