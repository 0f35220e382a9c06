"""Comparisons and gates in Markdown: for the page of a CI step, a pull request or a chat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from merits.core.identity import JSON
from merits.deciding.changes import Change, Flip
from merits.deciding.gate import Gate
from merits.report import changes as words
from merits.report.markdown import escaped

__all__ = ["render", "render_gate"]

_BADGES = {
    "better": "🟢",
    "worse": "🔴",
    "cannot be told apart": "🟡",
    "passed": "🟢",
    "failed": "🔴",
    "inconclusive": "🟡",
}
_MOST_FLIPS = 10
_MOST_SLICES = 12


def render(change: Change, inputs: Mapping[str, JSON]) -> str:
    """One comparison, ending in an empty line. Texts from outside are escaped."""
    parts = [
        f"## {_BADGES[change.verdict]} {escaped(words.title(change))}",
        f"**{escaped(words.headline(change))}**",
        escaped(change.settle),
        *_details(change, inputs),
    ]
    return "\n\n".join(part for part in parts if part) + "\n\n"


def render_gate(gate: Gate, inputs: Mapping[str, JSON]) -> str:
    """A gate with its checks and what changed against the baseline, ending in an empty line."""
    checks = [f"- {_BADGES[check.outcome]} {escaped(check.text)}" for check in gate.checks]
    parts = [
        f"## {_BADGES[gate.outcome]} gate {gate.outcome}: {escaped(gate.candidate)}",
        "\n".join(checks) or "Nothing was required.",
        f"**Next:** {escaped(gate.next_step)}" if gate.next_step else "",
    ]
    if gate.change is not None:
        parts += _details(gate.change, inputs)
    return "\n\n".join(part for part in parts if part) + "\n\n"


def _details(change: Change, inputs: Mapping[str, JSON]) -> Iterator[str]:
    yield "\n".join(f"- {escaped(fact)}" for fact in words.facts(change))
    for caption, flips in (("Lost", change.lost), ("Gained", change.gained)):
        if flips:
            yield _flips(caption, flips, inputs)
    rows = words.slice_rows(change, _MOST_SLICES)
    if rows:
        lines = [f"| {' | '.join(escaped(cell) for cell in row)} |" for row in rows]
        yield "\n".join(["| slice | | difference |", "|---|---|---|", *lines])


def _flips(caption: str, flips: Sequence[Flip], inputs: Mapping[str, JSON]) -> str:
    rows = words.flip_rows(flips, inputs, _MOST_FLIPS)
    lines = [f"| {escaped(row.example)} | {escaped(row.what)} | {escaped(row.input)} |" for row in rows]
    more = f", the first {len(rows)}" if len(rows) < len(flips) else ""
    head = f"<details><summary>{caption}: {len(flips):,}{more}</summary>"
    return "\n".join([head, "", "| example | | input |", "|---|---|---|", *lines, "", "</details>"])
