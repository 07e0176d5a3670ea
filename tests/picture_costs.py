"""What decoding costs, told by a process of its own: a JSON line for each file, or a fault by its exit code.

python tests/picture_costs.py hostile        every file of hostile_pictures
python tests/picture_costs.py mutants        sound files of every format, changed by hypothesis, in 1 GB
"""

import json
import resource
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tellapart.audit.look import _properties
from tellapart.data.decode import brightest
from tellapart.data.preprocess import Preprocess
from tellapart.errors import PictureError

SECONDS = 5.0
ROOM = 1_000_000_000  # bytes of address space for the mutants, above what the process starts with
PREPROCESS = Preprocess(size=64)


def status(name):
    """A figure of this process's memory in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024


def cost(work, content):
    """What became of one step with a file: its outcome, seconds of work, bytes of memory."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, began = status("VmRSS"), time.process_time()
    try:
        work(content)
        outcome = "picture"
    except PictureError as error:
        outcome = error.what
    return outcome, time.process_time() - began, status("VmHWM") - before


def tell_hostile():
    from hostile_pictures import hostile

    for name, make in hostile().items():
        content = make()
        costs = [cost(work, content) for work in (PREPROCESS.apply, brightest, _properties)]
        seconds, memory = (max(each[place] for each in costs) for place in (1, 2))
        print(json.dumps({"name": name, "outcome": costs[0][0], "seconds": seconds, "bytes": memory}), flush=True)


def try_mutants():
    from format_kinds import kinds
    from hostile_pictures import further_formats
    from pictures import every_format

    made = {name: kind.make() for name, kind in kinds().items() if kind.picture is not None}
    files = [content for _, content in sorted((made | every_format() | further_formats()).items()) if content]
    limit = status("VmSize") + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    @given(data=st.data())
    @settings(
        max_examples=300,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def work(data):
        content = bytearray(data.draw(st.sampled_from(files)))
        for _ in range(data.draw(st.integers(1, 5))):
            place = data.draw(st.integers(0, min(len(content), 600) - 1))
            change = data.draw(st.binary(min_size=1, max_size=4))
            content[place : place + data.draw(st.integers(0, 4))] = change
        for step in (PREPROCESS.apply, brightest, _properties):
            outcome, seconds, _ = cost(step, bytes(content))
            assert seconds < SECONDS, outcome
            assert "more memory than there is" not in outcome

    work()


if __name__ == "__main__":
    {"hostile": tell_hostile, "mutants": try_mutants}[sys.argv[1]]()
