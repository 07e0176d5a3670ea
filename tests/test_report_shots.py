"""Small pictures for the page."""

from __future__ import annotations

import subprocess
import sys

from pictures import write_picture

LOADED = """
import sys
from dataclasses import replace
from tellapart.data.scan import given_pictures
from tellapart.report.shots import take_shots

given = given_pictures([sys.argv[1]])
index = replace(given.index, pictures=tuple(given))
(shot,) = take_shots(index, [sys.argv[1]], heats={}).values()
print(shot.content[8:12].decode(), *sys.modules)
"""


def test_take_shots__pillow_loads_no_format_but_those_it_needs(tmp_path):
    write_picture(tmp_path / "a.png")
    command = [sys.executable, "-c", LOADED, str(tmp_path / "a.png")]
    kind, *loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert kind == "WEBP"
    assert "PIL.WebPImagePlugin" in loaded
    assert "PIL.XbmImagePlugin" not in loaded
