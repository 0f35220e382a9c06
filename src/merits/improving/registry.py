"""Techniques by name: the built-in ones and those that plug-ins register under `merits.improvers`.

Knows nothing about any technique in particular: one is a file with `Params`, `make`, `why_not`, `EFFORT` and `TITLE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, TypeAlias, cast

import msgspec

from merits.core.doors import Brief, Improver
from merits.core.errors import MissingExtra, UsageError
from merits.core.identity import JSON
from merits.core.plugins import names, plugin
from merits.core.validate import convert, schema_of

__all__ = ["Effort", "Technique", "improver_of", "params_schema", "technique", "technique_names"]

_GROUP = "merits.improvers"
Effort: TypeAlias = Literal["replays", "trains", "trains long", "asks"]
"""What trying it takes, cheapest first: nothing but stored answers; fitting small models; large ones; paid calls."""


class Technique(Protocol):
    """What an entry point names: anything with these; a module will do.

    `Params` is a msgspec.Struct that forbids unknown fields and describes each; all have defaults. `make` returns the
    improver. `why_not` says in a sentence why it cannot do anything here with these parameters (None: the usual ones),
    and what could; "" where it can. It raises UsageError for parameters that name what is not there. `EFFORT` is what
    trying it takes, and `TITLE` what it does, as people would look for it.

    It may also have `notes(params, brief)`, lines that the plan shows, and `seconds(params, brief)`, about what its
    shortest trial takes where that is more than what the given candidates took.
    """

    Params: type[msgspec.Struct]
    EFFORT: Effort
    TITLE: str

    def make(self, params: msgspec.Struct) -> Improver: ...

    def why_not(self, brief: Brief, params: msgspec.Struct | None = None) -> str: ...


def technique_names() -> tuple[str, ...]:
    """The names of all techniques, sorted. Imports none of them."""
    return names(_GROUP)


def technique(name: str) -> Technique:
    """The technique of this name; UsageError with the near miss where there is none."""
    return cast(Technique, plugin(_GROUP, name, "technique", unknown=UsageError, broken=MissingExtra))


def improver_of(name: str, params: Mapping[str, JSON] | None = None) -> Improver:
    """The improver of a technique with these parameters; UsageError, with the near miss, where they are wrong."""
    found = technique(name)
    given = convert(
        dict(params or {}), found.Params, f"technique {name!r}", UsageError, "`merits improve --list` says more."
    )
    return found.make(given)


def params_schema() -> dict[str, JSON]:
    """The JSON Schema of each technique's parameters, by its name."""
    return {name: schema_of(technique(name).Params) for name in technique_names()}
