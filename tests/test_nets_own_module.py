"""A module of the user's own becomes a net of ours, or one line says what is expected."""

import numpy as np
import pytest

from tellapart.errors import UsageError
from tellapart.nets.own_module import net_from_module

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
nn = torch.nn
SIDE = 16


def own_module(last=5):
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, last))


class Wrapped(nn.Module):
    """What answers is made of the logits of a net."""

    def __init__(self, answer):
        super().__init__()
        self.net = own_module()
        self.answer = answer

    def forward(self, pixels):
        return self.answer(self.net(pixels))


def frozen():
    return own_module().requires_grad_(False)


def broken():
    net = own_module()
    with torch.no_grad():
        net[0].bias.fill_(torch.nan)
    return net


def test_net_from_module__answers_as_the_module_does():
    module = own_module()
    net = net_from_module(module, name="mine", size=SIDE, classes=5)
    shown = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8))
    expected = module(shown.permute(0, 3, 1, 2) / 255)
    assert torch.allclose(net.module()(shown), expected, atol=1e-5)
    assert net.head.out_features == 5
    assert isinstance(module[-1], nn.Linear)


def test_net_from_module__one_output_is_enough_for_two_classes():
    assert net_from_module(own_module(1), name="mine", size=SIDE, classes=2).head.out_features == 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: nn.Sequential(own_module(), nn.Hardtanh(-0.01, 0.01)), "last linear layer of the net is not what"),
        (lambda: nn.Sequential(nn.Flatten()), "does not end in a linear layer"),
        (lambda: nn.Sequential(own_module(), nn.Softmax(dim=1)), "gives probabilities, not logits.*softmax out"),
        (lambda: nn.Sequential(own_module(), nn.LogSoftmax(dim=1)), "gives probabilities, not logits.*softmax out"),
        (lambda: Wrapped(lambda logits: (logits, logits)), "gives a tuple, not a tensor"),
        (lambda: Wrapped(lambda logits: {"logits": logits}), "gives a dict, not a tensor"),
        (lambda: Wrapped(lambda logits: logits[0]), r"gives \[5\] for 3 pictures"),
        (lambda: nn.Sequential(nn.Conv2d(3, 5, 1), nn.Linear(SIDE, 5)), r"gives \[3, 5, 16, 5\] for 3 pictures"),
        (
            lambda: nn.Sequential(nn.Conv2d(1, 5, 3), nn.Linear(4, 5)),
            "cannot take pictures of 16 px.*to have 1 channels",
        ),
        (lambda: nn.Sequential(nn.Linear(3 * SIDE * SIDE, 5)), r"cannot take pictures.*float32 \[N, 3, 16, 16\]"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(9, 5)), r"cannot take pictures of 16 px.*\[N, 3, 16, 16\]"),
        (lambda: own_module().double(), r"computes in float64, not float32.*module.float\(\)"),
        (lambda: own_module().half(), "computes in float16, not float32"),
        (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(5)), "lazy layers that have seen no picture"),
        (lambda: Wrapped(lambda logits: logits + torch.rand(())), "gives another answer each time it is asked"),
        (lambda: Wrapped(lambda logits: logits * torch.nan), r"gives what is no number \(NaN\), or infinity"),
        (frozen, "none of the parameters of the net can be trained"),
        (broken, "weights that are not finite"),
        (lambda: own_module(3), "3 outputs, not one"),
    ],
)
def test_net_from_module__one_line_says_what_is_expected(make, said):
    with pytest.raises(UsageError, match=said) as raised:
        net_from_module(make(), name="mine", size=SIDE, classes=5)
    assert "\n" not in str(raised.value)
    assert ": mine." in str(raised.value)
