"""What only a process of its own can show: signals, pipes, and what is imported."""

import csv
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
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


INTERRUPTED = """
import os, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell leaves ignored in what runs in its background
from tellapart.features import embed
from tellapart.features.cache import FeatureCache

embed.KEEP_EVERY = 32
put = FeatureCache.put

def interrupt_after(cache, entries):
    put(cache, entries)
    os.kill(os.getpid(), signal.SIGINT)  # as if Ctrl-C were pressed once some pictures are kept
    time.sleep(0.3)

FeatureCache.put = interrupt_after
from tellapart.cli.main import main
main()
"""


def test_train__an_interrupt_leaves_no_half_file_and_the_next_run_reuses_the_cache(tmp_path, tellapart_process):
    data = write_classes(tmp_path / "data", {"a": 120, "b": 120})
    environment = {FOLDER_VARIABLE: str(tmp_path / "cache")}
    arguments = ("train", data, "-o", tmp_path / "run", "--json")
    command = [sys.executable, "-c", INTERRUPTED, *map(str, arguments)]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (130, ""), done.stderr
    assert done.stderr.splitlines()[-1].startswith("tellapart: stopped")
    assert "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["run.log"]
    kept = cache_status(tmp_path / "cache").entries
    assert 32 <= kept < 240
    code, out, err = finished(tellapart_process(*arguments, environment=environment))
    assert code == 0, err
    assert json.loads(out)["timing"]["fresh"] == 240 - kept
    assert (tmp_path / "run" / "metrics.json").exists()


def test_train__killed_it_leaves_nothing_that_looks_finished_and_goes_on(tmp_path, tellapart_process):
    data = write_classes(tmp_path / "data", {"a": 30, "b": 30})
    arguments = ("train", data, "-o", tmp_path / "run", "--size", 64)
    process = tellapart_process(*arguments)
    wait_for_line(process.stderr, "Looking at pictures")
    process.kill()
    finished(process)
    assert not (tmp_path / "run" / "metrics.json").exists()
    code, _, err = finished(tellapart_process(*arguments))
    assert code == 0, err
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith(".tellapart-")]


SHELL_COMMANDS = ["version", "version --json", "cache", "summary lite0", "--help", "train --help"]


def shell(line, *, environment=None):
    """Run `tellapart LINE` in a shell; code, standard output and standard error as far as the line leaves them open."""
    program = shlex.quote(sys.executable)
    code = "'from tellapart.cli.main import main; main()'"
    command = ["sh", "-c", f"{program} -c {code} {line}"]
    return subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **(environment or {})},
        check=False,
        timeout=60,
    )


def start_with_closed_pipes(*arguments, closed, unbuffered=""):
    """Run a command whose standard output or error nobody reads; its code and what the other stream got."""
    ends = {}
    for name in ("stdout", "stderr"):
        reader, ends[name] = os.pipe() if name in closed else (None, subprocess.PIPE)
        if reader is not None:
            os.close(reader)
    command = [sys.executable, "-c", "from tellapart.cli.main import main; main()", *map(str, arguments)]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(command, **ends, encoding="utf-8", env=environment) as process:
        out, err = process.communicate(timeout=60)
    for name in closed:
        os.close(ends[name])
    return process.returncode, out, err


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", SHELL_COMMANDS)
def test_main__an_answer_that_nobody_reads_is_an_error(command, unbuffered):
    code, _, err = start_with_closed_pipes(*command.split(), closed=["stdout"], unbuffered=unbuffered)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("tellapart: cannot write (broken pipe): standard output.")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", SHELL_COMMANDS)
def test_main__an_answer_to_a_full_disk_is_an_error(command, unbuffered):
    ended = shell(f"{command} >/dev/full", environment={"PYTHONUNBUFFERED": unbuffered})
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert ended.stderr.startswith("tellapart: cannot write (no space left on device): standard output. Free some")


@pytest.mark.parametrize("command", SHELL_COMMANDS)
def test_main__an_answer_to_a_closed_stream_is_an_error(command):
    ended = shell(f"{command} >&-")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert ended.stderr.startswith("tellapart: cannot write (it is closed): standard output.")


