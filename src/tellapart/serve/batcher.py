"""The queue before the engine: pictures of several requests are looked at together, and no more of them wait than fit.

The engine takes all cores for what it is given; a batch is in the making meanwhile, so that it never waits for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from tellapart.serve.refusal import RefusalError

TOGETHER: Final = 8  # pictures
PATIENCE: Final = 0.003  # seconds that the first one waits for others
Work = Callable[[Sequence[Any]], Sequence[Any]]


@dataclass(slots=True, kw_only=True)
class Job:
    """Something asked for, and where its answer will be."""

    work: Work  # by which jobs are told apart: those of one kind are done together
    things: Sequence[Any]
    answer: asyncio.Future[Sequence[Any]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Batcher:
    """Jobs go in by `ask`; they are begun in their order, at_once batches of them at a time."""

    def __init__(self, *, waiting: int, at_once: int) -> None:
        """With a queue of at most so many pictures."""
        self._most, self._waiting = waiting, 0
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="tellapart-answers")
        self._free = asyncio.Semaphore(at_once)
        self._begun = set[asyncio.Task[None]]()
        self._task: asyncio.Task[None] | None = None
        self._held: Job | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """Pictures that are asked for and not answered."""
        return self._waiting

    def start(self) -> None:
        """Begin to work, in the loop that runs now."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def ask(self, work: Work, things: Sequence[Any]) -> Sequence[Any]:
        """One answer for each thing, when they are there.

        Raises:
            RefusalError: the queue is full, or is being closed.
        """
        if self._closed:
            raise RefusalError("stopping")
        if self._waiting + len(things) > self._most:
            raise RefusalError("queue_full")
        job = Job(work=work, things=things)
        self._waiting += len(things)
        self._jobs.put_nowait(job)
        return await job.answer

    async def close(self) -> None:
        """Do what is in the queue, take nothing more, and end."""
        self._closed = True
        self._jobs.put_nowait(Job(work=_end, things=()))
        if self._task is not None:
            await self._task
        self._threads.shutdown()

    async def _run(self) -> None:
        while True:
            await self._free.acquire()  # first, so that a batch grows until somebody can take it
            batch = await self._next()
            if batch[0].work is _end:
                break
            task = asyncio.get_running_loop().create_task(self._do(batch))
            self._begun.add(task)
            task.add_done_callback(self._begun.discard)
        await asyncio.gather(*self._begun)

    async def _do(self, batch: Sequence[Job]) -> None:
        things = [thing for job in batch for thing in job.things]
        try:
            loop = asyncio.get_running_loop()
            _hand_out(batch, await loop.run_in_executor(self._threads, batch[0].work, things))
        except Exception as error:  # noqa: BLE001  whatever it is, those who wait must hear of it
            for job in batch:
                if not job.answer.done():
                    job.answer.set_exception(error)
        finally:
            self._waiting -= len(things)
            self._free.release()

    async def _next(self) -> list[Job]:
        """The jobs to be done together: the first in the queue, and those of its kind that come soon.

        Where nothing is being done there is nothing to wait for.
        """
        first = self._held or await self._wanted()
        self._held, batch = None, [first]
        ends = asyncio.get_running_loop().time() + (PATIENCE if self._begun else 0)
        while sum(len(job.things) for job in batch) < TOGETHER:
            left = ends - asyncio.get_running_loop().time()
            try:
                job = self._jobs.get_nowait() if left <= 0 else await asyncio.wait_for(self._jobs.get(), left)
            except (TimeoutError, asyncio.QueueEmpty):
                break
            if job.work != first.work:
                self._held = job
                break
            batch.append(job)
        return batch

    async def _wanted(self) -> Job:
        """The next job that somebody still waits for."""
        while True:
            job = await self._jobs.get()
            if not job.answer.done():
                return job
            self._waiting -= len(job.things)


def _end(_: Sequence[Any]) -> Sequence[Any]:
    """What the last job asks for."""
    return ()


def _hand_out(batch: Sequence[Job], answers: Sequence[Any]) -> None:
    first = 0
    for job in batch:
        part = answers[first : first + len(job.things)]
        first += len(job.things)
        if not job.answer.done():
            job.answer.set_result(part)
