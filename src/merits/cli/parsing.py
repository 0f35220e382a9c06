"""What every verb's options have in common: they are written out in full, and a slip is answered with what was meant.

Knows no verb.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from merits.core.validate import did_you_mean

__all__ = ["Parser", "number", "share", "whole"]

_CHOICE = re.compile(r"(?P<where>.*)invalid choice: '(?P<word>[^']*)' \(choose from (?P<options>.*)\)")


class Parser(argparse.ArgumentParser):
    """As argparse's, but without abbreviations (`--offlin` is a slip, not `--offline`), and with our errors.

    >>> one = Parser(prog="merits run")
    >>> _ = one.add_argument("--offline", action="store_true")
    >>> one.slip("unrecognized arguments: --offlin")
    ('there is no option --offlin.', "Did you mean '--offline'?")
    >>> one.slip("argument --race: invalid choice: 'certifed' (choose from 'auto', 'certified')")
    ("argument --race: 'certifed' is not one of its words.", "Did you mean 'certified'?")
    """

    def __init__(self, **details: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **details)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse's, but nothing is left over: the parser that does not know a word says so itself."""
        found, extra = super().parse_known_args(args, namespace)
        if extra:
            self.error(f"unrecognized arguments: {' '.join(extra)}")
        return found, extra

    def error(self, message: str) -> NoReturn:
        """Says what was wrong and the next step, and ends with 2."""
        found, step = self.slip(message)
        print(f"error: {found}\n  next: {step}", file=sys.stderr)
        sys.exit(2)

    def slip(self, message: str) -> tuple[str, str]:
        """What was found and the next step, for a message of argparse."""
        help_ = f"{self.prog} --help lists what there is."
        if message.startswith("unrecognized arguments: "):
            word = message.removeprefix("unrecognized arguments: ").split(" ")[0].partition("=")[0]
            if not word.startswith("-"):
                return f"{word!r} is one argument too many.", f"Quote what holds spaces; {help_}"
            near = did_you_mean(word, self._option_string_actions)
            return f"there is no option {word}.", near if near.startswith("Did") else help_
        choice = _CHOICE.match(message)
        if choice:
            options = re.findall(r"'([^']*)'", choice["options"])
            if choice["where"].startswith("argument VERB"):
                return f"there is no verb {choice['word']!r}.", did_you_mean(choice["word"], options)
            return f"{choice['where']}{choice['word']!r} is not one of its words.", did_you_mean(
                choice["word"], options
            )
        return f"{message}.", help_


def whole(least: int) -> Callable[[str], int]:
    """What reads an option's value as a whole number of at least so much.

    >>> whole(1)("3")
    3
    """

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} on")
        return value

    return read


def number(above: float, below: float = math.inf, *, closed: bool = False) -> Callable[[str], float]:
    """What reads an option's value as a number between two others; `closed` allows these two.

    >>> number(0)("2.5")
    2.5
    """

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        inside = above <= value <= below if closed else above < value < below
        if not inside or math.isinf(value):
            raise argparse.ArgumentTypeError(f"{text!r} is no number {_range(above, below, closed)}")
        return value

    return read


def share(text: str) -> float:
    """An option's value as a share: above 0, up to 1.

    >>> share("1")
    1.0
    """
    value = number(0, 1, closed=True)(text)
    if value == 0.0:
        raise argparse.ArgumentTypeError(f"{text!r} is no share above 0, up to 1")
    return value


def _range(above: float, below: float, closed: bool) -> str:
    if math.isinf(below):
        return f"of {above:g} or more" if closed else f"above {above:g}"
    return f"from {above:g} to {below:g}" if closed else f"between {above:g} and {below:g}"
