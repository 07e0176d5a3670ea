"""How long work reports itself, without knowing whether a terminal, a log or nobody listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """One listener for one command. A stage starts, advances and ends; notes may come at any time."""

    def start(self, stage: str, *, total: int, unit: str) -> None:
        """A stage of total steps begins; unit names what is counted, in the plural ("pictures")."""

    def advance(self, steps: int = 1) -> None:
        """Steps more of the current stage are done."""

    def finish(self) -> None:
        """The current stage is over."""

    def note(self, message: str) -> None:
        """Something worth a line of its own."""


class Silent:
    """A listener that hears nothing."""

    def start(self, stage: str, *, total: int, unit: str) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def finish(self) -> None: ...

    def note(self, message: str) -> None: ...