@pytest.mark.parametrize("streams", [">&- 2>&-", ">/dev/full 2>/dev/full", ">&- <&- 2>&-"])
def test_main__with_nobody_to_tell_the_code_still_says_it(streams):
    assert shell(f"version {streams}").returncode == 2
    assert shell(f"version --nope {streams}").returncode == 2


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full", "2>&- <&-"])
def test_predict__progress_that_nobody_reads_is_dropped(stderr, trained):
    picture = trained.data / "owl" / "001.png"
    damaged = trained.data / "dog" / "017.png"
    line = shlex.join(["predict", str(trained.model), str(picture), str(damaged), "--format", "csv"])
    ended = shell(f"{line} {stderr}")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [row["path"] for row in csv.DictReader(io.StringIO(ended.stdout))] == [str(picture), str(damaged)]


def test_predict__a_broken_pipe_for_progress_is_dropped(trained):
    picture = trained.data / "owl" / "001.png"
    code, out, _ = start_with_closed_pipes("predict", trained.model, picture, closed=["stderr"])
    assert (code, out.count("\n")) == (0, 1)


def test_train__with_nobody_to_read_the_progress_all_is_written(tmp_path):
    data = write_classes(tmp_path / "data", {"a": 5, "b": 5})
    command = ("train", data, "-o", tmp_path / "run", "--size", 64)
    code, out, _ = start_with_closed_pipes(*command, closed=["stderr"])
    assert code == 0
    assert "every picture tested: accuracy" in out
    assert (tmp_path / "run" / "metrics.json").exists()


def test_train__an_answer_that_nobody_reads_leaves_a_finished_run(tmp_path):
    data = write_classes(tmp_path / "data", {"a": 5, "b": 5})
    command = ("train", data, "-o", tmp_path / "run", "--size", 64)
    code, *_ = start_with_closed_pipes(*command, closed=["stdout", "stderr"])
    assert code == 2
    assert (tmp_path / "run" / "metrics.json").exists()
    assert (tmp_path / "run" / "report.html").exists()


def test_main__a_terminal_without_the_letters_gets_escapes(tmp_path, tellapart_process, trained):
    path = write_picture(tmp_path / "naïve 日本.png")
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    code, out, err = finished(tellapart_process("predict", trained.model, path, environment=environment))
    assert code == 0, err
    assert "na\\xefve \\u65e5\\u672c.png" in out


LOCALES = [
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
    {"PYTHONIOENCODING": "cp936:strict"},
]


@pytest.mark.parametrize("environment", LOCALES, ids=str)
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_predict__what_programs_read_is_utf8_on_any_locale(tmp_path, trained, environment, form):
    path = write_picture(tmp_path / "naïve 日本 \U0001f989.png")
    line = shlex.join(["predict", str(trained.model), str(path), "--format", form])
    ended = shell(line, environment=environment)  # decodes UTF-8, strictly
    assert ended.returncode == 0, ended.stderr
    assert str(path) in ended.stdout
    target = tmp_path / f"answers.{form}"
    assert shell(f"{line} -o {shlex.quote(str(target))}", environment=environment).returncode == 0
    assert target.read_bytes() == ended.stdout.encode()


@pytest.mark.parametrize("environment", LOCALES, ids=str)
def test_evaluate__json_is_utf8_on_any_locale(tmp_path, trained, environment):
    data = tmp_path / "日本 ü"
    shutil.copytree(trained.data, data)
    ended = shell(shlex.join(["evaluate", str(trained.model), str(data), "--json"]), environment=environment)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["data"]["name"] == data.name


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


@pytest.mark.parametrize(
    ("flags", "planted"), [((), ("json", "csv", "numpy", "typer")), (("-P",), ("importlib", "types"))]
)
def test_module__runs_nothing_of_the_current_folder(tmp_path, flags, planted):
    for name in planted:
        (tmp_path / f"{name}.py").write_text("print('planted')\nraise SystemExit(9)\n")
    command = [sys.executable, *flags, "-m", "tellapart", "version"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, "planted" in ended.stdout) == (0, False)
