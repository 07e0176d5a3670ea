"""The layer rule: a module imports only from the layers above its own, never from below."""

import ast
from pathlib import Path

import pytest

import tellapart

PACKAGE = Path(tellapart.__file__).parent
BOTTOM = ("errors", "extras", "files", "seeds", "progress", "types", "text")
LAYERS = (
    "data",
    "backbones",
    "features",
    "duplicates",
    "heads",
    "evaluation",
    "nets",
    "finetuning",
    "recipes",
    "judged",
    "bundle",
    "explain",
    "audit",
    "report",
    "runs",
    "commands",
    "estimator",
    "cli",
    "__main__",
)
MODULES = sorted(PACKAGE.rglob("*.py"))


def layer_of(module):
    """The layer of a dotted module name below tellapart, or None for the package itself."""
    return module.split(".")[1] if "." in module else None


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the layer"
            yield from (
                f"{node.module}.{alias.name}" if node.module == "tellapart" else node.module for alias in node.names
            )


def breaches(own, imported):
    """Whether layer own may not import from layer imported."""
    if imported is None or imported in BOTTOM or own == imported:
        return False
    return own in BOTTOM or LAYERS.index(imported) > LAYERS.index(own)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_layers__imports_point_upwards(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own == "__init__":
        return
    for module in imported_modules(path):
        if module == "tellapart" or module.startswith("tellapart."):
            assert not breaches(own, layer_of(module)), f"{own} imports {module}"


def test_layers__every_layer_is_listed():
    found = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES} - {"__init__"}
    assert found <= {*LAYERS, *BOTTOM}


def test_breaches__the_rule_can_be_broken():
    assert breaches("data", "features")
    assert breaches("types", "data")
    assert not breaches("features", "data")
    assert not breaches("cli", "errors")


def test_source__no_assert_on_user_input():
    for path in MODULES:
        assert not any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_source__budgets(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 500
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 80, f"{node.name} is longer than 80 lines"
