"""What only a process of its own can show: signals, pipes, and what is imported."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pictures import write_classes, write_picture
from tellapart.features.cache import cache_status
from tellapart.files import FOLDER_VARIABLE

TRAP = """
import os
with open(os.environ["TORCH_TRAP"], "a") as trap:
    trap.write("imported\\n")
raise ImportError("torch is not for the core")
"""
LOADED = """
import sys
sys.argv = ["tellapart", *sys.argv[1:]]
from tellapart.cli.main import main
try:
    main()
finally:
    print("LOADED", *sys.modules, file=sys.stderr)
"""


def finished(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def wait_for_line(stream, text):
    for line in stream:
        if text in line:
            return line
    raise AssertionError(f"{text!r} was never said")


def test_train__an_interrupt_leaves_no_half_file_and_the_next_run_reuses_the_cache(tmp_path, tellapart_process):
    data = write_classes(tmp_path / "data", {"a": 120, "b": 120})
    environment = {FOLDER_VARIABLE: str(tmp_path / "cache")}
    arguments = ("train", data, "-o", tmp_path / "run", "--json")
    process = tellapart_process(*arguments, environment=environment)
    wait_for_line(process.stderr, "Looking at pictures: 240 pictures")
    deadline = time.monotonic() + 20
    while cache_status(tmp_path / "cache").size < 4096 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.5)  # some pictures through the engine
    process.send_signal(signal.SIGINT)
    code, out, err = finished(process)
    if code == 0:
        pytest.skip("the machine was faster than the interrupt")
    assert (code, out) == (130, ""), err
    assert err.splitlines()[-1].startswith("tellapart: stopped")
    assert "Traceback" not in err
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["run.log"]
    kept = cache_status(tmp_path / "cache").entries
    code, out, err = finished(tellapart_process(*arguments, environment=environment))
    assert code == 0, err
    assert json.loads(out)["timing"]["fresh"] == 240 - kept
    assert (tmp_path / "run" / "metrics.json").exists()


def test_train__killed_it_leaves_nothing_that_looks_finished_and_goes_on(tmp_path, tellapart_process):
    data = write_classes(tmp_path / "data", {"a": 60, "b": 60})
    arguments = ("train", data, "-o", tmp_path / "run", "--size", 64)
    process = tellapart_process(*arguments)
    wait_for_line(process.stderr, "Looking at pictures")
    process.kill()
    finished(process)
    assert not (tmp_path / "run" / "metrics.json").exists()
    code, _, err = finished(tellapart_process(*arguments))
    assert code == 0, err
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith(".tellapart-")]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_main__a_reader_that_has_seen_enough_is_no_fault(tellapart_process, unbuffered):
    process = tellapart_process("summary", "lite0", environment={"PYTHONUNBUFFERED": unbuffered})
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(60) == 0
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_main__standard_output_on_a_full_disk_is_one_line(unbuffered):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", "from tellapart.cli.main import main; main()", "summary", "lite0"]
        environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("tellapart: cannot write (no space left on device): standard output.")
    assert ended.stderr.count("\n") == 1


def test_main__a_terminal_without_the_letters_gets_escapes(tmp_path, tellapart_process, trained):
    path = write_picture(tmp_path / "naïve 日本.png")
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    code, out, err = finished(tellapart_process("predict", trained.model, path, environment=environment))
    assert code == 0, err
    assert "na\\xefve \\u65e5\\u672c.png" in out


def loaded_by(*arguments, environment=None):
    """The modules that are loaded when a command has ended."""
    ended = subprocess.run(
        [sys.executable, "-c", LOADED, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("LOADED")]
    return set(line.split()[1:])


def test_main__help_loads_nothing_heavy():
    loaded = loaded_by("--help")
    assert "tellapart.cli.main" in loaded
    assert not {"numpy", "scipy", "sklearn", "openvino", "onnx", "rich", "PIL", "jinja2"} & loaded


def test_main__predict_does_not_load_the_report(trained):
    loaded = loaded_by("predict", trained.model, trained.data / "cat" / "000.png")
    assert not [name for name in loaded if name.startswith("tellapart.report")]


def test_main__no_command_imports_torch(tmp_path, trained, fresh_cache):
    (tmp_path / "trap" / "torch").mkdir(parents=True)
    (tmp_path / "trap" / "torch" / "__init__.py").write_text(TRAP)
    environment = {"PYTHONPATH": str(tmp_path / "trap"), "TORCH_TRAP": str(tmp_path / "sprung")}
    data = write_classes(tmp_path / "data", {"cat": 5, "dog": 5})
    picture = data / "cat" / "000.png"
    commands = [
        ("train", data, "-o", tmp_path / "run", "--size", 64),
        ("predict", trained.model, picture),
        ("evaluate", trained.model, data),
        ("split", data, tmp_path / "small", "--train", 2, "--valid", 1, "--test", 1),
        ("report", trained.run),
        ("summary", "lite0"),
        ("version",),
        ("cache",),
    ]
    for command in commands:
        loaded = loaded_by(*command, environment=environment)
        assert not {"torch", "tensorflow", "openvino_telemetry"} & loaded, command
    assert not (tmp_path / "sprung").exists()
    program = [sys.executable, "-c", "import torch"]
    ended = subprocess.run(program, env={**os.environ, **environment}, capture_output=True, check=False)
    assert ended.returncode != 0
    assert (tmp_path / "sprung").exists()  # the trap works


def test_module__python_minus_m_is_the_same_command():
    command = [sys.executable, "-m", "tellapart", "version"]
    assert "tellapart" in subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
