"""Freed memory is used again while a net is trained, and given back afterwards.

Pages are counted in processes of their own: what other tests have left in a heap decides where a large piece comes
from. Even there a small piece may come to lie in the middle of a large free one, by chance: the median of three.
"""

import json
import os
import statistics
import subprocess
import sys

import pytest

from tellapart.nets import memory

pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
pytestmark = pytest.mark.skipif(memory._glibc() is None, reason="the C library is not glibc")
COUNTS = """
import json, os, resource
import torch
from tellapart.nets import memory

FLOATS, TIMES = 10_000_000, 6  # 40 MB each, more than glibc ever keeps by itself
THP_DISABLE = 41  # prctl's PR_SET_THP_DISABLE: a page of 2 MB would count as one

def pages_of_tensors():
    '''Pages that the system hands out while a large tensor is made and freed, time and again.'''
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(TIMES):
        torch.ones(FLOATS)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def pages_while_kept():
    with memory.kept_memory():
        pages_of_tensors()
        return pages_of_tensors()

def resident():
    '''Bytes of its own that the process has in memory.'''
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("RssAnon"))

glibc = memory._glibc
glibc().prctl(THP_DISABLE, 1, 0, 0, 0)
counts = {"usual": pages_of_tensors()}
memory._glibc = lambda: None
counts["no glibc"] = pages_while_kept()
memory._glibc = glibc
os.environ["MALLOC_ARENA_MAX"] = "2"
counts["settings of the user's own"] = pages_while_kept()
del os.environ["MALLOC_ARENA_MAX"]
before = resident()
counts["kept"] = pages_while_kept()
counts["held"] = resident() - before
print(json.dumps(counts))
"""


@pytest.fixture(scope="module")
def pages():
    own = {name: value for name, value in os.environ.items() if not name.startswith(memory.OWN_SETTINGS)}
    given = {**own, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", COUNTS]
    ended = [subprocess.run(command, env=given, capture_output=True, check=True, timeout=120) for _ in range(3)]
    counts = [json.loads(each.stdout) for each in ended]
    return {name: statistics.median(each[name] for each in counts) for name in counts[0]}


def test_kept_memory__freed_pages_are_not_asked_for_again(pages):
    assert pages["kept"] < pages["usual"] / 2


def test_kept_memory__is_given_back(pages):
    assert pages["held"] < 20_000_000  # half a tensor


@pytest.mark.parametrize("case", ["no glibc", "settings of the user's own"])
def test_kept_memory__leaves_all_as_it_is(case, pages):
    assert pages[case] > pages["usual"] / 2
