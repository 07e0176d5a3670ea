"""What nets of timm give as depths, and that a model of any of them is served without torch."""

import sys

import numpy as np
import pytest

from pictures import write_classes
from tellapart import ImageClassifier, load

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
timm = pytest.importorskip("timm", reason="needs the extra: pip install 'tellapart[torch]'")

from tellapart.backbones.timm import build_trunk, load_timm_backbone  # noqa: E402
from tellapart.backbones.timm_nets import Seen, by_depth, create_net, look, set_side  # noqa: E402

HALF = {"mean": (0.5,) * 3, "deviation": (0.5,) * 3}
COUNTS = {"ape": 14, "bee": 14}


def depths_of(name, *, size):
    """The width of each depth of a net with random weights, and the depths that have places."""
    torch.manual_seed(0)
    net = create_net(name)
    set_side(net, size)
    return build_trunk(net, **HALF, size=size)[1:]


@pytest.mark.parametrize(
    ("name", "depths", "without_places"),
    [
        # The last stage is the last layer itself, so the three before it are taken.
        ("test_resnet", "stage2 stage3 stage4 last", ""),
        ("test_convnext", "stage1 stage2 stage3 last", ""),
        # Convolutions follow the last stage, so it is one of the three.
        ("test_efficientnet", "stage3 stage4 stage5 last", ""),
        # The classifier reads the class token of the last block: that one is there once, as the last layer.
        (
            "test_vit",
            "stage4 stage4_class stage5 stage5_class stage6 last",
            "stage4_class stage5_class last",
        ),
        # A register and no class token; what the classifier reads is pooled by attention.
        ("test_vit3", "stage7 stage8 stage9 last", "last"),
    ],
)
def test_build_trunk__depths_by_one_rule(name, depths, without_places):
    widths, places = depths_of(name, size=32)
    assert list(widths) == depths.split()
    assert set(widths) - set(places) == set(without_places.split())


def test_build_trunk__inverted_residuals_are_seen_before_their_projection():
    widths, _ = depths_of("test_efficientnet", size=32)
    assert widths == {"stage3": 96, "stage4": 128, "stage5": 192, "last": 256}


def test_look__a_net_with_its_channels_last_has_places_too():
    with torch.device("meta"), torch.no_grad():
        seen = look(create_net("swin_tiny_patch4_window7_224"), torch.zeros((1, 3, 224, 224)), [1, 2])
    assert [tuple(maps.shape) for maps in (*seen.maps, seen.last_maps)] == [
        (1, 192, 28, 28),
        (1, 384, 14, 14),
        (1, 768, 7, 7),
    ]
    assert (seen.last.shape, seen.tokens) == ((1, 768), ())


def test_look__blocks_are_seen_through_the_last_normalisation():
    net = create_net("test_vit")
    with torch.inference_mode():
        pixels = torch.rand((1, 3, 160, 160))
        features, maps = by_depth(look(net, pixels, [5]), [5])
        tokens = net.forward_features(pixels)
    torch.testing.assert_close(features["stage6_class"], tokens[:, 0])
    torch.testing.assert_close(features["stage6"], tokens[:, 1:].mean(1))
    assert maps["stage6"].shape == (1, 64, 10, 10)


BRANCHES = {"patch_size": (8, 16), "embed_dim": (16, 32), "depth": ((1, 2, 0),) * 2, "num_heads": (2, 2)}
SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": 16}


@pytest.mark.parametrize(
    ("net", "depths", "without_places"),
    [
        # Two branches of two blocks each, whose class tokens the classifier reads.
        (
            timm.models.crossvit.CrossVit(img_size=32, img_scale=(1.0, 1.0), **BRANCHES),
            {"stage2": 16, "stage3": 32, "stage4": 32, "last": 48},
            {"last"},
        ),
        # The classifier reads the mean of the last block's places, so that block is there once, as the last layer.
        (
            timm.models.mlp_mixer.MlpMixer(num_blocks=4, **SMALL),
            {"stage1": 16, "stage2": 16, "stage3": 16, "last": 16},
            {"last"},
        ),
        # No class token to ask for.
        (
            timm.models.vision_transformer_relpos.VisionTransformerRelPos(depth=4, num_heads=2, **SMALL),
            {"stage1": 16, "stage2": 16, "stage3": 16, "last": 16},
            {"last"},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_build_trunk__nets_of_rarer_kinds(net, depths, without_places):
    _, widths, places = build_trunk(net.eval(), **HALF, size=32)
    assert widths == depths
    assert set(widths) - set(places) == without_places


@pytest.mark.parametrize(
    "net",
    [timm.models.xcit.Xcit(depth=2, num_heads=2, **SMALL), timm.models.mlp_mixer.MlpMixer(num_blocks=2, **SMALL)],
    ids=lambda net: type(net).__name__,
)
def test_look__blocks_without_class_tokens_are_seen_through_the_last_normalisation_too(net):
    pixels = torch.rand((1, 3, 32, 32))
    with torch.inference_mode():
        (maps,) = look(net.eval(), pixels, [0]).maps
        (block,) = net.forward_intermediates(pixels, indices=[0], intermediates_only=True)
        torch.testing.assert_close(maps, net.norm(block.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
    assert not torch.allclose(maps, block, atol=0.01)


def test_by_depth__a_last_layer_without_places_has_no_maps():
    features, maps = by_depth(Seen(last=torch.zeros((1, 3)), last_maps=None), ())
    assert (list(features), list(maps)) == (["last"], [])


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_classes(tmp_path_factory.mktemp("nets") / "data", COUNTS)


@pytest.mark.parametrize(
    ("name", "size", "method"),
    [("test_vit", 48, "occlusion"), ("test_convnext", 32, "exact"), ("test_efficientnet", 64, "exact")],
)
def test_a_base_of_timm__from_training_to_export(name, size, method, photos, tmp_path, tellapart, monkeypatch):
    """It has several depths, poolings where it has places, and needs no torch once it is trained."""
    from safetensors.torch import save_file

    torch.manual_seed(0)
    weights = tmp_path / "net.safetensors"
    save_file(create_net(name).state_dict(), weights)
    trained = ImageClassifier(backbone=name, weights=weights, size=size).fit(photos)
    base = load_timm_backbone(name, size=size, weights=weights)
    assert base.means_only.width < base.width <= 2 * base.means_only.width
    model, picture = trained.save(tmp_path / "model.tellapart"), photos / "ape" / "001.png"
    before = trained.predict_proba([picture])
    for package in ("torch", "timm"):
        monkeypatch.setitem(sys.modules, package, None)
    np.testing.assert_allclose(load(model).predict_proba([picture]), before, atol=0.02)
    why = tellapart("explain", model, picture, "-o", tmp_path / "why", "--json")
    assert [row["method"] for row in why.json["pictures"]] == [method]
    assert tellapart("export", model, "-o", tmp_path / "net.onnx", "--to", "onnx").code == 0  # which proves itself
