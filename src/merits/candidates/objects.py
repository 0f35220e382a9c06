"""Live Python things as candidates: functions, scikit-learn estimators, objects of the user's own.

A recipe cannot hold a live thing, so it holds the thing's identity and the thing waits here, in this process, until
it is loaded. Another process has the recipe and the stored answers, but must be given the thing to ask it again.
"""

from __future__ import annotations

import functools
import inspect
import re
import secrets
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from types import CodeType, FunctionType
from typing import Annotated, Any

import msgspec

from merits.candidates.imports import versions
from merits.candidates.live import model_from
from merits.candidates.registry import LoadContext
from merits.core.candidate import Candidate, Price
from merits.core.doors import Model
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash

__all__ = ["Params", "as_candidate", "load"]

_things: dict[str, object] = {}  # by identity; kept until the process ends, because a recipe may be loaded any time
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_NOTE = (
    "What this candidate does could not be read from its code and state, so its answers are kept apart from those of "
    "other runs. Give it an import path (kind: python) to reuse them."
)


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A live Python object that was passed in; cannot be written into a task file."""

    what: Annotated[str, msgspec.Meta(description="What was passed.")]
    identity: Annotated[str, msgspec.Meta(description="Identity of the object's code and state.")]


class _Unknown(Exception):
    """The identity of a thing cannot be derived."""


def as_candidate(thing: object, *, name: str = "", price: Price | None = None) -> Candidate:
    """The candidate for a live thing: a function, a coroutine function, a scikit-learn estimator or pipeline, or an
    object with `answer` or `predict`. A Candidate comes back as it is, under the given name and price if any.

    The same code and state are the same candidate, in any process, so its stored answers are used again. Where that
    cannot be told (built-in functions, state that is no JSON), the candidate is new each time, and
    `metadata["note"]` says so. Not guaranteed to be noticed: a change in other functions that the thing calls.

    >>> def shout(text): return text.upper()
    >>> as_candidate(shout).name
    'shout'
    >>> as_candidate(shout).id == as_candidate(shout, name="other name").id
    True
    """
    if isinstance(thing, Candidate):
        changes: dict[str, Any] = {**({"name": name} if name else {}), **({"price": price} if price else {})}
        return msgspec.structs.replace(thing, **changes) if changes else thing
    if isinstance(thing, type) or not (callable(thing) or hasattr(thing, "answer") or hasattr(thing, "predict")):
        raise CandidateError(
            f"{thing!r} cannot be a candidate.",
            "Pass a Candidate, a function, a scikit-learn estimator, or an object with answer(input) or predict.",
        )
    what = _what(thing)
    try:
        identity, metadata = content_hash(_identity(thing)), {}
    except (_Unknown, TypeError, ValueError, RecursionError):
        identity, metadata = secrets.token_hex(16), {"note": _NOTE}
    _things[identity] = thing
    params: dict[str, JSON] = {"what": what, "identity": identity}
    return Candidate(name=name or what, kind="object", params=params, price=price, metadata={**metadata})


def load(params: Params, context: LoadContext) -> Model:
    """The model around the live thing; CandidateError when it was passed in another process."""
    if params.identity not in _things:
        raise CandidateError(
            f"{params.what!r} is a live object that another process was given.",
            "Pass it again (merits.as_candidate), or name it by its import path (kind: python).",
        )
    fingerprint = content_hash(["object 1", context.seed])
    return model_from(_things[params.identity], context, fingerprint=fingerprint)


def _what(thing: object) -> str:
    """The name that people know a thing by."""
    while isinstance(thing, functools.partial):
        thing = thing.func
    name = getattr(thing, "__name__", "") or type(thing).__name__
    return "function" if name == "<lambda>" else str(name)


def _identity(thing: object) -> JSON:
    if isinstance(thing, functools.partial):
        keywords = {key: _plain(value) for key, value in thing.keywords.items()}
        return ["partial", _identity(thing.func), [_plain(value) for value in thing.args], keywords]
    if inspect.ismethod(thing):
        return ["method", _identity(thing.__self__), thing.__name__]
    if inspect.isfunction(thing):
        return _function(thing)
    if hasattr(thing, "get_params"):
        return _estimator(thing)
    return _object(thing)


def _function(function: FunctionType) -> JSON:
    """Source, defaults, and what the names in it stand for in its closure and module."""
    variables = inspect.getclosurevars(function)
    used = {**variables.nonlocals, **variables.globals}
    called = {name: value for name, value in used.items() if inspect.isfunction(value) and value is not function}
    held = {name: value for name, value in used.items() if not (inspect.isroutine(value) or inspect.ismodule(value))}
    return [
        "function",
        _written(function),
        [_plain(default) for default in function.__defaults__ or ()],
        {name: _plain(default) for name, default in sorted((function.__kwdefaults__ or {}).items())},
        {name: _plain(value) for name, value in sorted(held.items())},
        {name: _written(value) for name, value in sorted(called.items())},
    ]


def _written(function: FunctionType) -> JSON:
    """The source; the compiled code where there is none, and for a lambda, whose line may hold other lambdas."""
    if function.__name__ != "<lambda>":
        try:
            return inspect.getsource(function)
        except (OSError, TypeError):
            pass
    return _compiled(function.__code__)


def _compiled(code: CodeType) -> JSON:
    constants = [_compiled(item) if isinstance(item, CodeType) else repr(item) for item in code.co_consts]
    return [code.co_code.hex(), constants, list(code.co_names), list(code.co_varnames)]


def _estimator(estimator: Any) -> JSON:
    """Class and parameters, nested estimators too, and the version of their package; fitted state does not count."""
    parameters = estimator.get_params(deep=False)
    return [
        "estimator",
        _class_path(type(estimator)),
        versions(type(estimator).__module__),
        {name: _plain(value) for name, value in sorted(parameters.items())},
    ]


def _object(thing: object) -> JSON:
    state = getattr(thing, "__dict__", None)
    if state is None:
        raise _Unknown
    return ["object", _class_path(type(thing)), _source(type(thing)), {k: _plain(v) for k, v in sorted(state.items())}]


def _class_path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _source(kind: type) -> str:
    """The source of a class, or its package's version where there is none; _Unknown when there is neither."""
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        pass
    try:
        return f"{_class_path(kind)} {version(kind.__module__.partition('.')[0])}"
    except PackageNotFoundError:
        raise _Unknown from None


def _plain(value: object) -> JSON:
    """A value as JSON; _Unknown when it is nothing that its own text identifies."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return ["set", sorted(repr(_plain(item)) for item in value)]
    return _thing(value)


def _thing(value: object) -> JSON:
    if inspect.isfunction(value):
        return _function(value)
    if isinstance(value, type):
        return _class_path(value)
    if hasattr(value, "get_params"):
        return _estimator(value)
    return _represented(value)


def _represented(value: object) -> JSON:
    """The bytes of an array, else a repr that holds no address and no ellipsis."""
    tobytes = getattr(value, "tobytes", None)
    kind = str(getattr(value, "dtype", ""))
    if tobytes is not None and kind != "object":
        return ["array", kind, list(getattr(value, "shape", ())), content_hash(tobytes())]
    text = repr(value)
    if _ADDRESS.search(text) or "..." in text:
        raise _Unknown
    return [_class_path(type(value)), text]
