"""Live progress on stderr: a bar a candidate on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import TaskID

    from merits.evaluating import Plan, Progress

__all__ = ["progress_for"]

_EVERY_S = 5.0


@contextmanager
def progress_for(*, quiet: bool) -> Iterator[Progress | None]:
    """Progress that suits stderr, or None when it is to be quiet."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with Bars() as bars:
            yield bars
    else:
        yield Lines()


class Bars:
    """A bar a candidate, redrawn in place."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._drawing = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("[dim]{task.fields[state]}[/dim]"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        self._drawing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._drawing.stop()

    def started(self, plan: Plan) -> None:
        """Draws a bar for each candidate, filled as far as its answers are stored."""
        for part in plan.parts:
            state = f"{part.n_stored:,} from the store" if part.n_stored else ""
            self._bars[part.candidate] = self._drawing.add_task(
                part.candidate, total=part.n_rows, completed=part.n_stored, state=state
            )

    def answered(self, candidate: str, n_answered: int, n_failed: int) -> None:
        """Moves a bar: so many answers are on disk, so many of them failures."""
        bar = self._bars[candidate]
        self._drawing.update(bar, completed=n_answered)
        if n_failed:
            self._drawing.update(bar, state=f"{n_failed:,} failed")

    def note(self, text: str) -> None:
        """Prints a line above the bars."""
        self._drawing.console.print(text, markup=False, highlight=False)

    def finished(self) -> None:
        """Leaves the bars as they are."""
        self._drawing.refresh()


class Lines:
    """A line every few seconds, for logs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()
        self._totals: dict[str, int] = {}
        self._done: dict[str, int] = {}

    def started(self, plan: Plan) -> None:
        """Says what will be asked."""
        self._totals = {part.candidate: part.n_rows for part in plan.parts}
        self._done = {part.candidate: part.n_stored for part in plan.parts}
        asked = sum(part.n_rows - part.n_stored for part in plan.parts)
        n = len(plan.parts)
        self.note(
            f"{n} candidate{'' if n == 1 else 's'}: {asked:,} answers to get, {sum(self._done.values()):,} stored"
        )

    def answered(self, candidate: str, n_answered: int, n_failed: int) -> None:
        """Says how far it is, now and then."""
        self._done[candidate] = n_answered
        if self._clock() - self._last >= _EVERY_S:
            self._last = self._clock()
            total, done = sum(self._totals.values()), sum(self._done.values())
            going = (f"{name} {n:,}/{self._totals[name]:,}" for name, n in self._done.items() if n < self._totals[name])
            self.note(f"{done:,}/{total:,} answers stored; still going: {', '.join(going) or 'none'}")

    def note(self, text: str) -> None:
        """Prints a line."""
        print(text, file=sys.stderr, flush=True)

    def finished(self) -> None:
        """Says that all answers are there."""
        self.note("done; every answer that was given is stored")
