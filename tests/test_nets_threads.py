"""The number of threads follows what steps take, on machines that are made up: each has a clock of its own."""

import numpy as np
import pytest

from tellapart.nets.device import Machine
from tellapart.nets.epoch import Batch
from tellapart.nets.threads import LATE, SOON, WINDOW, ThreadChoice, fitting_threads

BATCH = Batch(inputs=np.zeros((1, 1), np.float32), labels=np.zeros(1, np.int64))


class Made:
    """A machine on which a step takes what a table says for each number of threads."""

    def __init__(self, seconds, *, share, most=2):
        self.seconds, self.share, self.choice = seconds, share, ThreadChoice(most=most)
        self.taken = []  # the threads of each step

    def run(self, seconds):
        """Steps for so long."""
        left = seconds
        while left > 0:
            self.taken.append(self.choice.threads)
            step = self.seconds[self.choice.threads]
            self.choice.after(step, self.share * step)
            left -= step
        return self.choice.threads

    def part(self, threads):
        """The part of its time that it had so many threads."""
        each = np.array([self.seconds[number] for number in self.taken])
        return float(each[np.array(self.taken) == threads].sum() / each.sum())


def test_after__on_a_quiet_machine_nothing_is_ever_tried():
    made = Made({1: 0.001, 2: 0.02}, share=0.8)
    made.run(300)
    assert set(made.taken) == {2}


def test_after__one_thread_where_others_hold_the_cores_and_it_makes_more_steps():
    made = Made({1: 0.1, 2: 0.25}, share=0.12)
    assert made.run(3 * WINDOW) == 1
    made.run(600)
    assert made.part(1) > 0.95


def test_after__all_threads_stay_where_they_make_more_steps_and_trials_become_rare():
    made = Made({1: 0.3, 2: 0.2}, share=0.12)
    made.run(1200)
    assert made.part(2) > 0.95
    tried = np.flatnonzero(np.diff(made.taken) == -1)
    assert len(tried) > 4
    steps = WINDOW / 0.2
    assert SOON * steps < np.diff(tried)[0] < 2 * SOON * steps
    assert LATE * steps < np.diff(tried)[-1] < 1.2 * LATE * steps


def test_after__when_the_others_have_ended_all_threads_come_back_at_once():
    made = Made({1: 0.1, 2: 0.25}, share=0.12)
    made.run(100)
    made.seconds, made.share, made.taken = {1: 0.025, 2: 0.018}, 0.9, []
    made.run(4 * WINDOW)
    assert made.choice.threads == 2
    made.taken = []
    made.run(600)
    assert set(made.taken) == {2}


def test_after__when_others_come_it_is_tried_at_once_however_long_nothing_was():
    made = Made({1: 0.025, 2: 0.018}, share=0.8)
    made.run(600)
    made.seconds, made.share = {1: 0.1, 2: 0.25}, 0.12
    assert made.run(4 * WINDOW) == 1


def test_after__long_steps_are_judged_by_four_and_the_first_with_another_number_is_not_counted():
    choice = ThreadChoice(most=2)
    assert [choice.after(5.0, 0.1) for _ in range(4)] == [2, 2, 2, 1]
    assert choice.after(500.0, 0.1) == 1  # what it makes anew
    assert [choice.after(4.0, 0.1) for _ in range(4)] == [1, 1, 1, 1]


@pytest.mark.parametrize("best", [16, 8, 4, 2, 1])
def test_after__of_many_threads_the_number_that_makes_most_steps_is_found(best):
    numbers = (16, 8, 4, 2, 1)
    made = Made({each: 0.1 * 1.5 ** abs(np.log2(each / best)) for each in numbers}, share=0.2, most=16)
    made.run(300)
    made.taken = []
    made.run(1200)
    assert made.part(best) > 0.9


class Clock:
    """Both clocks of a step, of which one is slower than the other by `share`."""

    def __init__(self, share):
        self.now, self.share = 0.0, share

    def wall(self):
        return self.now

    def processor(self):
        return self.share * self.now


def test_fitting_threads__torch_has_them_and_all_of_them_again_in_the_end(monkeypatch):
    torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
    clock, had = Clock(0.1), []
    threads = [2]
    monkeypatch.setattr(torch, "set_num_threads", threads.append)

    def step(_batch):
        had.append(threads[-1])
        clock.now += {1: 0.1, 2: 0.5}[threads[-1]]
        return {"loss": 0.0}

    machine = Machine(device="cpu", precision="f32", threads=2)
    with fitting_threads(machine, clock=clock.wall, processor=clock.processor) as timed:
        for _ in range(2):  # epochs
            taken = timed(step)
            assert [taken(BATCH) for _ in range(20)] == [{"loss": 0.0}] * 20
        assert had[:4] == [2] * 4
        assert set(had[4:]) == {1}
        assert threads == [2, 1]
    assert threads == [2, 1, 2]


@pytest.mark.parametrize("machine", [{"device": "cpu", "threads": 1}, {"device": "cuda", "threads": 2}])
def test_fitting_threads__a_step_stays_as_it_is_where_there_is_nothing_to_choose(machine):
    with fitting_threads(Machine(precision="f32", **machine)) as timed:
        assert timed(len) is len
