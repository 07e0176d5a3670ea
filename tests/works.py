"""Works for the tests of workers: a module of its own, since workers in other processes import it by name."""

import os
import resource
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from tellapart.duplicates.find import lay
from tellapart.errors import DataError
from tellapart.features.look import Looking


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """Names the pictures of a part; on the way to it a worker may die, wait or fail."""

    deadly: str = ""  # the path of a picture that kills its worker
    marker: Path | None = None  # a file that is made first: then only the first worker dies
    wrong: str = ""  # the path of a picture of which an error of ours is raised
    seconds: float = 0.0  # of each part
    stage: ClassVar[str] = "Looking at pictures"

    def open(self):
        return self.name

    def away(self):
        return replace(self)

    def name(self, part, progress):
        paths = [picture.path for picture in part.pictures]
        progress.note("a note")
        time.sleep(self.seconds)
        if self.deadly in paths and (self.marker is None or not self.marker.exists()):
            if self.marker is not None:
                self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.wrong in paths:
            raise DataError("this one is wrong", where=self.wrong, hint="Mend it.")
        return paths

    def pack(self, made):
        return {"paths": made, "process": os.getpid()}

    def unpack(self, part, packed):
        return packed["paths"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adding:
    """A function of arrays; on the way to one of them a worker may die or fail."""

    deadly: int = -1  # the first number of an array that kills its worker
    marker: Path | None = None  # a file that is made first: then only the first worker dies
    wrong: int = -1  # the first number of an array of which an error of ours is raised

    def __call__(self, array):
        if array[0] == self.deadly and (self.marker is None or not self.marker.exists()):
            if self.marker is not None:
                self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if array[0] == self.wrong:
            raise DataError("this one is wrong", where=str(self.wrong), hint="Mend it.")
        return int(array.sum()), os.getpid()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dying:
    """Lays pairs of pictures over each other; the first worker that is to do so dies."""

    marker: Path  # a file that is made first

    def __call__(self, unlaid):
        if not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return lay(unlaid)


class Where(Naming):
    """Says which process did each picture."""

    def unpack(self, part, packed):
        return [packed["process"]] * len(part.pictures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Full(Looking):
    """Looks at pictures; the first worker that does so can write no file meanwhile, as if its disk were full."""

    marker: Path

    def look(self, part, progress):
        self.marker.mkdir(exist_ok=True)
        own = self.marker / str(os.getpid())
        if not any(self.marker.iterdir()):
            own.touch()
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0 if own.exists() else most, most))
        try:
            return Looking.look(self, part, progress)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
