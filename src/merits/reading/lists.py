"""Reads a list of items out of what a candidate said, the best first. Knows nothing about what was chosen."""

from __future__ import annotations

import re

from merits.core.identity import JSON
from merits.core.interactions import items_of
from merits.reading.values import json_of

__all__ = ["ranked"]

_LONGEST = 20_000  # characters of a text that are read for items
_BULLET = re.compile(r"^\s*(?:\d{1,4}[.):]|[-*•])\s+")


def ranked(output: JSON) -> list[str]:
    """The items of an answer, the best first: of a list, of JSON in a text, or of the lines of a text.

    >>> ranked(["Alien", "Brazil"]), ranked("1. Alien\\n2. Brazil"), ranked('["Alien", "Brazil"]')
    (['Alien', 'Brazil'], ['Alien', 'Brazil'], ['Alien', 'Brazil'])
    """
    if not isinstance(output, str):
        return items_of(output)
    text = output[:_LONGEST]
    try:
        return items_of(json_of(text))
    except ValueError:
        return items_of([_BULLET.sub("", line).strip() for line in text.splitlines()])
