"""A Python function or class of the user's own, by its import path."""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import Annotated, Any

import msgspec

from merits.candidates.imports import code_hash, find, source_of, versions
from merits.candidates.live import is_async, model_from
from merits.candidates.registry import LoadContext
from merits.core.doors import Model
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash
from merits.core.validate import did_you_mean

__all__ = ["Params", "load"]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A Python function, or a class with `answer(input)` or `fit` and `predict`."""

    function: Annotated[
        str, msgspec.Meta(min_length=1, description="Import path, package.module:name; the task's folder is searched.")
    ]
    params: Annotated[
        dict[str, JSON], msgspec.Meta(description="Further arguments: of each call, or of the class when it is made.")
    ] = {}


def load(params: Params, context: LoadContext) -> Model:
    """A model that calls the function with each input, or makes the class once and asks it.

    The input is a text, a mapping of columns, or whatever the data hold. The function returns a label, a text, a
    number, any JSON, a mapping with `label` or `output` and `probabilities` or `confidence`, or an Answer; it may be
    `async`. Not guaranteed to be noticed: a change in what the code reads at run time (files, services, packages).
    """
    found = find(params.function, context.folder)
    fingerprint = content_hash(["python 1", _code(found, context.folder), context.seed])
    thing = _made(found, params, context.folder)
    if params.params and not isinstance(found, type):
        thing = functools.partial(_callable(found, params.function), **_accepted(found, params))
    return model_from(thing, context, fingerprint=fingerprint)


def _made(found: object, params: Params, folder: Path) -> object:
    if not isinstance(found, type):
        return found
    try:
        return found(**_accepted(found, params))
    except TypeError as problem:
        raise CandidateError(f"{params.function!r} cannot be made: {problem}.", "Mend its params.") from problem


def _callable(found: object, path: str) -> Any:
    if not callable(found) or (hasattr(found, "predict") and not is_async(found)):
        raise CandidateError(f"{path!r} takes no params.", "Remove them, or name a function or a class.")
    return found


def _accepted(found: Any, params: Params) -> dict[str, JSON]:
    """The parameters, once each is known to the function or class."""
    try:
        accepted = inspect.signature(found).parameters
    except (TypeError, ValueError):  # some built-ins have no signature
        return dict(params.params)
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values())
    for name in params.params:
        if name not in accepted and not anything:
            raise CandidateError(f"{params.function!r} has no parameter {name!r}.", did_you_mean(name, accepted))
    return dict(params.params)


def _code(found: object, folder: Path) -> list[str]:
    """What names the code: the hash of its file and of those it imports from the folder, or its package's version."""
    file = source_of(found)
    module = getattr(found, "__module__", None) or type(found).__module__
    if file is None or "site-packages" in file.parts:
        return [f"{name} {version}" for name, version in versions(module).items()]
    inside = file.resolve().is_relative_to(folder.resolve())
    return [code_hash(file, folder if inside else file.parent)]
