"""A task's profile on a terminal: what is in the data, what to look at, and what it can show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from merits.report import numbers
from merits.report.plain import clean, one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from merits.tasks.outlook import Outlook, Power
    from merits.tasks.profile import Profile, Spread

__all__ = ["render"]

_MOST_LABELS = 12
_NOT_TELLING = ", too few to tell wrong labels from hard cases"
_MOST_COLUMNS = 15
_MOST_SLICES = 15
_MOST_SHOWN = 3


def render(profile: Profile, console: Console) -> None:
    """Prints the profile: sizes, then what to look at, then what this many examples can show."""
    total = numbers.counted(profile.n_dev + profile.n_test, "example")
    sizes = f"{total}, {_n(profile.n_dev)} dev and {_n(profile.n_test)} test"
    heading = f"{profile.name}: {profile.kind}, {sizes}"
    console.print(_text(heading, "bold"))
    for fact in _facts(profile):
        console.print(_text(f"  {fact}"))
    for table in _tables(profile):
        console.print(table)
    for line in (*_shown(profile), *_outlook(profile.power, profile.requirements)):
        console.print(line)
    _warnings(profile, console)


def _facts(profile: Profile) -> Iterator[str]:
    if profile.labels:
        yield f"{_n(len(profile.labels))} classes"
    if profile.words and profile.characters:
        yield f"words of an input: {_spread(profile.words)}; characters: {_spread(profile.characters)}"
    if profile.n_groups:
        yield f"{_n(profile.n_groups)} groups, {_n(profile.n_groups_test)} of them in test"
    if profile.perturbations:
        n = len(profile.perturbations)
        more = numbers.counted(n * profile.n_perturbed, "more question")
        of = numbers.counted(profile.n_perturbed, "test example")
        yield f"robustness: {', '.join(profile.perturbations)}: {more} to each candidate, of {of}"
    for look in profile.looks:
        seen = "" if look.n_seen == look.n else f" (a sample of {_n(look.n_seen)} of {_n(look.n)})"
        for fact in look.facts:
            what = look.reads if fact.name == look.reads else f"{look.reads}: {fact.name}"
            yield f"{what}: {fact.text}{seen}"
    if profile.label_noise:
        noise = profile.label_noise
        agrees = f"a simple classifier agrees with {noise.agreement:.0%}"
        yield f"labels that look wrong: {noise.share}; {agrees}{'' if noise.is_telling else _NOT_TELLING}"
    twins, leaks = profile.duplicates, profile.leakage
    yield f"duplicates: {_n(twins.exact)} exact, {_n(twins.normalised)} but for case and signs, {_n(twins.near)} near"
    yield (
        f"test examples with a twin in dev: {_n(leaks.exact)} exact, {_n(leaks.normalised)} but for case and signs, "
        + (f"{_n(leaks.near)} near")
    )
    if profile.n_conflicts:
        rows = numbers.counted(profile.n_conflicting, "example")
        yield f"inputs with several targets: {_n(profile.n_conflicts)} ({rows})"


def _tables(profile: Profile) -> Iterator[Table]:
    if profile.labels:
        shown = profile.labels[:_MOST_LABELS]
        more = len(profile.labels) - len(shown)
        table = _table(f"labels, commonest first{f' ({more:,} more)' if more else ''}", "label", "dev", "test", "share")
        for label in shown:
            share = f"{100 * label.share:.1f} %"
            table.add_row(_text(one_line(label.label, 40)), _n(label.dev), _n(label.test), share)
        yield table
    if profile.columns:
        table = _table("input columns", "column", "type", "distinct", "missing")
        for column in profile.columns[:_MOST_COLUMNS]:
            missing = f"{100 * column.share_missing:.1f} %"
            table.add_row(_text(one_line(column.name, 40)), column.type, _n(column.n_distinct), missing)
        yield table
    if profile.slices:
        table = _table("slices", "slice", "value", "dev", "test")
        for s in profile.slices[:_MOST_SLICES]:
            table.add_row(_text(one_line(s.name, 30)), _text(one_line(s.value, 30)), _n(s.dev), _n(s.test))
        yield table


def _shown(profile: Profile) -> Iterator[Text]:
    """Some leaks and conflicts, so that the reader can judge them."""
    for leak in profile.leaks[:_MOST_SHOWN]:
        text = f"  {leak.how} twins: {leak.test} (test) and {leak.dev} (dev): {one_line(leak.test_input, 90)}"
        yield _text(text, "dim")
    for suspect in profile.label_noise.suspects[:_MOST_SHOWN] if profile.label_noise else ():
        looks_like = f"{one_line(suspect.label, 30)}, looks like {one_line(suspect.looks_like, 30)}"
        yield _text(f"  doubtful label: {suspect.example} ({suspect.split}): {looks_like}", "dim")
    for conflict in profile.conflicts[:_MOST_SHOWN]:
        targets = ", ".join(f"{one_line(target, 30)} ({n:,})" for target, n in conflict.targets.items())
        yield _text(f"  several targets: {one_line(conflict.input, 70)}: {targets}", "dim")


def _outlook(power: Power, requirements: Sequence[Outlook]) -> Iterator[Text]:
    yield _text("what the test examples can show", "bold")
    yield _text(
        f"  differences of about {100 * power.detectable:.1f} points and more, with probability "
        f"{numbers.percent(power.power)} at {numbers.percent(power.confidence)} confidence, if candidates disagree "
        f"on {numbers.percent(power.discordant)} of {numbers.counted(power.n_independent, 'independent example')}"
    )
    sizes = ((5, power.n_for_5_points), (3, power.n_for_3_points), (1, power.n_for_1_point))
    yield _text("  " + "; ".join(f"{points} points take {_n(n)}" for points, n in sizes if n is not None))
    for outlook in requirements:
        yield _text(f"  {_requirement(outlook)}")


def _requirement(outlook: Outlook) -> str:
    if outlook.facts:
        return _fact(outlook)
    if outlook.reachable is None:
        return f"? {outlook.text}: cannot be told before the run"
    if not outlook.reachable:
        needed = "no number of examples is enough" if outlook.n_needed is None else f"it takes {outlook.n_needed:,}"
        return f"✗ {outlook.text}: cannot be shown with {numbers.counted(outlook.n, 'example')}; {needed}"
    share = "" if outlook.least_share is None else f", by {100 * outlook.least_share:.1f} % of them at least"
    return f"✓ {outlook.text}: can be shown with {numbers.counted(outlook.n, 'example')}{share}"


def _fact(outlook: Outlook) -> str:
    """Who meets a fact, who is ruled out by it, and whose recipe does not say."""
    words = {"met": "met by", "not met": "rules out", "not yet known": "not said by"}
    names = {word: [one_line(name, 40) for name, met in outlook.facts.items() if met == word] for word in words}
    symbol = "✗" if names["not met"] else "?" if names["not yet known"] else "✓"
    said = "; ".join(f"{words[word]} {', '.join(who)}" for word, who in names.items() if who)
    more = " (metadata: in the recipe)" if names["not yet known"] else ""
    return f"{symbol} {outlook.text}: {said}{more}"


def _warnings(profile: Profile, console: Console) -> None:
    if profile.warnings:
        console.print(_text("look at", "bold yellow"))
    for found in profile.warnings:
        console.print(_text(f"  {found.code}: ", "yellow") + _text(f"{found.text} {found.next_step}"))
    for note in profile.notes:
        console.print(_text(f"  {note}", "dim"))
    if not profile.warnings:
        console.print(_text("nothing to worry about was found", "green"))


def _spread(spread: Spread) -> str:
    return f"{spread.low:,} to {spread.high:,}, half up to {spread.median:,.0f}, 95 % up to {spread.p95:,.0f}"


def _table(title: str, *columns: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, title=_text(title), title_style="dim", title_justify="left", pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", overflow="fold")
    return table


def _n(value: int) -> str:
    return f"{value:,}"


def _text(text: str, style: str = "") -> Text:
    """Clean text that is never read as markup."""
    from rich.text import Text

    return Text(clean(text), style)
