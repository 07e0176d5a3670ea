"""Grad-CAM from a model file's graph, whatever trained it."""

import numpy as np
import pytest

from pictures import make_pixels
from tellapart.backbones.catalogue import load_backbone
from tellapart.errors import UsageError
from tellapart.explain.exact import MapReader, exact_heat_map
from tellapart.heads.linear import LinearHead

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")

from tellapart.explain.graph_cam import GraphCam  # noqa: E402
from tellapart.nets.architectures import build_net  # noqa: E402
from tellapart.nets.export import export_backbone, linear_head  # noqa: E402


@pytest.fixture(scope="module")
def net():
    return build_net("chapter-convnet", size=64, classes=3, seed=1)


@pytest.fixture(scope="module")
def saved(net):
    """What a model file holds of the net: a graph and a head."""
    return GraphCam(export_backbone(net), linear_head(net.head))


SQUARE = make_pixels(4, width=64, height=64)


def grad_cam_by_hook(module, pixels, *, stage, target):
    """The same from the net itself: its maps are caught on the way, and weighted by their mean gradients."""
    kept = []
    handle = module.get_submodule(stage).register_forward_hook(lambda *call: kept.append(call[2]))
    logits = module.eval()(pixels)
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, target], kept[0])
    return (gradient.mean(dim=(2, 3), keepdim=True) * kept[0]).sum(dim=1)[0].detach().numpy()


@pytest.mark.parametrize(("stage", "module"), [("conv1", "conv1"), ("relu3", "relu3"), ("maxpool4", "pool4")])
def test_heat__from_the_file_is_what_the_net_itself_gives(net, saved, stage, module):
    found, logit = saved.heat((SQUARE,), stage=stage, target=2)
    pixels = torch.from_numpy(SQUARE[None])
    expected = grad_cam_by_hook(net.module(), pixels, stage=f"trunk.{module}", target=2)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())
    assert logit == pytest.approx(net.module().eval()(pixels)[0, 2].item(), rel=1e-4)


def test_heat__last_is_the_last_stage_with_maps(saved):
    assert saved.stages((SQUARE,))[-1] == "maxpool4"
    for mine, named in zip(
        *(saved.heat((SQUARE,), stage=stage, target=0) for stage in ("last", "maxpool4")), strict=True
    ):
        np.testing.assert_array_equal(mine, named)


def test_heat__a_stage_that_is_not_there_or_has_no_maps_is_told(saved):
    for stage in ("conv9", "relu5"):
        with pytest.raises(UsageError, match="relu4, maxpool4"):
            saved.heat((SQUARE,), stage=stage, target=0)


def test_heat__of_the_shipped_base_agrees_with_the_exact_map_where_that_is_defined():
    backbone = load_backbone("lite0", size=64)
    last = backbone.last
    random = np.random.default_rng(0)
    weight = random.normal(0, 0.05, (backbone.width, 2)).astype(np.float32)
    weight[: last.start] = weight[last.stop :] = 0  # only the last depth counts, so Grad-CAM on it is the exact map
    head = LinearHead(weight=weight, bias=np.zeros(2, np.float32), start=0, stop=backbone.width)
    cam = GraphCam(backbone, head)
    found, logit = cam.heat((SQUARE,), stage=cam.stages((SQUARE,))[-1], target=1)
    seen = MapReader(backbone, precision="f32").read((SQUARE,))
    exact = exact_heat_map(*seen, side=64, head=head, target=1, class_name="")
    assert found.sum() == pytest.approx(exact.logit, rel=1e-3)
    assert logit == pytest.approx(exact.logit, rel=1e-3)


def test_heat__an_early_depth_is_reached_past_the_later_ones():
    backbone = load_backbone("lite0", size=64)
    head = LinearHead(
        weight=np.ones((backbone.width, 2), np.float32), bias=np.zeros(2, np.float32), start=0, stop=backbone.width
    )
    found, _ = GraphCam(backbone, head).heat((SQUARE,), stage="conv9", target=0)
    assert found.shape == (16, 16)
    assert np.isfinite(found).all()
    assert found.any()
