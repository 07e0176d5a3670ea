import copy
import platform
from itertools import pairwise

import numpy as np
import pytest

from tellapart.backbones.engine import native_precision
from tellapart.nets.architectures import NETS, build_net
from tellapart.nets.blocks import holds_blocks
from tellapart.nets.device import X86, Machine
from tellapart.nets.epoch import Batch
from tellapart.nets.steps import judging_step
from tellapart.nets.training_form import seen_side, training_form

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
nn = torch.nn
MACHINE = Machine(device="cpu", precision="f32", threads=1)
HALVED = Machine(device="cpu", precision="bf16", threads=1)
IN_BLOCKS = pytest.mark.skipif(not MACHINE.blocks, reason="torch has no blocked maps here")
IN_HALVES = pytest.mark.skipif(not HALVED.blocks, reason="no bfloat16, or no blocked maps here")
FORMS = [None, pytest.param("f32", marks=IN_BLOCKS)]
ALL_FORMS = [*FORMS, pytest.param("bf16", marks=IN_HALVES)]
# Pictures, by number and seed, of which no form has to choose between near equals (see `near_ties`): name, size in
# pixels, flat, number, seed. Where batch normalisation makes equals differ by rounding there are no flat pictures.
CASES = [
    ("chapter-convnet", 64, False, 2, 6),
    ("chapter-convnet", 65, False, 2, 5),
    ("mnist-convnet", 64, False, 2, 19),
    ("mnist-convnet", 65, False, 2, 50),
    ("mnist-convnet-normalised", 64, False, 2, 13),
    ("mnist-convnet-normalised", 65, False, 2, 3),
    ("photo-convnet", 64, False, 2, 27),
    ("photo-convnet", 65, False, 2, 11),
    ("chapter-convnet", 65, True, 2, 5),
    ("chapter-convnet", 150, True, 1, 100),
    ("mnist-convnet", 65, True, 2, 1),
    ("mnist-convnet", 150, True, 1, 103),
]
NEAR = 2e-5  # of the spread of a layer's maps; float32 rounds by 1e-6 of it on average, photo-convnet's by 4e-6


def images(number, size, *, flat=False, seed=0):
    """Pictures; half of each is of one level if it is flat, so that poolings have to choose among equals."""
    drawn = np.random.default_rng(seed).integers(0, 256, (number, size, size, 3), np.uint8)
    if flat:
        drawn[:, : size // 2] = drawn[:, :1, :1]
    return torch.from_numpy(drawn)


def learned(module, shown):
    module.train().zero_grad()
    answers = module(shown)
    answers.square().sum().backward()
    gradients = {name: parameter.grad.clone() for name, parameter in module.named_parameters()}
    return answers.detach(), gradients, {name: buffer.clone() for name, buffer in module.named_buffers()}


def near_ties(trunk, shown):
    """How often a value is within NEAR of the one that would be let through in its place: another of a pooled window,
    or 0. Rounding, which each form and processor does in its own way, decides there where a gradient goes.

    In float64, where all agree. Values that are equal are so for any of them: what led to them is equal too.
    """
    layers, values, found = list(copy.deepcopy(trunk).double().train().children()), shown, 0
    with torch.no_grad():
        for layer, after in pairwise([*layers, None]):
            if isinstance(layer, nn.ReLU):
                first, second = values, torch.zeros_like(values)
                if isinstance(after, nn.MaxPool2d):
                    first, second = values.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4).topk(2).values.unbind(-1)
                close = (first - second.clamp(min=0)).abs() < NEAR * values.std()
                found += int((close & (first - second > 1e-9)).sum())
            values = layer(values)
    return found


@pytest.mark.parametrize(
    ("window", "ties"),
    [
        ([1, 2, 3, 4], 0),
        ([1, 4, 4, 2], 0),  # equal
        ([1, 4, 4 + 1e-6, 2], 1),
        ([-4, -1, -1 + 1e-6, -2], 0),  # none is let through
        ([-4, -1, 1e-6, -2], 1),  # one is, or none
    ],
)
def test_near_ties__are_seen(window, ties):
    values = torch.tensor([window, [5, 6, 7, 8]], dtype=torch.float64).reshape(1, 2, 2, 2)
    assert near_ties(nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)), values) == ties
    alone = [value for value in window if 0 < abs(value) < NEAR]
    assert near_ties(nn.Sequential(nn.ReLU()), values) == len(alone)


