"""A text and how far it has been read, for small grammars whose errors point at the character."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from merits.core.errors import RequirementError

__all__ = ["EXAMPLE", "Cursor"]

EXAMPLE = "Write it like 'accuracy >= 0.90 @ 95%' or 'p95_latency <= 800 ms'."


@dataclass
class Cursor:
    """A text and how far it has been read."""

    text: str
    at: int = 0

    @property
    def done(self) -> bool:
        """Whether all of it has been read."""
        return self.at >= len(self.text)

    @property
    def here(self) -> str:
        """The character that is read next, "" at the end."""
        return self.text[self.at : self.at + 1]

    def take(self, pattern: re.Pattern[str]) -> str:
        """What matches here, "" if nothing does; spaces before and after are passed over."""
        self.skip()
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        self.skip()
        return match[0] if match else ""

    def skip(self) -> None:
        """Passes over spaces."""
        while not self.done and self.here.isspace():
            self.at += 1

    def fail(self, problem: str, step: str = EXAMPLE, at: int | None = None) -> NoReturn:
        """Raises a RequirementError that shows the text with a mark under a character, by default the next one."""
        position = self.at if at is None else at
        raise RequirementError(f"requirement: {problem}\n    {self.text}\n    {' ' * position}^\n", step)
