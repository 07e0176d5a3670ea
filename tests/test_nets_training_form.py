import copy
import platform
from itertools import pairwise

import numpy as np
import pytest

from tellapart.nets.architectures import NETS, build_net
from tellapart.nets.device import X86, Machine
from tellapart.nets.epoch import Batch
from tellapart.nets.steps import judging_step
from tellapart.nets.training_form import holds_blocks, seen_side, training_form

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
nn = torch.nn
MACHINE = Machine(device="cpu", precision="f32", threads=1)
FORMS = [
    False,
    pytest.param(True, marks=pytest.mark.skipif(not MACHINE.blocked, reason="torch has no blocked maps here")),
]
# Where batch normalisation makes equals differ by rounding, a pooling may choose another one: no flat pictures there.
CASES = [
    *((name, size, False) for name in sorted(NETS) for size in (64, 65)),
    *((name, size, True) for name in ("chapter-convnet", "mnist-convnet") for size in (65, 150)),
]


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


@pytest.mark.parametrize("blocked", FORMS)
@pytest.mark.parametrize(("name", "size", "flat"), CASES)
def test_training_form__same_answers_and_gradients(name, size, flat, blocked):
    # Of some 20,000 windows that are pooled, one may have its two largest values within a rounding of each other, and
    # then the form decides which is taken: its gradient is another, and little else. A fault shows with any pictures.
    agreed = (same_gradients(name, size, flat=flat, blocked=blocked, seed=seed) for seed in range(3))
    assert any(agreed)


def same_gradients(name, size, *, flat, blocked, seed):
    """Whether gradients agree for pictures of that seed; answers and statistics must."""
    net = build_net(name, size=size, classes=2, seed=0)
    shown = images(3, size, flat=flat, seed=seed)
    first = copy.deepcopy(net.module().state_dict())
    answers, expected, statistics = learned(net.module(), shown)
    net.module().load_state_dict(first)
    given_answers, given, others = learned(MACHINE.place(net.training_module(blocked=blocked)), shown)
    torch.testing.assert_close(given_answers, answers, rtol=1e-5, atol=1e-5)
    for place, values in others.items():  # means and deviations of normalisations
        torch.testing.assert_close(values, statistics[place], rtol=1e-4, atol=1e-5)
    assert list(given) == list(expected)
    pairs = [(gradient, expected[place]) for place, gradient in given.items()]
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=0, atol=0.05 * float(other.abs().max()))
    return all(torch.allclose(one, other, rtol=1e-4, atol=1e-5 * float(other.abs().max())) for one, other in pairs)


@pytest.mark.parametrize("blocked", FORMS)
@pytest.mark.parametrize("name", sorted(NETS))
def test_training_form__judges_as_the_net_itself(name, blocked):
    net = build_net(name, classes=2, dropout=0.5, seed=0)
    batch = Batch(inputs=images(4, net.size).numpy(), labels=np.arange(4) % 2)
    expected, given = [], []
    judging_step(net.module(), machine=MACHINE, keep=expected)(batch)
    judging_step(net.training_module(blocked=blocked), machine=MACHINE, keep=given)(batch)
    np.testing.assert_allclose(given[0], expected[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("blocked", FORMS)
@pytest.mark.parametrize("name", sorted(NETS))
def test_training_form__same_weights_under_the_same_names(name, blocked):
    net = build_net(name, classes=2, seed=0)
    form = net.training_module(blocked=blocked)
    assert list(form.state_dict()) == list(net.module().state_dict())
    assert all(value is form.get_parameter(place) for place, value in net.module().named_parameters())
    assert holds_blocks(form) == blocked
    kinds = [type(layer) for layer in form.modules()]
    assert (nn.ReLU, nn.MaxPool2d) not in pairwise(kinds)


@pytest.mark.parametrize("blocked", FORMS)
def test_training_form__what_is_no_sequence_stays_as_it_is(blocked):
    layer = nn.Linear(3, 2)
    assert training_form(layer, size=8, blocked=blocked) is layer
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


@pytest.mark.parametrize("where", [("cuda", "f32"), ("cpu", "bf16"), ("mps", "f32")])
def test_blocked__in_float32_on_a_processor_alone(where):
    device, precision = where
    assert not Machine(device=device, precision=precision, threads=1).blocked


@pytest.mark.skipif(platform.machine() not in X86, reason="maps in blocks were measured on x86 alone")
def test_blocked__where_torch_has_blocks():
    assert MACHINE.blocked == torch.backends.mkldnn.is_available()
