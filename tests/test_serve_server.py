"""The server as a process of its own: it starts, reads its model again on HUP, and ends on TERM."""

import contextlib
import http.client
import json
import signal
import sys
import threading

import pytest

from exported import small_classifier, write_model
from test_serve_app import png

pytest.importorskip("uvicorn")


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
def test_serve__starts_reloads_and_ends(tellapart_process, tmp_path):
    model = write_model(tmp_path / "model.tellapart", small_classifier(3))
    (tmp_path / "key.txt").write_text("0123456789abcdef\n")
    server = tellapart_process("serve", model, "--port", 0, "--key-file", tmp_path / "key.txt")
    watch = threading.Timer(120, server.kill)
    watch.start()
    try:
        port = json.loads(server.stderr.readline())["port"]

        def asked():
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
                connection.request("POST", "/predict", png(5), {"Authorization": "Bearer 0123456789abcdef"})
                return json.loads(connection.getresponse().read())["answers"][0]

        def heard(event):
            while (line := json.loads(server.stderr.readline()))["event"] != event:
                pass
            return line

        heard("ready")
        first = asked()
        good = model.read_bytes()
        model.write_bytes(good[: len(good) // 2])
        server.send_signal(signal.SIGHUP)
        assert "cut short" in heard("reload refused")["reason"]
        assert asked() == first
        write_model(model, small_classifier(8))
        server.send_signal(signal.SIGHUP)
        heard("reload taken")
        assert asked() != first
        server.send_signal(signal.SIGTERM)
        heard("stopped")
        assert server.wait(60) == 0
    finally:
        watch.cancel()
        server.kill()
        server.communicate()


def test_serve__an_address_that_is_taken(tellapart, tmp_path):
    import socket

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
