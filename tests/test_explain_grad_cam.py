"""Grad-CAM on nets small enough to know the answer."""

import numpy as np
import pytest

from tellapart.errors import UsageError
from tellapart.explain.grad_cam import grad_cam, map_stages

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")


@pytest.fixture
def net():
    """Two convolutions, a mean over the places, and a linear layer; relu in place, dropout, batch normalisation."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, stride=2, padding=1),
            torch.nn.BatchNorm2d(8),
            torch.nn.ReLU(inplace=True),
            torch.nn.Conv2d(8, 6, 3, stride=2, padding=1),
            torch.nn.ReLU(inplace=True),
            torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(),
            torch.nn.Dropout(0.5),
            torch.nn.Linear(6, 3),
        )


@pytest.fixture
def pixels():
    return torch.from_numpy(np.random.default_rng(1).normal(size=(2, 3, 32, 24)).astype(np.float32))


def maps_of(net, pixels, stage):
    with torch.no_grad():
        return net.eval()[: int(stage) + 1](pixels)


def test_grad_cam__before_a_pooled_linear_head_it_is_the_head_s_own_sum(net, pixels):
    found = grad_cam(net, pixels, stage="4", target=2, signed=True)
    expected = torch.einsum("c,nchw->nhw", net[8].weight[2], maps_of(net, pixels, "4")) / (8 * 6)
    assert found.shape == (2, 8, 6)
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-4, atol=1e-6)
    logits = net.eval()(pixels).detach().numpy()
    np.testing.assert_allclose(found.sum(axis=(1, 2)) + net[8].bias[2].item(), logits[:, 2], rtol=1e-4)


def test_grad_cam__keeps_what_speaks_for_the_class_unless_asked(net, pixels):
    signed = grad_cam(net, pixels, stage="1", target=0, signed=True)
    assert signed.min() < 0
    np.testing.assert_array_equal(grad_cam(net, pixels, stage="1", target=0), signed.clip(min=0))


@pytest.mark.parametrize("stage", ["0", "1", "2", "3", "4"])
def test_grad_cam__any_stage_also_of_a_frozen_net_without_gradients(net, pixels, stage):
    with torch.enable_grad():
        expected = grad_cam(net, pixels, stage=stage, target=1)
    net.requires_grad_(False)
    with torch.no_grad():
        np.testing.assert_array_equal(grad_cam(net, pixels, stage=stage, target=1), expected)
    assert np.isfinite(expected).all()


def test_grad_cam__one_class_for_each_picture_or_the_predicted_one(net, pixels):
    best = net.eval()(pixels).argmax(dim=1).tolist()
    np.testing.assert_array_equal(
        grad_cam(net, pixels, stage="4", signed=True), grad_cam(net, pixels, stage="4", target=best, signed=True)
    )
    each = grad_cam(net, pixels, stage="4", target=[0, 1], signed=True)
    np.testing.assert_allclose(each[1], grad_cam(net, pixels[1:], stage="4", target=1, signed=True)[0], atol=1e-6)


def test_grad_cam__a_single_logit_speaks_for_the_second_class(pixels):
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 1)
    )
    first, second = (grad_cam(net, pixels, stage="0", target=target, signed=True) for target in (0, 1))
    np.testing.assert_allclose(first, -second)


def test_grad_cam__leaves_the_net_as_it_was(net, pixels):
    net.train()
    net[1].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    grad_cam(net, pixels, stage="4")
    assert [module.training for module in net] == [True, False, *[True] * 7]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not any(module._forward_hooks for module in net)


@pytest.mark.parametrize("stage", ["nowhere", "", "6", "8"])
def test_grad_cam__a_stage_without_maps_is_told_with_those_that_have_them(net, pixels, stage):
    with pytest.raises(UsageError, match=r"Stages with maps: 0, 1, 2, 3, 4\."):
        grad_cam(net, pixels, stage=stage)


def test_map_stages__in_the_order_they_are_run(net, pixels):
    assert map_stages(net, pixels) == ("0", "1", "2", "3", "4")
    assert map_stages(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(2304, 2)), pixels) == ()


def test_grad_cam__marks_the_corner_that_decides():
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten())
    net.append(torch.nn.Linear(256, 2))
    with torch.no_grad():
        net[0].weight.fill_(1 / 9)
        net[0].bias.zero_()
        net[3].weight.zero_()
        net[3].weight[1].fill_(1.0)
    picture = torch.zeros(1, 1, 16, 16)
    picture[:, :, 2:5, 10:13] = 1
    found = grad_cam(net, picture, stage="1", target=1)[0]
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert (row, column) == (3, 11)
    assert found[8:].max() == 0
