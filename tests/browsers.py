"""Chromium and onnxruntime-web for the tests that need them, and why a test is skipped where they are not there."""

import contextlib
import os
import shutil
from pathlib import Path

import pytest

from tellapart.browser.runtime import NAME, VERSION, installed_places, read_runtime

CHROMIUM = os.environ.get("TELLAPART_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
NODE_MODULES = "TELLAPART_NODE_MODULES"  # a folder that npm has installed packages in
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),  # a camera that shows a test picture
)


def runtime_folder():
    """A folder with onnxruntime-web of the version that pages are made with; else the test is skipped."""
    named = os.environ.get(NODE_MODULES)
    places = [Path(named) / NAME] if named else []
    for place in [*places, *installed_places()]:
        if read_runtime(place) is not None:
            return place
    pytest.skip(f"needs {NAME} {VERSION} in a folder that {NODE_MODULES} names, or in node_modules")
    raise AssertionError


@contextlib.contextmanager
def chromium():
    """A browser; else the test is skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright, see the extra dev")
    if CHROMIUM is None:
        pytest.skip("needs Chromium from the system's packages")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()
