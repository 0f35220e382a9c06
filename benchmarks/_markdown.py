"""Figures of several tools as one Markdown table, and its place on a page between two comments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["markdown", "put"]


def markdown(columns: Mapping[str, str], figures: Mapping[str, Mapping[str, object]]) -> str:
    """One row a tool, one column a figure under its heading; "no record" for what a tool does not tell, None.

    A tool with `skipped` has a message in the place of its figures.

    >>> print(markdown({"lost": "lost", "money": "USD"}, {"a": {"lost": 1234, "money": None}, "b": {"skipped": "no"}}))
    | | lost | USD |
    |---|--:|--:|
    | a | 1,234 | no record |
    | b | skipped: no | |
    """
    lines = [f"| | {' | '.join(columns.values())} |", f"|---|{'--:|' * len(columns)}"]
    for name, figure in figures.items():
        if "skipped" in figure:
            lines.append(f"| {name} | skipped: {figure['skipped']} |{' |' * (len(columns) - 1)}")
        else:
            lines.append(f"| {name} | {' | '.join(_cell(figure, key) for key in columns)} |")
    return "\n".join(lines)


def _cell(figure: Mapping[str, object], key: str) -> str:
    value = figure.get(key, "")
    if value is None:
        return "no record"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if isinstance(value, float) and abs(value) < 100 else _whole(value)


def _whole(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, float) else str(value)


def put(page: Path, name: str, table: str) -> bool:
    """Puts the table between `<!-- name -->` and `<!-- /name -->` on the page; False where it has no such place."""
    head, opened, rest = page.read_text("utf-8").partition(f"<!-- {name} -->\n")
    _, closed, tail = rest.partition(f"<!-- /{name} -->")
    if not (opened and closed):
        return False
    page.write_text(f"{head}{opened}\n{table}\n\n{closed}{tail}", "utf-8")
    return True
