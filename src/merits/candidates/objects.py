"""Live Python things as candidates: functions, scikit-learn estimators, objects of the user's own.

A recipe cannot hold a live thing, so it holds the thing's identity and the thing waits here, in this process, until
it is loaded. Another process has the recipe and the stored answers, but must be given the thing to ask it again.
"""

from __future__ import annotations

import functools
import secrets
from typing import Annotated, Any

import msgspec

from merits.candidates.live import model_from
from merits.candidates.reach import Unidentified
from merits.candidates.reach import identity as identity_of
from merits.candidates.registry import LoadContext
from merits.core.candidate import Candidate, Price
from merits.core.doors import Model
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash

__all__ = ["Params", "as_candidate", "load"]

_things: dict[str, object] = {}  # by identity; kept until the process ends, because a recipe may be loaded any time
_NOTE = (
    "What this candidate does could not be read from its code and state, so its answers are kept apart from those of "
    "other runs. Give it an import path (kind: python) to reuse them."
)


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A live Python object that was passed in; cannot be written into a task file."""

    what: Annotated[str, msgspec.Meta(description="What was passed.")]
    identity: Annotated[str, msgspec.Meta(description="Identity of the object's code and state.")]


def as_candidate(thing: object, *, name: str = "", price: Price | None = None) -> Candidate:
    """The candidate for a live thing: a function, a coroutine function, a scikit-learn estimator or pipeline, or an
    object with `answer` or `predict`. A Candidate comes back as it is, under the given name and price if any.

    The same code and state are the same candidate, in any process, so its stored answers are used again. Where that
    cannot be told (built-in functions, state that is no JSON), the candidate is new each time, and
    `metadata["note"]` says so. Code of the user's own that the thing reaches
    counts too, through functions, classes, modules and imports (modules other than the running script as whole
    files). Not guaranteed to be noticed: what is looked up by a name that is put together at run time, files, services.

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
        identity, metadata = identity_of(thing), {}
    except (Unidentified, TypeError, ValueError, RecursionError):
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