@pytest.mark.parametrize("blocks", FORMS)
@pytest.mark.parametrize(("name", "size", "flat", "number", "seed"), CASES)
def test_training_form__same_answers_and_gradients(name, size, flat, number, seed, blocks):
    net = build_net(name, size=size, classes=2, seed=0)
    shown = images(number, size, flat=flat, seed=seed)
    assert near_ties(net.trunk, shown) == 0
    first = copy.deepcopy(net.module().state_dict())
    answers, expected, statistics = learned(net.module(), shown)
    net.module().load_state_dict(first)
    given_answers, given, others = learned(MACHINE.place(net.training_module(blocks=blocks)), shown)
    torch.testing.assert_close(given_answers, answers, rtol=1e-5, atol=1e-5)
    for place, values in others.items():  # means and deviations of normalisations
        torch.testing.assert_close(values, statistics[place], rtol=1e-4, atol=1e-5)
    assert list(given) == list(expected)
    for place, gradient in given.items():
        exact = expected[place]
        torch.testing.assert_close(gradient, exact, rtol=1e-4, atol=1e-5 * float(exact.abs().max()))


@pytest.mark.parametrize("blocks", FORMS)
@pytest.mark.parametrize("name", sorted(NETS))
def test_training_form__judges_as_the_net_itself(name, blocks):
    net = build_net(name, classes=2, dropout=0.5, seed=0)
    batch = Batch(inputs=images(4, net.size).numpy(), labels=np.arange(4) % 2)
    expected, given = [], []
    judging_step(net.module(), machine=MACHINE, keep=expected)(batch)
    judging_step(net.training_module(blocks=blocks), machine=MACHINE, keep=given)(batch)
    np.testing.assert_allclose(given[0], expected[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("blocks", ALL_FORMS)
@pytest.mark.parametrize("name", sorted(NETS))
def test_training_form__same_weights_under_the_same_names(name, blocks):
    net = build_net(name, classes=2, seed=0)
    form = net.training_module(blocks=blocks)
    assert list(form.state_dict()) == list(net.module().state_dict())
    assert all(value is form.get_parameter(place) for place, value in net.module().named_parameters())
    assert holds_blocks(form) == bool(blocks)
    kinds = [type(layer) for layer in form.modules()]
    assert (nn.ReLU, nn.MaxPool2d) not in pairwise(kinds)


@pytest.mark.parametrize("blocks", ALL_FORMS)
def test_training_form__what_is_no_sequence_stays_as_it_is(blocks):
    layer = nn.Linear(3, 2)
    assert training_form(layer, size=8, blocks=blocks) is layer
    assert not holds_blocks(layer)


@pytest.mark.parametrize(
    ("name", "size", "side"),
    [
        ("chapter-convnet", 150, 142),
        ("mnist-convnet", 28, 26),
        ("photo-convnet", 112, 112),  # it pads
        ("convnet-8x16-dense-4-at-22", 22, 22),  # 22, 20, 10, 8, 4: nothing is left over
    ],
)
def test_seen_side__what_no_pooling_leaves_out(name, size, side):
    assert seen_side(list(build_net(name, classes=2, seed=0).trunk.children()), size=size) == side


@pytest.mark.parametrize("name", ["chapter-convnet", "mnist-convnet"])
def test_seen_side__levels_beyond_it_change_nothing_and_those_within_do(name):
    net = build_net(name, classes=2, seed=0)
    side = seen_side(list(net.trunk.children()), size=net.size)
    shown, beyond, within = (images(1, net.size) for _ in range(3))
    beyond[:, side:] = 255
    beyond[:, :, side:] = 255
    within[:, side - 1] = 255
    trunk = net.trunk.eval()
    assert torch.equal(trunk(shown), trunk(beyond))
    assert not torch.equal(trunk(shown), trunk(within))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(1, 1, 3, padding=1),
        nn.Conv2d(1, 1, 3, padding="same"),
        nn.Conv2d(1, 1, 3, dilation=2),
        nn.Conv2d(1, 1, (3, 5)),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.MaxPool2d(3, stride=(2, 1)),
        nn.BatchNorm2d(1),
        nn.AdaptiveAvgPool2d(1),
    ],
)
def test_seen_side__all_of_a_picture_where_a_layer_is_another(layer):
    assert seen_side([nn.Identity(), layer, nn.MaxPool2d(2), nn.Flatten()], size=9) == 9


@pytest.mark.parametrize("where", [("cuda", "f32"), ("cuda", "bf16"), ("mps", "f32")])
def test_blocks__on_a_processor_alone(where):
    device, precision = where
    assert Machine(device=device, precision=precision, threads=1).blocks is None


