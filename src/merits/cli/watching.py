"""How a search for better candidates goes, on stderr: a bar a technique on a terminal, a line a round elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from merits.core.errors import UsageError
from merits.core.estimate import cases_to_hold, long_duration
from merits.searching import Unwatched

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Drawing
    from rich.progress import TaskID

    from merits.core.improvement import TechniqueRecord, TrialRecord
    from merits.core.racing import Budget
    from merits.evaluating import Plan as Asked
    from merits.evaluating import Progress
    from merits.searching import Plan
    from merits.searching.ranking import Ranked

__all__ = ["Bars", "Lines", "Silence", "figures", "watcher_for"]

_NAME = 44
_SECONDS_BETWEEN_LINES = 5.0


def watcher_for(*, quiet: bool, ask: bool) -> Silence:
    """The watcher that suits stderr. With `ask`, paid calls without a limit of money are confirmed on a terminal."""
    if quiet:
        return Silence(ask=ask)
    return Bars(ask=ask) if sys.stderr.isatty() else Lines(ask=ask)


class Silence(Unwatched):
    """A watcher that says nothing, and asks before money is spent without a limit. Is entered and left once."""

    def __init__(self, *, ask: bool = False) -> None:
        self._ask = ask

    def __enter__(self) -> Silence:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing."""

    def confirm(self, plan: Plan) -> None:
        """Asks on a terminal where paid calls may follow without a limit of money."""
        paid = plan.paid
        if not (self._ask and paid and plan.budget.amount is None and sys.stdin.isatty()):
            return
        print(f"{', '.join(paid)} may make paid calls, and no budget of money is set. Go on? [y/N] ", file=sys.stderr)
        if input().strip().lower() not in ("y", "yes"):
            raise UsageError("Nothing was searched.", "Set a limit: --budget '30 min, 5 USD'.")


class Lines(Silence):
    """A line for whatever happens, for logs: of each round its trials, the best so far, and what is left."""

    def __init__(self, *, ask: bool = False, out: TextIO | None = None) -> None:
        super().__init__(ask=ask)
        self._out, self._left = out, ""
        self._numbers: dict[str, int] = {}  # of the trials of a technique, by the id of their candidate
        self._n_rows = 0

    def planned(self, plan: Plan) -> None:
        """Says what will be tried."""
        from merits.cli.search_plan import plan_in_words

        self._n_rows = plan.given[0].record.n_rows

        for line in plan_in_words(plan):
            self.note(line)

    def began(self, technique: str) -> None:
        """Says whose turn it is."""
        self._numbers = {}
        self.note(f"— {'the finalists meet the test examples' if technique == 'test' else technique}")

    def left(self, seconds: float | None, amount: Budget | None) -> None:
        """Remembers what is left, for the next line."""
        self._left = _left(seconds, amount)

    def tried(self, found: Sequence[Ranked], best: Ranked) -> None:
        """Says what came of a round."""
        for one in found:
            number = self._numbers.setdefault(one.candidate.id, len(self._numbers) + 1)
            so_far = f" on {one.record.n_rows:,} examples" if 0 < one.record.n_rows < self._n_rows else ""
            self.note(f"  {number}. {_short(one.candidate.name)}: {figures(one.record)}{so_far}")
        left = f"; {self._left}" if self._left else ""
        self.note(f"  best so far: {_short(best.candidate.name)} ({figures(best.record)}){left}")

    def ended(self, record: TechniqueRecord) -> None:
        """Says what a technique kept."""
        self.note(f"  {record.name}: {_ended(record)}")

    def note(self, text: str) -> None:
        """Prints a line."""
        from merits.report.plain import clean

        print(clean(text), file=self._out or sys.stderr, flush=True)

    def progress(self) -> Progress | None:
        """Notes, and now and then how many answers there are: a trial may take minutes."""
        return _Counted(self.note, lambda said: self.note(f"  {said}"), every_s=_SECONDS_BETWEEN_LINES)


