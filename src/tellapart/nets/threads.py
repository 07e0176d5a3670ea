"""How many threads a training computes with where other programs hold the cores.

Threads wait for one another after every operation. Where a core is held by others, each such wait lasts until the
scheduler gives it back for a moment, and a step of many quick operations waits more than it computes: one thread, which
waits for nobody, then makes more steps than several do with a larger share of the cores (benchmarks/busy.py). Which is
faster depends on the net, the machine and what else runs, so it is tried, and only while the cores are held by others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tellapart.extras import load_torch
from tellapart.nets.device import Machine
from tellapart.nets.epoch import Batch, Record, Step

WINDOW: Final = 2.0  # seconds of steps that are judged together
FEWEST: Final = 4  # steps in them
HELD: Final = 0.5  # a thread that computes for less of its steps waits: on two quiet cores it computes for 0.8 of them
SOON, LATE = 8, 64  # windows between trials


@dataclass(slots=True, kw_only=True)
class ThreadChoice:
    """The number of threads that the next step is to have, by what steps took."""

    most: int  # threads there are cores for
    threads: int = 0  # of the next step; begins with all
    _steps: int = 0  # of this window
    _seconds: float = 0.0
    _computed: float = 0.0
    _fresh: bool = False  # the first step with another number makes its plans anew: it is not counted
    _rival: tuple[int, float] | None = None  # while another number is tried: the one before, and its seconds a step
    _rest: int = 0  # windows that pass before the next trial
    _pause: int = SOON  # the rest after a trial that gains nothing
    _down: bool = True  # whether fewer are tried next, where both may be
    _held: bool = False  # whether others held the cores in the last window

    def __post_init__(self) -> None:
        self.threads = self.most

    def after(self, seconds: float, computed: float) -> int:
        """The number for the next step, after one that took so many seconds.

        `computed` are those of the processor that the thread which took the step had meanwhile.
        """
        if self._fresh:
            self._fresh = False
            return self.threads
        self._steps, self._seconds, self._computed = self._steps + 1, self._seconds + seconds, self._computed + computed
        if self._steps >= FEWEST and self._seconds >= WINDOW:
            self._judge(self._seconds / self._steps, held=self._computed < HELD * self._seconds)
            self._steps, self._seconds, self._computed = 0, 0.0, 0.0
        return self.threads

    def _judge(self, step: float, *, held: bool) -> None:
        """End a trial, or begin one where it is time: a window's seconds a step, and whether others held the cores."""
        if self._rival is not None:
            self._end_trial(step, *self._rival)
            return
        if held != self._held:
            self._held, self._rest, self._pause = held, 0, SOON
        if not held and self.threads == self.most:
            return
        if self._rest:
            self._rest -= 1
            return
        self._rival = (self.threads, step)
        self._set(self._other(held=held))

    def _end_trial(self, step: float, before: int, usual: float) -> None:
        """Keep the faster one. What gains nothing is tried again ever later, since the machine may change."""
        self._rival = None
        if step < usual:
            self._rest = self._pause = SOON
            return
        self._rest, self._pause, self._down = self._pause, min(2 * self._pause, LATE), not self._down
        self._set(before)

    def _other(self, *, held: bool) -> int:
        """What is tried in the place of the present number: half as many, or twice."""
        fewer, more = self.threads // 2, min(2 * self.threads, self.most)
        if self.threads == self.most:
            return fewer
        return fewer if held and self._down and fewer else more

    def _set(self, threads: int) -> None:
        self.threads, self._fresh = threads, True


@contextmanager
def fitting_threads(
    machine: Machine,
    *,
    clock: Callable[[], float] = time.perf_counter,
    processor: Callable[[], float] = time.thread_time,
) -> Iterator[Callable[[Step], Step]]:
    """What turns a step into one that sets torch's threads by what steps take; at the end they are all there again.

    A step stays as it is where there is one thread, or another device computes. `clock` and `processor` are seconds
    of the wall and of the processor in this thread.
    """
    if machine.threads == 1 or machine.device != "cpu":
        yield lambda step: step
        return
    torch, choice = load_torch(), ThreadChoice(most=machine.threads)

    def timed(step: Step) -> Step:
        def taken(batch: Batch) -> Record:
            started, computing = clock(), processor()
            record = step(batch)
            threads = choice.threads
            if choice.after(clock() - started, processor() - computing) != threads:
                torch.set_num_threads(choice.threads)
            return record

        return taken

    try:
        yield timed
    finally:
        torch.set_num_threads(machine.threads)
