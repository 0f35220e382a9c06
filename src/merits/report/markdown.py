"""The report in Markdown, short: for the page of a CI step, a pull request or a chat."""

from __future__ import annotations

import re

from merits.core.estimate import Estimate
from merits.report import numbers
from merits.report.plain import one_line
from merits.report.sections.candidates import CandidateRow
from merits.report.views import ReportView

__all__ = ["escaped", "render"]

_BADGES = {"good": "🟢", "open": "🟡", "bad": "🔴"}
_MEANINGFUL = re.compile(r"([\\`*_{}\[\]<>#|~@&$]|(?<=:)//|(?<=www)\.)")  # the last two begin links by themselves


def render(view: ReportView) -> str:
    """The verdict, the table of candidates and the next step, ending in an empty line.

    Texts from outside are escaped: no name or answer can open a link, a tag, a table cell or mention a person.
    """
    verdict = view.verdict
    parts = [
        f"## {_BADGES[verdict.tone]} {escaped(view.task)}: {escaped(verdict.headline)}",
        " ".join(escaped(sentence) for sentence in verdict.sentences),
        "\n".join(_table(view)),
    ]
    if verdict.failures:
        parts.append(escaped(verdict.failures))
    if verdict.caution:
        parts.append(f"**{escaped(verdict.caution)}**")
    if verdict.next_step:
        parts.append(f"**Next:** {escaped(verdict.next_step)}")
    return "\n\n".join(part for part in parts if part) + "\n\n"


def _table(view: ReportView) -> list[str]:
    solved = view.units.solved
    cost = "cost of a solved case" if solved == 1 else f"cost of {numbers.count(solved)} solved cases"
    head = f"| candidate | solved | requirements | {cost} | 95 % within | failed |"
    return [head, "|---|---|---|---|---|---|", *(_row(row, solved) for row in view.candidates)]


def _row(row: CandidateRow, solved: int) -> str:
    s, counts = row.standing, row.requirements
    name = f"**{escaped(row.name)}**" if row.named else escaped(row.name)
    bars = [(counts.n_met, "met"), (counts.n_not_met, "not met"), (counts.n_open, "open")]
    cells = [
        name,
        _figure(s.quality),
        ", ".join(f"{n} {word}" for n, word in bars if n) or "none",
        _figure(s.cost_per_solved and s.cost_per_solved.times(solved)),
        _figure(s.latency_p95_s),
        numbers.count(s.n_failed),
    ]
    return f"| {' | '.join(cells)} |"


def _figure(estimate: Estimate | None) -> str:
    return "no record" if estimate is None else escaped(estimate.text())


def escaped(text: str) -> str:
    """Clean text on one line that Markdown takes as it is.

    >>> escaped("<b>[a](http://x)|")
    '\\\\<b\\\\>\\\\[a\\\\](http:\\\\//x)\\\\|'
    """
    return _MEANINGFUL.sub(r"\\\1", one_line(text, 2_000))
