import numpy as np
import pytest

from tellapart.nets.device import Machine
from tellapart.nets.epoch import Batch
from tellapart.nets.schedule import Training, build_optimiser
from tellapart.nets.steps import (
    UNMIXED,
    Learner,
    Mixing,
    copy_for_average,
    draw_mixing,
    judging_step,
    set_training,
    training_step,
    two_columns,
)

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")

CPU = Machine(device="cpu", precision="f32", threads=1)


def tiny(*, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return torch.nn.Sequential(
            torch.nn.Linear(4, 6), torch.nn.BatchNorm1d(6), torch.nn.ReLU(), torch.nn.Linear(6, 2)
        )


def batch(count=8):
    random = np.random.default_rng(0)
    return Batch(inputs=random.normal(size=(count, 4)).astype(np.float32), labels=np.arange(count) % 2)


def learner_of(module, training, *, average=False):
    copy = copy_for_average(module) if average else None
    return Learner(module=module, optimiser=build_optimiser(module, training), average=copy)


def settings(**changes):
    return Training(**({"epochs": 50, "batch": 8, "learning_rate": 0.01} | changes))


def run_steps(learner, training, count, **options):
    step = training_step(learner, training=training, machine=CPU, steps_per_epoch=1, **options)
    return [step(batch())["loss"] for _ in range(count)]


def test_training_step__learns_and_counts():
    training = settings(constant=True)
    learner = learner_of(tiny(), training)
    losses = run_steps(learner, training, 40)
    assert losses[-1] < 0.5 * losses[0]
    assert learner.step == 40


def test_training_step__loss_is_a_sum_over_pictures():
    training = settings(learning_rate=1e-12)
    module = tiny()
    (loss,) = run_steps(learner_of(module, training), training, 1)
    logits = module(torch.from_numpy(batch().inputs))
    expected = torch.nn.functional.cross_entropy(logits, torch.from_numpy(batch().labels), reduction="sum")
    assert loss == pytest.approx(expected.item(), rel=1e-5)


def test_training_step__clipping_bounds_the_gradient():
    training = settings(clip=1e-3, optimiser="rmsprop")
    learner = learner_of(tiny(), training)
    run_steps(learner, training, 1)
    norm = torch.stack([parameter.grad.norm() for parameter in learner.module.parameters()]).norm()
    assert float(norm) == pytest.approx(1e-3, rel=1e-2)


def test_training_step__class_weights_count():
    training = settings(learning_rate=1e-12)
    weighted, alike = (
        run_steps(learner_of(tiny(), training), training, 1, weights=weights)[0]
        for weights in (np.array([2.0, 0.0], np.float32), None)
    )
    assert weighted != pytest.approx(alike)


def test_training_step__average_follows_the_weights_and_statistics():
    training = settings(average=0.5, constant=True)
    learner = learner_of(tiny(), training, average=True)
    before = {name: value.clone() for name, value in learner.average.state_dict().items()}
    run_steps(learner, training, 1)
    now, goal = learner.average.state_dict(), learner.module.state_dict()
    for name, value in before.items():
        expected = value.lerp(goal[name], 0.9) if value.is_floating_point() else goal[name]
        assert torch.allclose(now[name], expected), name
    assert learner.judged is learner.average


def test_judging_step__changes_nothing_and_keeps_logits():
    module = tiny()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    kept = []
    first, again = (judging_step(module, machine=CPU, keep=kept)(batch()) for _ in range(2))
    assert first == again
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert kept[0].shape == (8, 2)
    assert kept[0].dtype == np.float64
    assert first["correct"] == (kept[0].argmax(axis=1) == batch().labels).sum()


def test_judging_step__logits_leave_the_device_before_they_become_float64():
    """Apple's devices have no float64."""
    called = []

    class Recorder(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            called.append(function.__name__)
            return function(*args, **(kwargs or {}))

    step = judging_step(tiny(), machine=CPU, keep=[])
    with Recorder():
        step(batch())
    assert [name for name in called if name in ("cpu", "double")] == ["cpu", "double"]


def test_set_training__frozen_normalisation_stays_in_inference():
    module = tiny()
    module[1].requires_grad_(False)
    before = module[1].running_mean.clone()
    training = settings()
    run_steps(learner_of(module, training), training, 3)
    assert torch.equal(module[1].running_mean, before)
    module[1].requires_grad_(True)
    set_training(module)
    assert module[1].training


def test_two_columns__softmax_of_them_is_the_sigmoid():
    single = torch.tensor([[0.7], [-2.0]])
    assert torch.allclose(two_columns(single).softmax(dim=1)[:, 1:], single.sigmoid())
    assert two_columns(torch.zeros(3, 2)).shape == (3, 2)


def test_draw_mixing__nothing_is_drawn_for_a_mix_of_0():
    state = torch.get_rng_state()
    assert draw_mixing(0.0, 4) is UNMIXED
    assert torch.equal(torch.get_rng_state(), state)


def test_mixing__inputs_and_targets_are_mixed_by_the_same_share():
    mixing = Mixing(share=0.75, order=torch.tensor([1, 0]))
    given = torch.tensor([[0, 100], [200, 40]], dtype=torch.uint8)
    assert mixing.inputs(given).tolist() == [[50, 85], [150, 55]]
    (first, own), (second, others) = mixing.targets(torch.tensor([3, 5]))
    assert (first, own.tolist(), second, others.tolist()) == (0.75, [3, 5], 0.25, [5, 3])


def test_training_step__learns_from_mixed_pictures_and_repeats_itself():
    training = settings(constant=True, mix=0.5)
    runs = []
    for _ in range(2):
        with torch.random.fork_rng():
            torch.manual_seed(1)
            learner = learner_of(tiny(), training)
            runs.append(run_steps(learner, training, 40))
    assert runs[0] == runs[1]
    judged = judging_step(learner.module, machine=CPU)(batch())
    assert judged["correct"] == 8
