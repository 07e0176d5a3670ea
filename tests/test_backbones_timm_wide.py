"""Which stages of nets of timm are seen before their projection, and what is seen there."""

import pytest

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
pytest.importorskip("timm", reason="needs the extra: pip install 'tellapart[torch]'")

from tellapart.backbones.timm_nets import all_stages, create_net, look, own_side  # noqa: E402
from tellapart.backbones.timm_wide import WIDEST, what_is_read, widened  # noqa: E402


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        # Stage and channels of the projection that it is seen before.
        ("tf_efficientnet_lite2", {0: 32, 1: 144, 2: 288, 3: 720, 4: 1248}),
        ("mobilenetv3_small_100", {2: 88, 3: 144}),
        ("mobilenetv4_conv_small", {2: 96}),
        ("efficientvit_b0", {0: 64, 1: 128, 2: 256, 3: 512}),
        # Widened at the end of each block, not within it.
        ("resnet50", {}),
        ("vgg11", {}),
        # What is widened is projected at once, by convolutions or linear layers.
        ("convnext_atto", {}),
        ("convnext_tiny", {}),
        ("poolformer_s12", {}),
        ("test_vit", {}),
        # A convolution that narrows lies beside the block, or in one of its branches.
        ("test_resnet", {}),
        ("inception_v3", {}),
        # Modules that feature_info names and that are none.
        ("hrnet_w18_small", {}),
    ],
)
def test_widened__before_the_projection_that_ends_a_stage(name, channels):
    with torch.device("meta"), torch.no_grad():
        net = create_net(name)
        chosen = widened(net, all_stages(net), width=0)
        assert {stage: net.get_submodule(module).in_channels for stage, module in chosen.items()} == channels
        seen = look(net, torch.zeros((1, 3, own_side(net), own_side(net))), all_stages(net), wide=chosen)
    assert {stage: seen.maps[stage].shape[1] for stage in chosen} == channels


def test_widened__from_early_to_late_while_there_is_room():
    with torch.device("meta"):
        net = create_net("tf_efficientnet_lite2")
    assert list(widened(net, [2, 3, 4], width=48 + 120 + 352 + 1280)) == [2, 3, 4]
    assert list(widened(net, [2, 3, 4], width=WIDEST - 240 - 600)) == [2, 3]
    assert list(widened(net, [2, 3, 4], width=WIDEST - 240)) == [2]
    assert widened(net, [2, 3, 4], width=WIDEST) == {}


@pytest.mark.parametrize(("name", "stages"), [("b0", 3), ("b3", 2), ("b5", 1), ("b7", 0)])
def test_widened__the_larger_the_net_the_fewer_stages(name, stages):
    """As docs/recipes.md says."""
    with torch.device("meta"):
        net = create_net(f"tf_efficientnet_{name}")
    channels = [net.feature_info[stage]["num_chs"] for stage in (2, 3, 4)]
    assert len(widened(net, [2, 3, 4], width=sum(channels) + net.num_features)) == stages


def test_look__a_widened_stage_is_what_its_projection_reads_and_nothing_else_changes():
    net = create_net("test_efficientnet")
    (block,) = net.blocks[3]
    with torch.inference_mode():
        pixels = torch.rand((2, 3, 64, 64))
        plain, wide = look(net, pixels, [3, 4]), look(net, pixels, [3, 4], wide={3: "blocks.3.0.conv_pwl"})
        torch.testing.assert_close(block.bn3(block.conv_pwl(wide.maps[0])), plain.maps[0])
    assert torch.equal(wide.maps[1], plain.maps[1])
    assert torch.equal(wide.last, plain.last)


def test_look__what_has_other_places_than_its_stage_is_not_taken():
    net = create_net("test_efficientnet")
    with torch.inference_mode():
        seen = look(net, torch.rand((1, 3, 64, 64)), [3], wide={3: "blocks.1.0.conv_pwl"})
    assert seen.maps[0].shape[1] == 48


def test_what_is_read__leaves_no_hook_behind():
    net = create_net("test_efficientnet")
    with what_is_read(net, {1: "conv_head"}) as read, torch.inference_mode():
        net(torch.rand((1, 3, 32, 32)))
    assert list(read) == [1]
    assert not net.conv_head._forward_pre_hooks
