import importlib
import pkgutil
import subprocess
import sys

import pytest

import tellapart
from tellapart import extras
from tellapart.errors import MissingExtraError
from tellapart.nets import device


@pytest.mark.parametrize("load", [extras.load_torch, extras.load_timm, extras.load_safetensors])
def test_load__missing_names_the_install_line(load, monkeypatch):
    for name in ("torch", "timm"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tellapart\[torch\]'") as caught:
        load()
    assert caught.value.exit_code == 5


def test_load_timm__says_that_it_takes_a_while_where_it_is_not_loaded_yet():
    pytest.importorskip("timm", reason="needs the extra: pip install 'tellapart[torch]'")
    code = (
        "from tellapart.commands.summary import summarise\n"
        "from tellapart.progress import Lines\n"
        "for name in ('lite0', 'mnist-convnet', 'resnet18', 'resnet34'): summarise(name, progress=Lines())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == ["Loading timm and PyTorch, which takes some seconds."]


def test_load_timm__says_nothing_where_it_is_missed(monkeypatch):
    notes = []
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    monkeypatch.setattr(extras, "find_spec", lambda _name: None)
    monkeypatch.setattr(extras, "load_extra", lambda *_: None)
    extras.load_timm(notes.append)
    assert notes == []


def test_import__no_module_of_the_extra_imports_torch():
    names = [module.name for module in pkgutil.walk_packages(tellapart.__path__, "tellapart.")]
    names.remove("tellapart.__main__")
    assert "tellapart.nets.architectures" in names
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "sys.exit(' '.join({'torch', 'timm', 'cv2', 'safetensors'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_load__gives_the_module():
    pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
    assert extras.load_torch() is importlib.import_module("torch")


def test_open_machine__sets_threads_and_precision():
    torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
    before = torch.get_num_threads()
    try:
        machine = device.open_machine(threads=1, precision="f32")
        assert torch.get_num_threads() == 1
        assert (machine.threads, machine.precision) == (1, "f32")
        with machine.autocast():
            assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype is torch.float32
        with device.Machine(device="cpu", precision="bf16", threads=1).autocast():
            assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype is torch.bfloat16
    finally:
        torch.set_num_threads(before)


def test_seeded__same_purpose_same_numbers_and_nothing_left_behind():
    torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
    before = torch.get_rng_state()
    drawn = {}
    for name, purpose in (("first", 1), ("again", 1), ("other", 2)):
        with device.seeded(0, "test", purpose):
            drawn[name] = torch.rand(4).tolist()
    assert drawn["first"] == drawn["again"] != drawn["other"]
    assert torch.equal(before, torch.get_rng_state())
