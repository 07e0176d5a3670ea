"""The server as a process of its own: it starts, reads its model again on HUP, and ends on TERM."""

import contextlib
import http.client
import json
import logging
import os
import signal
import socket
import sys
import threading
import warnings

import pytest

from exported import small_classifier, write_model
from tellapart.serve import server
from tellapart.serve.limits import Limits
from test_serve_app import png

pytest.importorskip("uvicorn")


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
def test_serve__starts_reloads_and_ends(tellapart_process, tmp_path):
    model = write_model(tmp_path / "model.tellapart", small_classifier(3))
    (tmp_path / "key.txt").write_text("0123456789abcdef\n")
    process = tellapart_process("serve", model, "--port", 0, "--key-file", tmp_path / "key.txt")
    watch = threading.Timer(120, process.kill)
    watch.start()
    try:
        port = json.loads(process.stderr.readline())["port"]

        def asked():
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
                connection.request("POST", "/predict", png(5), {"Authorization": "Bearer 0123456789abcdef"})
                return json.loads(connection.getresponse().read())["answers"][0]

        def heard(event):
            while (line := json.loads(process.stderr.readline()))["event"] != event:
                pass
            return line

        heard("ready")
        first = asked()
        good = model.read_bytes()
        model.write_bytes(good[: len(good) // 2])
        process.send_signal(signal.SIGHUP)
        assert "cut short" in heard("reload refused")["reason"]
        assert asked() == first
        write_model(model, small_classifier(8))
        process.send_signal(signal.SIGHUP)
        heard("reload taken")
        assert asked() != first
        with socket.create_connection(("127.0.0.1", port), timeout=60) as odd:
            odd.sendall(b"no request\r\n\r\n")
        assert heard("warning")["said"] == "Invalid HTTP request received."
        process.send_signal(signal.SIGTERM)
        heard("stopped")
        assert process.wait(60) == 0
    finally:
        watch.cancel()
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
@pytest.mark.parametrize("early", [signal.SIGTERM, signal.SIGHUP])
def test_serve__a_signal_before_there_is_a_server_is_heeded(monkeypatch, tmp_path, early):
    """As soon as it listens a signal may come, of which uvicorn does not know yet."""
    model, lines = write_model(tmp_path / "model.tellapart", small_classifier(3)), []

    def log(line):
        lines.append(json.loads(line)["event"])
        if lines == ["listening"]:
            signal.raise_signal(early)
        if lines[-1] == "reload taken":
            os.kill(os.getpid(), signal.SIGTERM)

    before = {number: signal.getsignal(number) for number in (*server.END, *server.RELOAD)}
    monkeypatch.setattr(server, "log", log)
    try:
        server.serve(model, host="127.0.0.1", port=0, key=None, origins=(), limits=Limits())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert lines[0] == "listening"
    assert lines[-1] == "stopped"
    assert ("reload taken" in lines) == (early == signal.SIGHUP)


def test_serve__an_address_that_is_taken(tellapart, tmp_path):
    model = write_model(tmp_path / "model.tellapart", small_classifier(3))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        outcome = tellapart("serve", model, "--port", taken.getsockname()[1])
    assert outcome.code == 2
    assert "cannot listen" in outcome.complaint


def test_serve__without_its_extra_says_how_to_install_it(tellapart, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    outcome = tellapart("serve", tmp_path / "model.tellapart")
    assert outcome.code == 5
    assert "tellapart[serve]" in outcome.complaint


@pytest.mark.parametrize("content", [b"short", b"\xff" * 20, b"x" * 2000, None])
def test_read_key__what_is_none_is_refused(tellapart, tmp_path, content):
    if content is not None:
        (tmp_path / "key.txt").write_bytes(content)
    outcome = tellapart("serve", tmp_path / "model.tellapart", "--key-file", tmp_path / "key.txt")
    assert outcome.code == 2
    assert "key" in outcome.complaint


def test_warnings_in_log__an_error_says_where_it_came_from_and_not_what_it_was_about(monkeypatch):
    lines, warns, before = [], logging.getLogger("uvicorn.error"), warnings.showwarning
    monkeypatch.setattr(server, "log", lines.append)
    with server.warnings_in_log():
        warns.error("It\nfailed\n", exc_info=ValueError("holiday.jpg"))
        warns.info("nothing")
        server.Warnings().emit(logging.LogRecord("x", logging.WARNING, "x.py", 1, "%d", ("half",), None))  # wrong words
        warnings.showwarning("old", UserWarning, "library.py", 7, line="")
    warns.info("nor this")
    line, wrong, old = map(json.loads, lines)
    assert (wrong["event"], wrong["said"]) == ("warning", "%d")
    assert (old["of"], old["said"]) == ("py.warnings", "library.py:7: UserWarning: old")
    assert warnings.showwarning is before
    assert (line["event"], line["said"], line["kind"]) == ("error", "It\\nfailed", "ValueError")
    assert "holiday" not in lines[0]
