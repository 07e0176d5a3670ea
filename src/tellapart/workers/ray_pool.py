"""Workers on the machines of a Ray cluster: one process a node, with all of its cores.

Paths and arrays travel there and what was made of them travels back, through Ray's own memory between its own
processes. Parts are handed out as workers are free, a bounded number ahead, and what comes back is put in their order.
A part whose worker died is given to another; since only what comes back is counted, each is counted once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count as count_up
from itertools import zip_longest
from typing import Any, Final

import numpy as np

from tellapart.errors import DataError, MissingExtraError, OutputError, TellapartError, UsageError
from tellapart.extras import load_extra
from tellapart.progress import Once, Progress, in_stage
from tellapart.text import counted
from tellapart.types import Index, Picture
from tellapart.workers.cluster import ray_cluster
from tellapart.workers.parts_left import Given, Hand, PartsLeft, Sent
from tellapart.workers.pool import Made, Piece, Places, Work, as_it_is, blocks
from tellapart.workers.worker import Doing, Worker, own_version

LARGEST_PART, SMALLEST_PART, PARTS_A_WORKER = 256, 16, 8  # pictures, pictures, parts
AHEAD: Final = 4  # parts for each worker between the first that is still missing and the last that was handed out
TRIES: Final = 3  # of a part, before its pictures are blamed for the death of workers
READY_SECONDS: Final = 90.0
SOON_SECONDS: Final = 10.0  # until it is said that somebody is waited for
THIS_MACHINE: Final = "this machine"


@contextlib.contextmanager
def ray_pool(address: str, progress: Progress) -> Iterator[RayPool]:
    """The workers of a cluster, or of one of our own that ends with the block where the address is "".

    Raises:
        UsageError: no cluster answers, or none of its nodes is free.
        MissingExtraError: Ray is not installed here, or tellapart is not installed there.
    """
    with ray_cluster(address, progress) as ray:
        pool = RayPool(ray, progress)
        try:
            yield pool
        finally:
            pool.dismiss()


class RayPool:
    """The workers of a cluster: one on each node that has cores free."""

    elsewhere: Final = True

    def __init__(self, ray: Any, progress: Progress) -> None:  # noqa: ANN401 - a module
        """Hire them, and wait until the first are there.

        Raises:
            UsageError: none is free, or one has another version of tellapart.
            MissingExtraError: one has none.
        """
        self._ray, self._progress = ray, progress
        self._numbers = count_up()
        self._seen_on: dict[str, str] = {}  # the node that a picture was looked at on, by its path
        self._hands: list[Hand] = []
        self._coming: dict[Any, Hand] = {}  # hired, and asked whether they are there
        for node in self._nodes().values():
            self._hire(node)
        for answer in self._arrived():
            self._welcome(answer)
        if not self._hands:
            hint = "Wait until one is, or use --on local."
            raise UsageError("no machine of the cluster is free", where=f"{READY_SECONDS:.0f} s", hint=hint)
        if self._coming:
            progress.note(f"{counted(len(self._coming), 'machine')} of the cluster did not answer; it goes on without.")

    def _arrived(self) -> list[Any]:
        """Answers of those that are there, which are waited for."""
        asked = list(self._coming)
        there, missing = self._ray.wait(asked, num_returns=len(asked), timeout=SOON_SECONDS)
        if missing:
            most = f"up to {READY_SECONDS:.0f} s"
            self._progress.note(f"Waiting for workers, {most}: each takes all cores of its machine that are free.")
            there, _ = self._ray.wait(asked, num_returns=len(asked), timeout=READY_SECONDS - SOON_SECONDS)
        return list(there)

    def ready(self) -> None:
        """They are: the first came before there was a pool."""

    def part_size(self, count: int) -> int:
        """So many that every worker has some parts, and none waits long for its last; whole requests of the engine."""
        steps = -(-count // (PARTS_A_WORKER * max(len(self._hands), 1) * SMALLEST_PART))
        return min(max(steps, 1) * SMALLEST_PART, LARGEST_PART)

    def dealt(self, pictures: Sequence[Picture], size: int) -> list[Places]:
        """The places of pictures in parts, each of what one node is remembered to have seen; the nodes take turns."""
        numbers = dict[str, int]()  # of nodes: an array of their names takes 224 bytes a picture
        nodes = (self._seen_on.get(picture.path, "") for picture in pictures)
        on = np.fromiter((numbers.setdefault(node, len(numbers)) for node in nodes), np.int32, len(pictures))
        of_each = (blocks(np.flatnonzero(on == number), size) for number in numbers.values())
        turns = zip_longest(*of_each)
        return [part for turn in turns for part in turn if part is not None] or blocks(np.arange(0), size)

    def each(
        self,
        work: Work[Made],
        parts: Iterable[Index],
        *,
        total: int,
        progress: Progress,
        remember: bool = False,
    ) -> Iterator[Made]:
        """What is made of each part, in the order of the parts, each once.

        Raises:
            DataError: the workers died of the same pictures again and again.
            UsageError: no worker is left.
        """
        noting = Once(progress)
        with in_stage(progress, work.stage, total=total, unit="pictures"):
            for part, (packed, notes), node in self._in_order(work, parts):
                if isinstance(packed, TellapartError):
                    raise packed
                for note in notes:
                    noting.note(note)
                if remember:
                    self._seen_on.update((picture.path, node) for picture in part.pictures)
                progress.advance(len(part.pictures))
                yield work.unpack(part, packed)

    def map(
        self,
        do: Callable[[Piece], Made],
        pieces: Iterable[Piece],
        *,
        told: Callable[[Piece], str],
        away: Callable[[Piece], Piece] = as_it_is,
    ) -> Iterator[Made]:
        """What a function makes of each piece, in the order of the pieces, each once.

        A piece is in Ray's memory from when somebody is free for it until it is done, and not in this process's own.

        Raises:
            DataError: the workers died of the same piece again and again.
            UsageError: no worker is left.
        """
        sent = (Sent(reference=self._put(away(piece)), told=told(piece)) for piece in pieces)
        for _, (made, _), _ in self._in_order(Doing(do), sent):
            if isinstance(made, TellapartError):
                raise made
            yield made

    def dismiss(self) -> None:
        """Let all workers go."""
        for hand in (*self._hands, *self._coming.values()):
            self._ray.kill(hand.actor)
        self._hands, self._coming = [], {}

    def _nodes(self) -> dict[str, Mapping[str, Any]]:
        """What Ray knows of each node that lives and has cores, by its name."""
        nodes = self._ray.nodes()
        return {node["NodeID"]: node for node in nodes if node["Alive"] and node["Resources"].get("CPU", 0) >= 1}

    def _hire(self, node: Mapping[str, Any]) -> None:
        """Begin a worker on a node. Ray sets OMP_NUM_THREADS to its cores, which `cores.thread_count` keeps to."""
        affinity = load_extra("ray.util.scheduling_strategies", "Ray").NodeAffinitySchedulingStrategy
        cores, name = int(node["Resources"]["CPU"]), node["NodeID"]
        remote = self._ray.remote(num_cpus=cores, max_restarts=0, scheduling_strategy=affinity(name, soft=False))
        hand = Hand(remote(Worker).remote(), name, node["NodeManagerAddress"])
        self._coming[hand.actor.installed.remote()] = hand

    def _welcome(self, answer: Any) -> None:  # noqa: ANN401 - a reference of Ray
        """Take in a worker that has begun, unless its machine was lost meanwhile.

        Raises:
            UsageError: it has another version of tellapart.
            MissingExtraError: it cannot begin.
        """
        hand = self._coming.pop(answer)
        try:
            found = self._ray.get(answer)
        except self._ray.exceptions.RayError as error:
            if hand.node not in self._nodes() or isinstance(error, self._ray.exceptions.ActorUnschedulableError):
                return
            hint = "Install the same tellapart, with its extra ray, on every machine of the cluster."
            raise MissingExtraError(
                f"a worker cannot begin ({cause_of(error)})", where=hand.address, hint=hint
            ) from error
        if found != own_version():
            what = f"a worker has tellapart {found}, and this is {own_version()}"
            raise UsageError(what, where=hand.address, hint="Install one version on all machines.")
        self._hands.append(hand)

    def _in_order(self, work: Work[Any], parts: Iterable[Index | Sent]) -> Iterator[tuple[Any, Any, str]]:
        """Each part with what its worker gave back, and its node, in order."""
        number, sent = next(self._numbers), [self._put(work.away())]
        left = PartsLeft(parts, self._seen_on)
        given, done, wanted = dict[Any, tuple[Hand, Given]](), dict[int, tuple[Any, Any, str]](), 0
        with _let_go_of(given):
            while True:
                for hand in sorted(self._hands, key=lambda each: each.parts):
                    nodes = {each.node for each in self._hands}
                    while one := left.next_for(hand, before=wanted + AHEAD * len(self._hands), nodes=nodes):
                        with self._room_in(THIS_MACHINE):
                            answer = hand.actor.do.remote(number, sent, one.sent)
                        hand.take(one)
                        given[answer] = hand, one
                if not given and not left:
                    return
                for answer in self._first_of(given):
                    if answer in self._coming:
                        self._welcome(answer)
                        continue
                    hand, one = given.pop(answer)
                    came = self._result(answer, hand, one)
                    if came is None:
                        left.again.append(replace(one, tries=one.tries + 1))
                    else:
                        done[one.place] = one.asked, came, hand.node
                while wanted in done:
                    yield done.pop(wanted)
                    wanted += 1

    def _first_of(self, given: Iterable[Any]) -> list[Any]:
        """The first that comes: what a part has become, or a worker. Where nobody is at work, it comes soon or never.

        Raises:
            UsageError: no worker is left, and none comes.
        """
        waiting = [*given, *self._coming]
        seconds = None if given else READY_SECONDS
        came: list[Any] = self._ray.wait(waiting, num_returns=1, timeout=seconds)[0] if waiting else []
        if not came:
            hint = "Run the same command again when the cluster is well: it goes on where this one stopped."
            raise UsageError("no worker is left: their machines are gone, or cannot begin another", hint=hint)
        return came

    def _result(self, answer: Any, hand: Hand, one: Given) -> Any:  # noqa: ANN401 - as Worker.do gives it
        """What a worker gave back, or None where it died: another is hired in its place."""
        hand.give_back(one)
        try:
            with self._room_in(hand.address):
                return self._ray.get(answer)
        except self._ray.exceptions.RayTaskError:
            raise  # the worker lives, and has found a fault of ours
        except self._ray.exceptions.RayError as error:
            reason = cause_of(error)
        if one.tries + 1 >= TRIES:
            raise died_of(one.part, f"{reason.rstrip('.')}; the last on {hand.address}")
        if hand in self._hands:
            self._hands.remove(hand)
            self._ray.kill(hand.actor)
            if node := self._nodes().get(hand.node):
                self._hire(node)
            self._progress.note("A worker died; what it had is given out again.")
        return None

    def _put(self, what: Any) -> Any:  # noqa: ANN401 - a reference of Ray
        """Put something into Ray's memory on this machine."""
        with self._room_in(THIS_MACHINE):
            return self._ray.put(what)

    @contextlib.contextmanager
    def _room_in(self, machine: str) -> Iterator[None]:
        """See that there is room for what travels in Ray's memory on a machine.

        Raises:
            OutputError: it is full, and so is the disk that Ray spills to.
        """
        try:
            yield
        except (self._ray.exceptions.OutOfDiskError, self._ray.exceptions.ObjectStoreFullError) as error:
            what = "what travels between workers has no room: Ray's memory and the disk behind it are full"
            hint = "Free some of that disk, or give Ray more memory; the same command goes on where this one stopped."
            raise OutputError(what, where=machine, hint=hint) from error


def died_of(part: Index | Sent, reason: str) -> DataError:
    """The error where workers died of the same part or piece again and again."""
    if isinstance(part, Sent):
        what = f"workers died {TRIES} times as they looked for copies ({reason})"
        hint = "Give that machine more memory, or leave out such pictures, or use --on local."
        return DataError(what, where=part.told, hint=hint)
    what = f"workers died {TRIES} times of the same {counted(len(part.pictures), 'picture')} ({reason})"
    hint = "Leave out the one that does it, or give the workers more memory."
    return DataError(what, where=f"from {part.pictures[0].path}", hint=hint)


@contextlib.contextmanager
def _let_go_of(given: Mapping[Any, tuple[Hand, Given]]) -> Iterator[None]:
    """Count off what workers still have at the end: who asked may have stopped before the last."""
    try:
        yield
    finally:
        for hand, one in given.values():
            hand.give_back(one)


def cause_of(error: BaseException) -> str:
    """The last line of what Ray says of a failure, which is what went wrong; of a bounded length by TellapartError."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "Error" in line), lines[0] if lines else type(error).__name__)
