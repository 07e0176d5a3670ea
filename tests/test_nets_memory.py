"""Freed memory is used again while a net is trained, and given back afterwards."""

import pytest

from tellapart.nets import memory
from tellapart.nets.memory import kept_memory

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
resource = pytest.importorskip("resource", reason="counts pages as Linux does")
FLOATS, TIMES = 10_000_000, 8  # 40 MB each, more than glibc ever keeps by itself


def pages_of_tensors():
    """Pages that the system hands out while a large tensor is made and freed, time and again."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(TIMES):
        torch.ones(FLOATS)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(memory._glibc() is None, reason="the C library is not glibc")
def test_kept_memory__freed_pages_are_not_asked_for_again(monkeypatch):
    for name in list(memory.os.environ):
        if name.startswith(memory.OWN_SETTINGS):
            monkeypatch.delenv(name)
    usual = pages_of_tensors()
    with kept_memory():
        pages_of_tensors()
        assert pages_of_tensors() < usual / 2
    assert pages_of_tensors() > usual / 2


@pytest.mark.parametrize("case", ["no glibc", "settings of the user's own"])
def test_kept_memory__leaves_all_as_it_is(case, monkeypatch):
    if case == "no glibc":
        monkeypatch.setattr(memory, "_glibc", lambda: None)
    else:
        monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    usual = pages_of_tensors()
    with kept_memory():
        pages_of_tensors()
        assert pages_of_tensors() > usual / 2
