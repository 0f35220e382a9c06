"""Parameters of a recipe by path: `strength`, `params.C`, `parts.0.parameters.temperature`, `pipeline.1.params.alpha`.

A name that only one of a recipe's open mappings takes may stand alone: `C` for `params.C`.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args, get_origin

import msgspec

from merits.candidates.registry import kind_of
from merits.candidates.tunable import Names, names_in
from merits.core.candidate import Candidate
from merits.core.errors import UsageError
from merits.core.identity import JSON
from merits.core.validate import did_you_mean, members, misfit, record_keys

__all__ = ["Place", "place_of", "with_values"]

Keys = tuple[str | int, ...]


@dataclass(frozen=True, eq=False)
class Place:
    """Where a parameter stands: in which part (and part of a part), and under which keys of its parameters.

    `type` is what its value must be (None: anything), and `default` what it is where the recipe does not say, if that
    is `known`.
    """

    path: str
    parts: tuple[int, ...]
    keys: Keys
    type: object = None
    default: JSON = None
    known: bool = False

    def now(self, candidate: Candidate) -> tuple[JSON, bool]:
        """The value in a recipe, or the default; and whether it is known."""
        found: object = _part(candidate, self.parts).params
        for key in self.keys:
            try:
                found = found[key]  # type: ignore[index]  # what is no container raises TypeError
            except (KeyError, IndexError, TypeError):
                return self.default, self.known
        return cast(JSON, found), True

    def must_take(self, value: JSON, whose: str) -> None:
        """Nothing where the value is of the right type; else UsageError."""
        wrong = None if self.type is None else misfit(value, self.type)
        if wrong is not None:
            raise UsageError(f"{whose}: {self.path} cannot be {value!r}: {wrong.text()}", wrong.next_step)


def place_of(candidate: Candidate, path: str, folder: Path = Path()) -> Place:
    """The place that a path names in a recipe; UsageError with the near miss where it names none.

    >>> svm = Candidate(name="svm", kind="sklearn", params={"estimator": "sklearn.svm.LinearSVC"})
    >>> place_of(svm, "C").keys, place_of(svm, "C").now(svm)
    (('params', 'C'), (1.0, True))
    >>> place_of(svm, "params.los")
    Traceback (most recent call last):
    ...
    merits.core.errors.UsageError: candidate 'svm' (sklearn) has no parameter 'params.los'. Did you mean 'params.loss'?
    """
    head, _, rest = path.partition(".")
    if head == "parts" and candidate.parts:
        number, _, inner = rest.partition(".")
        if not number.isdigit() or int(number) >= len(candidate.parts) or not inner:
            raise UsageError(
                f"candidate {candidate.name!r} has no part {path!r}.",
                f"Write parts.0.NAME to parts.{len(candidate.parts) - 1}.NAME.",
            )
        found = place_of(candidate.parts[int(number)], inner, folder)
        return Place(path, (int(number), *found.parts), found.keys, found.type, found.default, found.known)
    fields, open_ones = record_keys(kind_of(candidate).Params), names_in(candidate, folder)
    if head not in fields:
        return _short(candidate, path, tuple(fields), open_ones, folder)
    return _walk(candidate, path, open_ones)


def with_values(candidate: Candidate, values: Mapping[Place, JSON], name: str) -> Candidate:
    """The recipe with other values at some places, and another name; what it says of itself stays.

    >>> linear = Candidate(name="linear", kind="text-linear")
    >>> with_values(linear, {place_of(linear, "strength"): 2.0}, "linear #1").params
    {'strength': 2.0}
    """
    changed = candidate
    for place, value in values.items():
        changed = _with_value(changed, place.parts, place.keys, value)
    return msgspec.structs.replace(changed, name=name)


def _with_value(candidate: Candidate, parts: Sequence[int], keys: Keys, value: JSON) -> Candidate:
    if parts:
        first, *inner = parts
        made = _with_value(candidate.parts[first], inner, keys, value)
        others = (*candidate.parts[:first], made, *candidate.parts[first + 1 :])
        return msgspec.structs.replace(candidate, parts=others)
    params = copy.deepcopy(candidate.params)
    at: dict[str | int, JSON] = cast("dict[str | int, JSON]", params)
    for key, following in itertools.pairwise(keys):
        inside = at[key] if isinstance(key, int) or key in at else None
        if isinstance(inside, str) and following == "params":  # a step of a pipeline that is only named
            inside = {"estimator": inside}
        at[key] = list(inside) if isinstance(inside, list | tuple) else {} if inside is None else inside
        at = cast("dict[str | int, JSON]", at[key])
    at[keys[-1]] = copy.deepcopy(value)
    return msgspec.structs.replace(candidate, params=params)


def _part(candidate: Candidate, parts: Sequence[int]) -> Candidate:
    for number in parts:
        candidate = candidate.parts[number]
    return candidate


def _short(
    candidate: Candidate, path: str, fields: Sequence[str], open_ones: Mapping[str, Names], folder: Path
) -> Place:
    """The place of a name that stands in one of the open mappings."""
    head = path.partition(".")[0]
    where = [prefix for prefix, names in open_ones.items() if head in names.defaults]
    if len(where) == 1:
        return place_of(candidate, f"{where[0]}.{path}", folder)
    if where:
        options = " or ".join(f"{prefix}.{path}" for prefix in where)
        raise UsageError(f"candidate {candidate.name!r} has several parameters {head!r}.", f"Write {options}.")
    raise _unknown(candidate, path, (*fields, *(name for names in open_ones.values() for name in names.defaults)))


def _walk(candidate: Candidate, path: str, open_ones: Mapping[str, Names]) -> Place:
    """The place of a path that begins with a field of the kind's parameters."""
    keys: list[str | int] = []
    kind: object = kind_of(candidate).Params
    default, known = cast(JSON, msgspec.to_builtins(msgspec.convert(candidate.params, cast(type, kind)))), True
    for segment in path.split("."):
        before = ".".join(map(str, keys))
        options = members(kind)
        record = next((one for one in options if isinstance(one, type) and issubclass(one, msgspec.Struct)), None)
        listed = next((one for one in options if get_origin(one) in (list, tuple)), None)
        names = open_ones.get(before)
        if names is not None and names.closed and segment not in names.defaults:
            raise _unknown(candidate, path, [f"{before}.{name}" for name in names.defaults])
        if record is not None and names is None:
            fields = record_keys(record)
            if segment not in fields:
                raise _unknown(candidate, path, [f"{before}.{name}" if before else name for name in fields])
            kind = fields[segment]
            keys.append(segment)
        elif listed is not None:
            if not segment.isdigit():
                raise UsageError(f"candidate {candidate.name!r}: {before} is a list.", f"Write {before}.0, or so.")
            kind = get_args(listed)[0]
            keys.append(int(segment))
        elif names is not None or any(one is dict or get_origin(one) in (dict, Mapping) for one in options):
            kind = None
            keys.append(segment)
        elif kind is None:  # inside what a package takes
            keys.append(int(segment) if isinstance(default, list) and segment.isdigit() else segment)
        else:
            raise UsageError(f"candidate {candidate.name!r}: {before} holds nothing that has a name.", "Take it whole.")
        default, known = _inside(default, known, keys[-1], names)
    return Place(path, (), tuple(keys), kind, default, known)


def _inside(default: JSON, known: bool, key: str | int, names: Names | None) -> tuple[JSON, bool]:
    """The value under a key, where the recipe or the package says it."""
    if isinstance(default, Mapping) and key in default:
        return default[str(key)], known
    if isinstance(default, list | tuple) and isinstance(key, int) and key < len(default):
        return default[key], known
    if isinstance(default, str) and key == "params":  # a step of a pipeline that is only named
        return {}, known
    if names is not None and names.defaults.get(str(key)) is not None:
        return names.defaults[str(key)], True
    return None, False


def _unknown(candidate: Candidate, path: str, options: Sequence[str]) -> UsageError:
    found = f"candidate {candidate.name!r} ({candidate.kind}) has no parameter {path!r}."
    return UsageError(found, did_you_mean(path, dict.fromkeys(options)))
