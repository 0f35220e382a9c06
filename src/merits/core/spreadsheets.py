"""Cells that a spreadsheet shows as they are: nothing in them is run as a formula or turned into a number or a date.

An answer of a model is anybody's text, and `=HYPERLINK(...)` in a cell is a program. An apostrophe before it makes it
text (OWASP, "CSV Injection").
"""

from __future__ import annotations

import re

__all__ = ["guarded", "unguarded"]

_CHANGED = re.compile(
    r"'*(?:[=+\-@\t\r\n]"  # formulas
    r"|(?:true|false)\Z"
    r"|(?!(?:0|[1-9]\d{0,14})\Z)\d[\d.,:/eE%+\- ]*\Z)",  # 007, 1.0, 1e5, 1-2 (a date), more digits than a float holds
    re.IGNORECASE,
)


def guarded(text: str) -> str:
    """The text of a cell that a spreadsheet leaves as it is: an apostrophe stands before what it would change.

    >>> [guarded(text) for text in ("yes", "12", "=1+1", "-5", "007", "'=1")]
    ['yes', '12', "'=1+1", "'-5", "'007", "''=1"]
    """
    return f"'{text}" if _CHANGED.match(text) else text


def unguarded(cell: str) -> str:
    """What was guarded.

    >>> [unguarded(guarded(text)) for text in ("yes", "=1+1", "'=1", "'tis")]
    ['yes', '=1+1', "'=1", "'tis"]
    """
    return cell[1:] if cell.startswith("'") and _CHANGED.match(cell) else cell
