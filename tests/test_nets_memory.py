"""Freed memory is used again while a net is trained, and given back afterwards."""

import pytest

from tellapart.nets import memory
from tellapart.nets.memory import kept_memory

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
resource = pytest.importorskip("resource", reason="counts pages as Linux does")
THP_DISABLE = 41  # prctl's PR_SET_THP_DISABLE: a page of 2 MB would count as one
FLOATS, TIMES = 10_000_000, 8  # 40 MB each, more than glibc ever keeps by itself


@pytest.fixture(autouse=True)
def pieces_of_the_system():
    """Large pieces come from the system here, small page by small page, whatever the tests before left behind."""
    library = memory._glibc()
    if library is None:
        yield
        return
    library.mallopt(memory.MMAP_MAX, memory.USUAL_MAPS)
    library.mallopt(memory.MMAP_THRESHOLD, memory.LARGE)
    library.malloc_trim(0)
    library.prctl(THP_DISABLE, 1, 0, 0, 0)
    yield
    library.prctl(THP_DISABLE, 0, 0, 0, 0)


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
