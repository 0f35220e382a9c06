"""The search for better candidates: what it gained on dev, what is left of that on test, and whether it paid."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from merits.core.estimate import Estimate, cases_to_hold, long_duration
from merits.core.identity import JSON
from merits.core.improvement import Ended, Gain, Improvement, TechniqueRecord, TrialRecord
from merits.core.needs import Needs
from merits.core.recipes import as_listed, in_yaml
from merits.report.numbers import counted, money
from merits.report.plain import clean, cut, shortened

__all__ = [
    "GainRow",
    "Importance",
    "Recipe",
    "SearchPoint",
    "SearchSection",
    "TechniqueRow",
    "search_section",
    "what_it_does",
]

Tone: TypeAlias = Literal["good", "open", "bad"]
_ENDED: dict[Ended, str] = {
    "done": "tried all it had",
    "time": "its time ended",
    "money": "the money ended",
    "stopped": "was stopped",
    "failed": "failed",
    "skipped": "not tried",
}
_MOST_IMPORTANT = 10
_LONGEST_TEXT, _LONGEST_LIST = 3_000, 30
_SHORT = 60  # letters of a name that stands in full elsewhere


class SearchPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate on dev. `value` (a share, or money for `n_valued`) is what is ranked by, `best` the best so far.

    `cost` is of `n_cases`. `whole`: it was asked everything, and misses no requirement for certain; only such a one can
    be the best. `failed` says why it could not be evaluated.
    """

    number: int
    name: str
    technique: str
    at_s: float
    given: bool
    kept: bool
    whole: bool
    value: float | None
    best: float | None
    quality: Estimate | None
    cost: Estimate | None
    failed: str = ""


class GainRow(msgspec.Struct, frozen=True, kw_only=True):
    """A gain, with what a case costs before and after as it can be read (of `n_cases`), and the months to pay back."""

    gain: Gain
    cost_given: Estimate | None
    cost_found: Estimate | None
    months: Estimate | None
    tone: Tone


class TechniqueRow(msgspec.Struct, frozen=True, kw_only=True):
    """A technique: what it does, and in words how it ended or why it was left out."""

    record: TechniqueRecord
    does: str
    outcome: str


class Importance(msgspec.Struct, frozen=True, kw_only=True):
    """What share each parameter has in how good the variations of a given candidate were on dev, largest first."""

    given: str
    shares: tuple[tuple[str, float], ...]


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """What was found as a task file says it; long texts are cut."""

    name: str
    text: str


class SearchSection(msgspec.Struct, frozen=True, kw_only=True):
    """A search. `headline` and `sentences` say what came of it; costs are of `n_cases`, net values of `n_valued`.

    `points` are the given candidates, then the trials in order. `gains` is empty where nothing went to test.
    """

    headline: str
    tone: Tone
    sentences: tuple[str, ...]
    worth_it: str
    objective: Literal["quality", "net value"]
    best_given: str
    gains: tuple[GainRow, ...]
    recipes: tuple[Recipe, ...]
    techniques: tuple[TechniqueRow, ...]
    points: tuple[SearchPoint, ...]
    importances: tuple[Importance, ...]
    level: float | None
    seconds: float
    cost: float | None
    currency: str
    budget: str
    stopped: Literal["done", "budget", "interrupted"]
    n_searched: int
    n_finalists: int
    n_failed: int
    n_cases: int
    n_valued: int

    @property
    def given(self) -> tuple[SearchPoint, ...]:
        """The candidates that the search began with."""
        return tuple(point for point in self.points if point.given)

    @property
    def trials(self) -> tuple[SearchPoint, ...]:
        """What was tried, in order."""
        return tuple(point for point in self.points if not point.given)


def what_it_does(name: str, title: str) -> str:
    """The title of a technique beside its name, which it does not say again.

    >>> what_it_does("routers", "routers: choose whom to ask by the input"), what_it_does("a", "Something: else")
    ('Choose whom to ask by the input', 'Something: else')
    """
    before, colon, rest = title.partition(": ")
    said = rest if colon and before.lower() == name.lower() else title
    return said[:1].upper() + said[1:]


def search_section(improvement: Improvement | None, needs: Needs, chosen: str = "") -> SearchSection | None:
    """None where nothing was searched. `chosen` is whom the verdict names."""
    if improvement is None:
        return None
    n_cases = _cases(one.cost.value for one in improvement.trials if one.cost is not None)
    n_valued = _cases(one.value for one in improvement.trials) if improvement.objective == "net value" else 1
    points = _points(improvement, n_cases, n_valued)
    headline, tone = _headline(improvement)
    rows = tuple(_gain_row(gain, n_cases, needs) for gain in improvement.gains)
    return SearchSection(
        headline=headline,
        tone=tone,
        sentences=(_tried(improvement), *_found(improvement, points), *_named(improvement, chosen)),
        worth_it=_worth_it(improvement, rows, needs),
        objective=improvement.objective,
        best_given=improvement.best_given,
        gains=rows,
        recipes=_recipes(improvement),
        techniques=tuple(
            TechniqueRow(record=one, does=what_it_does(one.name, one.title), outcome=_outcome(one))
            for one in _by_name(improvement.techniques)
        ),
        points=points,
        importances=tuple(
            Importance(given=name, shares=tuple(sorted(shares.items(), key=lambda s: (-s[1], s[0]))[:_MOST_IMPORTANT]))
            for name, shares in improvement.importances.items()
            if shares
        ),
        level=improvement.gains[0].on_test.level if improvement.gains else None,
        seconds=improvement.seconds,
        cost=improvement.cost,
        currency=improvement.currency,
        budget=improvement.budget,
        stopped=improvement.stopped,
        n_searched=improvement.n_searched,
        n_finalists=improvement.n_finalists,
        n_failed=sum(bool(point.failed) for point in points),
        n_cases=n_cases,
        n_valued=n_valued,
    )


