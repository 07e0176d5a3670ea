import contextlib
import threading

import pytest

from tellapart.data.prefetch import look_ahead


def running():
    return [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


@pytest.mark.parametrize("handful", [1, 3, 8])
def test_look_ahead__in_order_and_never_further_ahead_than_allowed(handful):
    started, lock = [0], threading.Lock()

    def make(item):
        with lock:
            started[0] += 1
        return item

    found = []
    for item in look_ahead(make, range(500), threads=3, most=24, handful=handful):
        found.append(item)
        assert started[0] < len(found) + 24 + handful
    assert found == list(range(500))
    assert not running()


def test_look_ahead__nothing_to_make():
    assert list(look_ahead(str, [], threads=2, most=4)) == []


def test_look_ahead__an_error_comes_in_its_place_and_ends_the_threads():
    started, found = [], []

    def make(item):
        started.append(item)
        return 1 / (item - 20)

    with pytest.raises(ZeroDivisionError):
        found.extend(look_ahead(make, range(200), threads=2, most=16, handful=4))
    assert len(started) <= 20 + 16 + 4
    assert not running()


def test_look_ahead__closing_ends_the_threads():
    started = []
    with contextlib.closing(look_ahead(started.append, range(200), threads=2, most=8)) as ahead:
        next(ahead)
    assert len(started) <= 9
    assert not running()
