"""Where a process computes; devices that are not here are stood in for."""

from types import SimpleNamespace

import numpy as np
import pytest

from pictures import make_pixels
from tellapart.backbones import devices, engine
from tellapart.backbones.catalogue import load_backbone
from tellapart.backbones.devices import chosen_devices, find_device, precision_of, use_device
from tellapart.backbones.engine import Engine, native_precision, settings_for
from tellapart.errors import UsageError
from tellapart.nets import device as torch_device


@pytest.fixture(autouse=True)
def _no_choice():
    yield
    use_device(None)


class Core:
    """OpenVINO on a machine that has more than a CPU."""

    available_devices = ("CPU", "GPU.0", "GPU.1", "NPU")

    def get_property(self, device, name):
        if device == "AUTO" or (device == "NPU" and name == "INFERENCE_PRECISION_HINT"):
            raise RuntimeError(name)
        if name == "SUPPORTED_PROPERTIES":
            return ["PERFORMANCE_HINT"] if device == "NPU" else ["INFERENCE_PRECISION_HINT", "PERFORMANCE_HINT"]
        return SimpleNamespace(get_type_name=lambda: "f16")


@pytest.fixture
def many(monkeypatch):
    monkeypatch.setattr(devices, "load_openvino", lambda: SimpleNamespace(Core=Core))
    there = SimpleNamespace(is_available=lambda: True)
    gone = SimpleNamespace(mps=SimpleNamespace(is_available=lambda: False))
    monkeypatch.setattr(devices, "load_torch", lambda: SimpleNamespace(cuda=there, backends=gone))


@pytest.mark.parametrize(
    ("name", "engine_device", "of_torch"),
    [
        ("cpu", "CPU", "cpu"),
        ("CPU", "CPU", "cpu"),
        ("gpu", "GPU", None),
        ("GPU.1", "GPU.1", None),
        ("NPU", "NPU", None),
        ("auto", "AUTO", None),
        ("cuda", "CPU", "cuda"),
    ],
)
def test_find_device__by_the_names_of_openvino_and_of_torch(many, name, engine_device, of_torch):
    found = find_device(name)
    assert (found.engine, found.torch) == (engine_device, of_torch)


@pytest.mark.parametrize("name", ["tpu", "GPU.7", "mps", "", "CPU.x"])
def test_find_device__what_is_not_here_is_one_line_with_those_that_are(many, name):
    with pytest.raises(UsageError, match="no such device here") as caught:
        find_device(name)
    assert "Choose one of: CPU, GPU.0, GPU.1, NPU, AUTO, cuda." in str(caught.value)


def test_use_device__none_is_no_choice():
    assert (chosen_devices().engine, chosen_devices().torch) == ("CPU", None)
    use_device("cpu")
    assert chosen_devices().torch == "cpu"
    use_device(None)
    assert chosen_devices().torch is None


def test_precision_of__what_does_not_say_is_what_is_usual():
    assert [precision_of(Core(), device) for device in ("GPU.0", "NPU", "AUTO")] == ["f16", "f16", "f32"]


def test_settings_for__streams_and_threads_are_for_the_cpu_alone():
    told = {
        device: settings_for(Core(), device, precision="f32", streams=2, threads=4)
        for device in ("CPU", "GPU.0", "NPU", "AUTO")
    }
    assert told["CPU"] == {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "THROUGHPUT",
        "NUM_STREAMS": "2",
        "INFERENCE_NUM_THREADS": "4",
    }
    assert told["GPU.0"] == {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "THROUGHPUT"}
    assert told["NPU"] == told["AUTO"] == {"PERFORMANCE_HINT": "THROUGHPUT"}


def test_engine__auto_sees_what_the_cpu_sees():
    """The one other device of OpenVINO that every machine has: it chooses the CPU where there is nothing else."""
    base, square = load_backbone("lite0", size=64), make_pixels(2, width=64, height=64)[None]
    precision = native_precision()
    expected = Engine(base, precision=precision).run(square)
    use_device("AUTO")
    np.testing.assert_allclose(Engine(base, precision=precision).run(square), expected, rtol=0.1, atol=0.1)


def test_engine__is_compiled_for_the_device_that_was_chosen(monkeypatch):
    asked = []
    openvino = engine.load_openvino()

    class Listening(type(openvino.Core())):
        def compile_model(self, model, device, settings):
            asked.append(device)
            return super().compile_model(model, "CPU", {})

    stood_in = SimpleNamespace(**{name: getattr(openvino, name) for name in ("AsyncInferQueue", "Model", "opset13")})
    stood_in.Core = Listening
    monkeypatch.setattr(engine, "load_openvino", lambda: stood_in)
    monkeypatch.setattr(engine, "chosen_devices", lambda: devices.Devices(engine="GPU"))
    base = load_backbone("lite0", size=32)
    assert Engine(base, precision="f32").run(make_pixels(2, width=32, height=32)[None]).shape == (1, base.width)
    assert asked == ["GPU"]


def test_open_machine__on_the_device_that_was_chosen(monkeypatch):
    torch = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: True))
    assert torch_device._device(torch) == "cuda"
    monkeypatch.setattr(torch_device, "chosen_devices", lambda: devices.Devices(torch="cpu"))
    assert torch_device._device(torch) == "cpu"


@pytest.mark.parametrize("command", [("train", "nowhere"), ("predict", "model.tellapart", "a.png"), ("serve", "m")])
def test_commands__a_device_that_is_not_here_ends_before_any_work(tellapart, command):
    outcome = tellapart(*command, "--device", "quantum")
    assert outcome.code == 2
    assert "no such device here: quantum. Choose one of: CPU" in outcome.err
