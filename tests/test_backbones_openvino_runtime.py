"""OpenVINO is imported without its telemetry."""

import subprocess
import sys

PROBE = """
import socket, sys

calls = []
def refuse(*arguments, **options):
    calls.append(arguments)
    raise OSError("no network in this test")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
{load}
import os, threading, time
deadline = time.monotonic() + 1
while threading.active_count() > 1 and not calls and time.monotonic() < deadline:
    time.sleep(0.05)
print(len(calls), "openvino_telemetry" in sys.modules, hasattr(openvino, "Core"), flush=True)
os._exit(0)
"""
LOAD = "from tellapart.backbones.openvino_runtime import load_openvino; openvino = load_openvino()"


def probe(home, load):
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", PROBE.format(load=load)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()


def test_load_openvino__writes_nothing_and_opens_no_socket(tmp_path):
    assert probe(tmp_path, LOAD) == ["0", "False", "True"]
    assert list(tmp_path.iterdir()) == []


def test_load_openvino__leaves_the_converter_of_models_alone(tmp_path):
    """It takes as long to import as all the rest, and can still be imported afterwards."""
    load = (
        f"{LOAD}; import importlib.util as found; assert 'openvino.tools.ovc' not in sys.modules; "
        "assert found.find_spec('openvino.tools.ovc'); assert callable(openvino.convert_model)"
    )
    assert probe(tmp_path, load) == ["0", "False", "True"]


def test_load_openvino__the_probe_sees_what_a_plain_import_does(tmp_path):
    _, telemetry, _ = probe(tmp_path, "import openvino")
    assert telemetry == "True" or list(tmp_path.iterdir())


def test_load_openvino__twice_is_the_same_module_and_leaves_the_import_system_alone(tmp_path):
    load = (
        f"{LOAD}; assert load_openvino() is openvino; import openvino_telemetry; del sys.modules['openvino_telemetry']"
    )
    assert probe(tmp_path, load) == ["0", "False", "True"]