def _recipes(improvement: Improvement) -> tuple[Recipe, ...]:
    """Of those that went to test for a gain, each once."""
    tried = {one.candidate.name: one.candidate for one in improvement.trials}
    names = dict.fromkeys(gain.found for gain in improvement.gains if gain.found in tried)
    listed = {name: _shown(as_listed(tried[name])) for name in names}
    return tuple(Recipe(name=name, text=in_yaml([recipe])) for name, recipe in listed.items())


def _shown(value: JSON) -> JSON:
    """The same with safe and short texts and lists."""
    if isinstance(value, str):
        return cut(value, _LONGEST_TEXT)
    if isinstance(value, Mapping):
        return {clean(key): _shown(each) for key, each in value.items()}
    if isinstance(value, Sequence):
        some = [_shown(each) for each in value[:_LONGEST_LIST]]
        return [*some, f"… {len(value) - len(some):,} more"] if len(value) > len(some) else some
    return value


def _cases(amounts: Iterable[float | None]) -> int:
    """Of how many cases amounts of money are said, so that most of them can be read."""
    known = sorted(abs(amount) for amount in amounts if amount)
    return cases_to_hold(known[len(known) // 2]) if known else 1


def _points(improvement: Improvement, n_cases: int, n_valued: int) -> tuple[SearchPoint, ...]:
    n_rows = max((one.n_rows for one in improvement.trials), default=0)
    best: float | None = None
    found = []
    for one in _latest(improvement.trials):
        value = None if one.value is None else one.value * n_valued
        whole = one.n_rows >= n_rows and not one.failed and not one.ruled_out
        if value is not None and whole:
            best = value if best is None else max(best, value)
        found.append(
            SearchPoint(
                number=one.number,
                name=one.candidate.name,
                technique=one.technique,
                at_s=one.at_s,
                given=one.technique == "given",
                kept=one.kept,
                whole=whole,
                value=value,
                best=best,
                quality=one.quality,
                cost=None if one.cost is None else one.cost.times(n_cases),
                failed=one.failed,
            )
        )
    return tuple(found)


def _latest(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The given candidates, then the trials in order, each once: of one that was asked in rounds, all that is known."""
    found: dict[str, TrialRecord] = {}
    for one in sorted(trials, key=lambda trial: (trial.technique != "given", trial.number)):
        before = found.get(one.candidate.id)
        if before is None:
            found[one.candidate.id] = one
        elif one.n_rows >= before.n_rows and before.technique != "given":
            found[one.candidate.id] = msgspec.structs.replace(one, number=before.number, kept=before.kept or one.kept)
    return list(found.values())


def _headline(improvement: Improvement) -> tuple[str, Tone]:
    held = [gain for gain in improvement.gains if gain.is_shown]
    if held:
        said = dict.fromkeys(f"{shortened(gain.found, _SHORT)} is certainly {gain.holds}" for gain in held)
        return "; ".join(said), "good"
    if not improvement.gains:
        return "The search found nothing better", "bad"
    if all(gain.holds == "worse" for gain in improvement.gains):
        return "What looked better on dev is worse on test", "bad"
    return "Nothing is shown on test of what the search gained on dev", "open"


def _tried(improvement: Improvement) -> str:
    """How far it looked, and why it ended."""
    tried = [one for one in improvement.techniques if one.ended != "skipped"]
    names = ", ".join(dict.fromkeys(one.name for one in tried))
    n, n_failed = improvement.n_searched, sum(bool(one.failed) for one in _latest(improvement.trials))
    failed = f", of which {n_failed:,} could not be evaluated" if n_failed else ""
    by = f" by {counted(len({one.name for one in tried}), 'technique')} ({names})" if tried else ""
    end = {
        "done": "",
        "budget": f" The budget ({improvement.budget}) ended before the search did: the same command goes on.",
        "interrupted": " It was stopped before its end: the same command goes on.",
    }[improvement.stopped]
    return f"{counted(n, 'candidate')} {'was' if n == 1 else 'were'} tried on dev{by}{failed}.{end}"


def _found(improvement: Improvement, points: Sequence[SearchPoint]) -> list[str]:
    """What each gain on dev is on test; of a search without one, how near it came."""
    if improvement.gains:
        n, level = len(improvement.gains), improvement.gains[0].on_test.level
        for_each = (
            f"{counted(n, 'gain')} {'is' if n == 1 else 'are'} looked at on test, chosen before test was seen, so that "
            f"intervals there are at {100 * level:.4g} %"
        )
        together = f" each: together they hold at {100 * (1.0 - n * (1.0 - level)):.4g} %" if n > 1 else ""
        return [
            *(gain.text for gain in improvement.gains),
            f"{for_each}{together}. How many were tried on dev makes no difference to them.",
        ]
    given = next((one for one in points if one.given and one.name == improvement.best_given), None)
    tried = [one for one in points if not one.given and one.whole and one.value is not None]
    best = max(tried, key=lambda one: (one.value or 0.0, -one.number), default=None)
    said = (
        f"None looks better on dev than {improvement.best_given}, or cheaper at no loss: nothing was put to the test."
    )
    if given is None or given.quality is None or best is None or best.quality is None:
        return [said]
    solved = f"The best of them, {best.name}, solves {best.quality.text()} there"
    return [f"{said} {solved}; {given.name} {given.quality.text()}."]


def _named(improvement: Improvement, chosen: str) -> list[str]:
    """Whom the verdict names, where that is another than was the best on dev."""
    if not chosen or not improvement.gains or chosen in {gain.found for gain in improvement.gains}:
        return []
    whom = f"the given candidates and {counted(improvement.n_finalists, 'finalist')}"
    return [f"The verdict names {shortened(chosen, _SHORT)}: it is on {whom}, by what test shows of each."]


def _worth_it(improvement: Improvement, rows: Sequence[GainRow], needs: Needs) -> str:
    """What the search took, and when that comes back."""
    took = f"It took {long_duration(improvement.seconds)}"
    if improvement.cost is None:
        took += "; what all answers on dev cost is not known, for a price is missing"
    else:
        took += f", and all answers on dev cost {money(improvement.cost, improvement.currency)} (earlier runs too)"
    held = [row for row in rows if row.gain.is_shown]
    if not held:
        return f"{took}. Nothing pays that back."
    return " ".join([f"{took}.", *(_paid_back(row, needs) for row in held)])


def _paid_back(row: GainRow, needs: Needs) -> str:
    after, name = row.gain.pays_back_after, shortened(row.gain.found, _SHORT)
    if after is None:
        return f"When {name} pays that back is not known."
    if after.value is None:
        return f"As it looks {name} never pays that back."
    if after.high == 1.0:
        return f"{name} pays that back with the first case."
    said = f"{name} pays that back after {after.text()} cases"
    if row.months is None or not row.months.value:
        return f"{said}."
    within = f"within {_months(row.months.value)}"
    if row.months.high is None:
        within += ", as it looks"
    elif row.months.high > row.months.value:
        within += f", at most {_months(row.months.high)}"
    return f"{said}: {within} at {needs.volume_per_month:,.0f} cases a month."


def _months(months: float) -> str:
    """A time to wait, in the unit that suits it; hours and days are rounded up.

    >>> [_months(m) for m in (0.001, 0.2, 5.0, 40.0)]
    ['an hour', '7 days', '5 months', '3.3 years']
    """
    hours = months * 365.25 / 12 * 24
    if hours <= 1.0:
        return "an hour"
    if hours <= 24.0:
        return "a day"
    if months < 2.0:
        return f"{math.ceil(hours / 24)} days"
    return f"{months:.3g} months" if months < 24.0 else f"{months / 12:.2g} years"


def _gain_row(gain: Gain, n_cases: int, needs: Needs) -> GainRow:
    months = None
    if gain.pays_back_after is not None and needs.volume_per_month:
        months = msgspec.structs.replace(gain.pays_back_after.times(1.0 / needs.volume_per_month), unit="months")
    tones: dict[str, Tone] = {"better": "good", "cheaper at no loss": "good", "worse": "bad"}
    return GainRow(
        gain=gain,
        cost_given=None if gain.cost_given is None else gain.cost_given.times(n_cases),
        cost_found=None if gain.cost_found is None else gain.cost_found.times(n_cases),
        months=months,
        tone=tones.get(gain.holds, "open"),
    )


def _by_name(records: Sequence[TechniqueRecord]) -> list[TechniqueRecord]:
    """One record a technique, those that were tried first: its turns together, what was kept in any of them."""
    found: dict[str, TechniqueRecord] = {}
    for one in records:
        before = found.get(one.name)
        found[one.name] = one if before is None else _together(before, one)
    return sorted(found.values(), key=lambda one: one.ended == "skipped")


def _together(before: TechniqueRecord, again: TechniqueRecord) -> TechniqueRecord:
    return msgspec.structs.replace(
        again,
        skipped=again.skipped or before.skipped,
        n_trials=before.n_trials + again.n_trials,
        n_failed=before.n_failed + again.n_failed,
        seconds=before.seconds + again.seconds,
        kept=tuple(dict.fromkeys((*before.kept, *again.kept))),
    )


def _outcome(record: TechniqueRecord) -> str:
    said = _ENDED[record.ended]
    return f"{said}: {record.skipped}" if record.skipped else said
