import os

import pytest

from tellapart.errors import OutputError
from tellapart.nets.checkpoint import (
    learner_tensors,
    read_checkpoint,
    restore_learner,
    write_checkpoint,
)
from tellapart.nets.schedule import OPTIMISERS
from test_nets_steps import learner_of, run_steps, settings, tiny

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")


@pytest.mark.parametrize("optimiser", sorted(OPTIMISERS))
def test_restore_learner__goes_on_to_the_same_bits(optimiser, tmp_path):
    training = settings(optimiser=optimiser, average=0.9, weight_decay=0.1, clip=1.0)
    straight = learner_of(tiny(), training, average=True)
    run_steps(straight, training, 3)
    write_checkpoint(tmp_path / "c.safetensors", learner_tensors(straight), {"fingerprint": "x", "step": 3})
    run_steps(straight, training, 3)
    tensors, document = read_checkpoint(tmp_path / "c.safetensors", fingerprint="x")
    resumed = learner_of(tiny(seed=1), training, average=True)
    restore_learner(resumed, tensors, step=document["step"])
    run_steps(resumed, training, 3)
    expected = learner_tensors(straight)
    found = learner_tensors(resumed)
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_restore_learner__memory_order_is_the_parameter_s(tmp_path):
    module = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    training = settings()
    learner = learner_of(module, training)
    module(torch.ones(1, 3, 5, 5)).sum().backward()
    learner.optimiser.step()
    write_checkpoint(tmp_path / "c.safetensors", learner_tensors(learner), {"fingerprint": "x"})
    fresh = learner_of(torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last), training)
    restore_learner(fresh, read_checkpoint(tmp_path / "c.safetensors", fingerprint="x")[0], step=1)
    state = fresh.optimiser.state[fresh.module.weight]["exp_avg"]
    assert state.stride() == module.weight.stride()
    assert torch.equal(state, learner.optimiser.state[module.weight]["exp_avg"])


def test_read_checkpoint__none_of_another_training(tmp_path):
    path = tmp_path / "c.safetensors"
    assert read_checkpoint(path, fingerprint="x") is None
    write_checkpoint(path, {"a": torch.ones(2)}, {"fingerprint": "x"})
    assert read_checkpoint(path, fingerprint="y") is None
    assert read_checkpoint(path, fingerprint="x")[0]["a"].tolist() == [1, 1]


def test_read_checkpoint__damaged_is_none(tmp_path):
    path = tmp_path / "c.safetensors"
    write_checkpoint(path, {"a": torch.ones(2)}, {"fingerprint": "x"})
    content = path.read_bytes()
    for damaged in (b"", content[:20], content[:-3], b"\xff" * 40):
        path.write_bytes(damaged)
        assert read_checkpoint(path, fingerprint="x") is None


def test_write_checkpoint__nowhere_to_write(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_checkpoint(tmp_path / "file" / "c.safetensors", {"a": torch.ones(2)}, {})


def test_read_checkpoint__one_changed_byte_is_as_good_as_none(tmp_path):
    path = tmp_path / "c.safetensors"
    write_checkpoint(path, {"a": torch.ones(2)}, {"fingerprint": "x"})
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert read_checkpoint(path, fingerprint="x") is None
    assert read_checkpoint(path, fingerprint="x", largest=10) is None


@pytest.mark.parametrize("kind", ["folder", "pipe", "sparse", "header"])
def test_read_checkpoint__what_is_no_file_of_ours(tmp_path, kind):
    path = tmp_path / "c.safetensors"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        with path.open("wb") as file:
            file.write((10**15).to_bytes(8, "little") if kind == "header" else b"")
            file.truncate(30_000_000_000)
    assert read_checkpoint(path, fingerprint="x", largest=1_000_000) is None
