"""Solved when a function of the user's own says so."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import math
import sys
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Annotated

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.errors import TaskError
from merits.core.identity import JSON, content_hash
from merits.core.outcome import Score
from merits.core.task import Example, ScorerSpec
from merits.core.validate import did_you_mean
from merits.scorers.reading import SOLVED, CannotJudge, wrong

__all__ = ["Params", "as_spec", "fingerprint", "load"]

_PARTS: Mapping[str, Callable[[Example, Answer], object]] = {
    "example": lambda example, answer: example,
    "answer": lambda example, answer: answer,
    "input": lambda example, answer: example.input,
    "target": lambda example, answer: example.target,
    "output": lambda example, answer: answer.output,
}
_live: dict[str, Callable[..., object]] = {}  # functions passed as objects, by their identity


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The function, and from which value on its score counts as solved."""

    function: Annotated[
        str,
        msgspec.Meta(
            description="package.module:name, importable or beside the task file.", pattern=r"^[^:\s]+:[^:\s]+$"
        ),
    ]
    solved_from: Annotated[
        float, msgspec.Meta(ge=0, le=1, description="A number of at least this counts as solved.")
    ] = 1.0
    arguments: Annotated[dict[str, JSON], msgspec.Meta(description="Further named arguments of the function.")] = {}
    identity: Annotated[str, msgspec.Meta(description="Set by Merits for a function passed as an object.")] = ""


def as_spec(function: Callable[..., object], *, name: str = "", solved_from: float = 1.0) -> ScorerSpec:
    """The spec of a live function, which stays usable in this process.

    Its source is its identity: a changed function is another scorer. A function without readable source gets an
    identity of this process alone.

    >>> def same(output, target):
    ...     return output == target
    >>> as_spec(same).label
    'same'
    """
    shown = getattr(function, "__qualname__", type(function).__name__).rpartition(".")[2].strip("<>") or "function"
    identity = _identity(function)
    _live[identity] = function
    where = f"{getattr(function, '__module__', None) or 'live'}:{shown}"
    params: dict[str, JSON] = {"function": where, "identity": identity}
    if solved_from != 1.0:
        params["solved_from"] = solved_from
    return ScorerSpec(kind="python", params=params, name=name or shown)


def _identity(function: Callable[..., object]) -> str:
    try:
        source = inspect.getsource(function if inspect.isroutine(function) else type(function))
        held = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
        return content_hash([source, held, getattr(function, "__defaults__", None), vars(function)])
    except (OSError, TypeError, ValueError):
        return f"process-{uuid.uuid4().hex}"


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that calls the function and reads what it returns: a boolean, a number in 0..1, or a `Score`.

    The function is called as `function(example, answer)`; one whose parameters are named among input, output,
    target, example and answer gets those by name. What it raises leaves the outcome unscored.
    """
    function = _find(params, folder)
    call = _caller(function, params)

    def score(example: Example, answer: Answer) -> Score:
        return _read(call(example, answer), params)

    return score


def fingerprint(params: Params, *, folder: Path) -> str:
    """A hash of the source the function stands in, so that a changed function scores again."""
    if params.identity:
        return params.identity
    module = params.function.partition(":")[0]
    path = _beside(module, folder) or _installed(module)
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest() if path else ""


def _find(params: Params, folder: Path) -> Callable[..., object]:
    if params.identity:
        if params.identity not in _live:
            raise TaskError(
                f"the scorer {params.function} was passed as an object.", "Pass it again, or name its file."
            )
        return _live[params.identity]
    module_name, _, name = params.function.partition(":")
    module = _module(module_name, folder)
    function: object = module
    for part in name.split("."):
        if not hasattr(function, part):
            options = [option for option in dir(function) if not option.startswith("_")]
            raise TaskError(f"scorer python: {module_name} has no {part!r}.", did_you_mean(part, options))
        function = getattr(function, part)
    if inspect.iscoroutinefunction(function) or not callable(function):
        kind = "asynchronous" if callable(function) else "no function"
        raise TaskError(f"scorer python: {params.function} is {kind}.", "A scorer is a plain function.")
    return function


def _module(name: str, folder: Path) -> ModuleType:
    """The module, read from beside the task file when it is there, so that two tasks may each have their own."""
    path = _beside(name, folder)
    if str(folder.resolve()) not in sys.path:
        sys.path.insert(0, str(folder.resolve()))
    try:
        if path is None:
            return importlib.import_module(name)
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(name, module)  # a class defined there must find its module by name
        spec.loader.exec_module(module)
    except ModuleNotFoundError as problem:
        raise TaskError(f"scorer python: {problem.msg}; looked beside the task file, in {folder}, too.") from None
    except Exception as problem:  # the user's module may raise anything; the reader needs to know where
        raise TaskError(f"scorer python: importing {name} raised {type(problem).__name__}: {problem}.") from problem
    return module


def _beside(module: str, folder: Path) -> Path | None:
    path = folder.resolve().joinpath(*module.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def _installed(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin and Path(spec.origin).is_file() else None


def _caller(function: Callable[..., object], params: Params) -> Callable[[Example, Answer], object]:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return lambda example, answer: function(example, answer, **params.arguments)
    wanted = [name for name in signature.parameters if name in _PARTS]
    needed = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and name not in params.arguments
    ]
    if needed and set(needed) <= set(wanted):
        parts = [(name, _PARTS[name]) for name in wanted]
        return lambda example, answer: function(**{n: part(example, answer) for n, part in parts}, **params.arguments)
    try:
        signature.bind(None, None, **params.arguments)
    except TypeError as problem:
        raise TaskError(
            f"scorer python: {params.function}{signature} cannot be called with (example, answer): {problem}.",
            "Name its parameters among input, output, target, example, answer.",
        ) from None
    return lambda example, answer: function(example, answer, **params.arguments)


def _read(value: object, params: Params) -> Score:
    """The score that a returned value means. Raises `CannotJudge` for anything else, None too."""
    value = value.item() if hasattr(value, "item") and not isinstance(value, Score) else value
    if isinstance(value, bool):
        return SOLVED if value else wrong()
    if isinstance(value, Score):
        number = value.value
    elif isinstance(value, (int, float)):
        number = float(value)
    else:
        raise CannotJudge(f"{params.function} returned {type(value).__name__}; expected a boolean, 0..1 or a Score")
    if not (math.isfinite(number) and 0 <= number <= 1):
        raise CannotJudge(f"{params.function} returned {number}; expected a number from 0 to 1")
    return value if isinstance(value, Score) else Score(number, number >= params.solved_from)
