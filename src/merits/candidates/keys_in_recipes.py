"""Keeps keys out of recipes: a recipe is stored, exported and shown, so a key in it is refused and not only redacted.

Knows nothing about the keys of the environment: those are registered, and redacted wherever text is written.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from merits.candidates.secret_paths import looks_secret
from merits.core.identity import JSON

__all__ = ["must_hold_no_key", "must_pass_no_key", "stray_key"]

_NAMES = re.compile(
    r"(?i)^(?:\w*[-_])?(?:api[-_]?keys?|authorization|proxy[-_]authorization|(?:auth|access|bearer|secret)[-_]?(?:token|key)"
    r"|password|passwd|secrets?|credentials?|cookies?)$"
)
_MAY_NAME = re.compile(r"(?i)^(?:key|token|auth)s?$")  # names of keys, and of many other things
_OPTION = re.compile(r"^(?:--?|/)?(?P<name>[A-Za-z][\w-]*)(?:(?P<between>=|:\s*)(?P<value>.*))?$", re.DOTALL)
_HEADER = re.compile(r"(?i)\b(?:bearer|basic)\s+\S{6,}")


def must_hold_no_key(parameters: Mapping[str, JSON], provider: str, reserved: Collection[str]) -> None:
    """Raises ValueError for parameters that would set what the kind sets itself, or that hold a key at any depth.

    >>> must_hold_no_key({"temperature": 0, "max_tokens": 9, "extra": {"cache_key": "tickets"}}, "openai", ())
    >>> must_hold_no_key({"extra_headers": {"Authorization": "Bearer abcdefgh"}}, "openai", ())
    Traceback (most recent call last):
    ...
    ValueError: parameters: a key must not stand in a recipe; set OPENAI_API_KEY
    """
    for name in parameters:
        if name in reserved:
            raise ValueError(f"parameters: {name!r} is not to be set there")
    if any(_is_key(name, value) for name, value in _texts("", parameters)):
        raise ValueError(f"parameters: a key must not stand in a recipe; set {provider.upper()}_API_KEY")


def stray_key(params: Mapping[str, JSON], known: Collection[str]) -> str:
    """The name of a parameter that no kind has and that holds a key; "" where there is none.

    >>> stray_key({"model": "m", "api_key": "abcdefgh"}, ("model", "provider"))
    'api_key'
    """
    return next(
        (n for n, value in params.items() if n not in known and isinstance(value, str) and _is_key(n, value)), ""
    )


def must_pass_no_key(arguments: Sequence[str]) -> None:
    """Raises ValueError for a command line that holds a key: the program finds it in its environment instead.

    >>> must_pass_no_key(["python", "answer.py", "--key", "label", "--max-tokens", "100"])
    >>> must_pass_no_key(["answer", "--api-key", "abcdefgh"])
    Traceback (most recent call last):
    ...
    ValueError: run: a key must not stand in a recipe; set a variable in the environment or in .env, and read that
    """
    name = ""
    for argument in arguments:
        option = _OPTION.match(argument)
        pair = (option["name"], option["value"] or "") if option and option["between"] else (name, argument)
        if _is_key(*pair) or _is_key("", argument):
            raise ValueError(
                "run: a key must not stand in a recipe; set a variable in the environment or in .env, and read that"
            )
        name = option["name"] if option and not option["between"] and argument.startswith("-") else ""


def _texts(name: str, value: JSON) -> Iterator[tuple[str, str]]:
    """All texts in a value, each with the nearest name above it."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _texts(key, one)
    elif isinstance(value, Sequence):
        for one in value:
            yield from _texts(name, one)


def _is_key(name: str, value: str) -> bool:
    if not value.strip():
        return False
    if _NAMES.match(name) or _HEADER.search(value):
        return True
    return bool(_MAY_NAME.match(name)) and looks_secret(value)
