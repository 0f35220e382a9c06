"""The environment's variables as a candidate sees them: those of the process, and those of the task's `.env` file.

Whatever looks like a secret is registered, so that it is redacted wherever text is written or shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from merits.candidates.registry import LoadContext
from merits.core.errors import CandidateError
from merits.core.secrets import register

__all__ = ["environment", "read_env_file"]

_LINE = re.compile(r"^\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*?)\s*$")
_SECRET = re.compile(r"(?i)(key|token|secret|password|passwd|credentials?|auth)$")


def environment(context: LoadContext) -> Mapping[str, str]:
    """The context's variables, completed by the `.env` file in the task's folder; the context's go first."""
    file = context.folder / ".env"
    found = {**(read_env_file(file) if file.is_file() else {}), **context.env}
    for name, value in found.items():
        if _SECRET.search(name):
            register(value)
    return found


def read_env_file(file: Path) -> dict[str, str]:
    """The variables of a file with lines `NAME=value`; quotes around a value and comments are taken off."""
    return dict(_variables(file))


def _variables(file: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:  # the line is not shown: it may hold a secret
            raise CandidateError(f"{file.name}, line {number} is not NAME=value.", "Mend it or remove it.")
        yield match["name"], _unquoted(match["value"])


def _unquoted(value: str) -> str:
    if value[:1] in ("'", '"'):
        return value[1:].partition(value[0])[0]
    return re.split(r"\s#", value, maxsplit=1)[0].rstrip()