class Bars(Silence):
    """A bar a technique, redrawn in place: what it tried, the best so far, and what is left of time and money."""

    def __init__(self, *, ask: bool = False, console: Console | None = None) -> None:
        super().__init__(ask=ask)
        from rich.console import Console

        self._console = console or Console(stderr=True)
        self._drawing: Drawing | None = None
        self._bar: TaskID | None = None
        self._tried: set[str] = set()
        self._failed: set[str] = set()
        self._best = ""

    def __exit__(self, *_: object) -> None:
        """Leaves the bars as they are."""
        if self._drawing is not None:
            self._fill()
            self._drawing.stop()
            self._drawing = None

    def planned(self, plan: Plan) -> None:
        """Says what will be tried; the bars of the given candidates end before that, for something may be asked."""
        self._stop()
        from merits.cli.search_plan import render_search_plan

        render_search_plan(plan, self._console)

    def began(self, technique: str) -> None:
        """A bar for whoever has its turn."""
        self._tried, self._failed = set(), set()
        self._add("the test" if technique == "test" else technique)

    def left(self, seconds: float | None, amount: Budget | None) -> None:
        """Says it at the end of the bar."""
        self._update(left=_left(seconds, amount))

    def tried(self, found: Sequence[Ranked], best: Ranked) -> None:
        """Counts, and says who is best so far."""
        self._tried |= {one.candidate.id for one in found}
        self._failed |= {one.candidate.id for one in found if one.record.failed}
        self._best = f"best: {_short(best.candidate.name)} {figures(best.record, short=True)}"
        failed = f", {len(self._failed):,} failed" if self._failed else ""
        self._update(said=f"{len(self._tried):,} tried{failed}", best=self._best)

    def ended(self, record: TechniqueRecord) -> None:
        """Fills the bar, and says what was kept."""
        failed = f", {record.n_failed:,} failed" if record.n_failed else ""
        kept = f"kept {len(record.kept):,}" if record.kept else "kept nothing"
        said = f"{record.n_trials:,} tried{failed}, {kept}"
        self._update(said=said, best=self._best, left="")
        self._fill()
        if record.ended == "failed":
            self.note(f"{record.name} failed: {record.skipped}")
        self._bar = None

    def note(self, text: str) -> None:
        """Prints a line above the bars."""
        from rich.text import Text

        from merits.report.plain import clean

        self._console.print(Text(clean(text), "dim"))

    def progress(self) -> Progress | None:
        """Counts the answers of what is being evaluated at the end of the bar."""
        if self._bar is None:
            self._add("given candidates")
        return _Counted(self.note, lambda said: self._update(best=said), every_s=0.2)

    def _add(self, name: str) -> None:
        if self._drawing is None:
            self._drawing = _drawing(self._console)
            self._drawing.start()
        if self._bar is not None:
            self._fill()
        self._bar = self._drawing.add_task(_short(name, 18), total=None, said="", best="", left="")

    def _fill(self) -> None:
        if self._drawing is not None and self._bar is not None:
            self._drawing.update(self._bar, total=1, completed=1)

    def _update(self, **fields: str) -> None:
        from merits.report.plain import clean

        if self._drawing is not None and self._bar is not None:
            shown: dict[str, Any] = {key: clean(value) for key, value in fields.items()}
            self._drawing.update(self._bar, refresh=True, **shown)

    def _stop(self) -> None:
        self.__exit__()
        self._bar = None


class _Counted:
    """A `Progress` that hands on notes, and says how many answers there are when a while has passed."""

    def __init__(
        self,
        note: Callable[[str], None],
        say: Callable[[str], None],
        *,
        every_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._note, self._say, self._every_s, self._clock = note, say, every_s, clock
        self._last = clock()
        self._n: dict[str, int] = {}
        self._of = 0
        self._said = False

    def started(self, plan: Asked) -> None:
        """Remembers how many answers there will be."""
        self._of = sum(part.n_rows for part in plan.parts)
        self._n = {part.candidate: part.n_stored for part in plan.parts}

    def answered(self, candidate: str, n_answered: int, n_failed: int) -> None:
        """Says how far it is, now and then."""
        self._n[candidate] = n_answered
        if self._clock() - self._last >= self._every_s:
            self._last, self._said = self._clock(), True
            self._say(f"{sum(self._n.values()):,} of {self._of:,} answers")

    def note(self, text: str) -> None:
        """Hands it on."""
        self._note(text)

    def finished(self) -> None:
        """Says how many there are in the end, where it said anything before."""
        if self._said:
            self._say(f"{sum(self._n.values()):,} of {self._of:,} answers")


def _drawing(console: Console) -> Drawing:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    def text(field: str, style: str = "", ratio: int | None = None) -> TextColumn:
        return TextColumn(
            field,
            style=style or "none",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", ratio=ratio),
        )

    return Progress(
        text("{task.description}"),
        BarColumn(bar_width=12),
        text("{task.fields[said]}"),
        text("{task.fields[best]}", "dim", ratio=1),
        text("{task.fields[left]}"),
        TimeElapsedColumn(),
        console=console,
        expand=True,
    )


def _short(name: str, longest: int = _NAME) -> str:
    from merits.report.plain import shortened

    return shortened(name, longest)


def _left(seconds: float | None, amount: Budget | None) -> str:
    """What is left, in words.

    >>> from merits.core.racing import Budget
    >>> _left(1_234.0, Budget(3.5, "USD")), _left(45.0, None), _left(None, None)
    ('20.6 min, 3.5 USD left', '45 s left', '')
    """
    said = [] if seconds is None else [long_duration(max(seconds, 0.0))]
    if amount is not None:
        said.append(f"{amount.amount:.3g} {amount.unit}")
    return f"{', '.join(said)} left" if said else ""


def _ended(record: TechniqueRecord) -> str:
    kept = ", ".join(map(_short, record.kept)) or "nothing"
    ended = {"time": ", its time ended", "money": ", the money ended", "stopped": ", stopped", "failed": ", failed"}
    why = f": {record.skipped}" if record.skipped else ""
    return f"kept {kept} after {record.seconds:,.0f} s{ended.get(record.ended, '')}{why}"


def figures(record: TrialRecord, *, short: bool = False) -> str:
    """What is known of a trial: the share solved, and its cost; why there is nothing of one that failed."""
    if record.failed:
        return f"failed: {record.failed}"
    said = []
    if record.quality is not None:
        said.append(record.quality.number(record.quality.value) if short else record.quality.text())
    if not short and (cost := record.cost) is not None and cost.value is not None:
        n = cases_to_hold(cost.value)
        said.append(f"{cost.times(n).text()} for {'a case' if n == 1 else f'{n:,} cases'}")
    return ", ".join(said) or "no record"