@pytest.mark.skipif(platform.machine() not in X86, reason="maps in blocks were measured on x86 alone")
def test_blocks__where_torch_has_them_in_numbers_that_the_processor_has():
    there = torch.backends.mkldnn.is_available()
    assert MACHINE.blocks == ("f32" if there else None)
    assert HALVED.blocks == ("bf16" if there and native_precision() == "bf16" else None)


@IN_HALVES
@pytest.mark.parametrize("name", sorted(NETS))
def test_training_form__in_bfloat16_as_near_to_float32_as_the_net_itself(name):
    net = build_net(name, size=64, classes=2, seed=0)
    shown = images(8, 64)
    first = copy.deepcopy(net.module().state_dict())

    def far(module, machine):
        net.module().load_state_dict(first)
        with machine.autocast():
            answers = machine.place(module).train()(shown).float()
        module.zero_grad()
        answers.square().sum().backward()
        found = [answers.detach(), *(parameter.grad.clone() for parameter in module.parameters())]
        statistics = [buffer.clone() for buffer in module.buffers() if buffer.is_floating_point()]
        return found, statistics

    expected, means = far(net.module(), MACHINE)
    usual, _ = far(net.module(), HALVED)
    given, given_means = far(net.training_module(blocks="bf16"), HALVED)
    assert [values.shape for values in given] == [values.shape for values in expected]
    for one, other, exact in zip(given, usual, expected, strict=True):
        scale = float(exact.norm())
        assert one.dtype == torch.float32
        assert float((one - exact).norm()) <= 1.5 * float((other - exact).norm()) + 0.01 * scale
    for one, exact in zip(given_means, means, strict=True):
        torch.testing.assert_close(one, exact, rtol=0.02, atol=0.02 * float(exact.abs().max()))


class Doubled(nn.Conv2d):
    def forward(self, values):
        return 2 * super().forward(values)


def hooked():
    layer = nn.Conv2d(3, 4, 3)
    layer.register_forward_hook(lambda _layer, _given, made: 2 * made)
    return layer


@pytest.mark.parametrize("blocks", ALL_FORMS)
@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 4, 3, padding="same"),
        nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"),
        Doubled(3, 4, 3),
        nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)),
        hooked(),
    ],
)
def test_training_form__a_layer_that_does_more_than_torchs_own_keeps_doing_it(layer, blocks):
    trunk = nn.Sequential(Levels(), layer, nn.ReLU(), nn.Flatten())
    form = training_form(trunk, size=16, blocks=blocks)
    assert not holds_blocks(form)
    assert torch.equal(form(images(2, 16)), trunk(images(2, 16)))


@pytest.mark.parametrize("blocks", ALL_FORMS)
@pytest.mark.parametrize(
    "settings",
    [
        {"stride": 2},
        {"padding": 2},
        {"dilation": 2},
        {"groups": 4},
        {"bias": False},
        {"stride": (1, 2), "padding": (0, 1)},
    ],
)
def test_training_form__convolutions_of_any_geometry(settings, blocks):
    torch.manual_seed(0)
    trunk = nn.Sequential(Levels(), nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, **settings), nn.Flatten())
    form = training_form(trunk, size=16, blocks=blocks)
    assert holds_blocks(form) == bool(blocks)
    answers, expected, _ = learned(trunk, images(2, 16))
    near = 0.02 if blocks == "bf16" else 1e-5
    given_answers, given, _ = learned(form, images(2, 16))
    torch.testing.assert_close(given_answers.float(), answers, rtol=near, atol=near * float(answers.abs().max()))
    for place, gradient in given.items():
        exact = expected[place]
        assert gradient.dtype == torch.float32
        assert float((gradient - exact).norm()) <= near * float(exact.norm())


@pytest.mark.parametrize("blocks", ALL_FORMS)
def test_training_form__weights_that_are_frozen_stay_so(blocks):
    trunk = nn.Sequential(Levels(), nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten())
    for parameter in trunk[1].parameters():
        parameter.requires_grad_(requires_grad=False)
    form = training_form(trunk, size=16, blocks=blocks)
    form(images(2, 16)).float().square().sum().backward()
    assert [parameter.grad is None for parameter in trunk.parameters()] == [True, True, False, False]


class Levels(nn.Module):
    def forward(self, values):
        return values.permute(0, 3, 1, 2).float() / 255 - 0.5
