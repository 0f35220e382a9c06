"""Candidates by kind: the built-in ones and those that plug-ins register under `merits.candidates`.

Knows nothing about any kind in particular: a kind is one file with `Params` and `load`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeAlias, cast

import msgspec

from merits.candidates.keys_in_recipes import stray_key
from merits.core.candidate import Candidate
from merits.core.doors import Composite, Model
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import JSON
from merits.core.kinds import Reads, is_labelled, kind_names, task_kind
from merits.core.plugins import names, plugin
from merits.core.validate import convert, did_you_mean, near_miss, schema_of

__all__ = [
    "Kind",
    "LoadContext",
    "Space",
    "check",
    "check_columns",
    "holds",
    "kind_of",
    "kinds",
    "load",
    "load_any",
    "load_part",
    "names_of_kinds",
    "opens_as",
    "params_schema",
    "parts_of",
    "reads_of",
    "stays_here",
    "unread",
]

_GROUP = "merits.candidates"
_FILES = frozenset({"picture", "sound"})

Space: TypeAlias = Mapping[str, JSON]
"""What is usually tuned of a kind: `SPACE` beside its `Params`, see `merits.candidates.tunable`."""


@dataclass(frozen=True)
class LoadContext:
    """What a recipe needs beyond itself to become a model. `env` holds the environment's variables.

    `folder` is the task's: relative paths and the user's own modules are found there. `timeout_s` is the deadline of
    one attempt, for models that must interrupt their own work. `seed` decides whatever a model draws at random.
    `data_folders` are those of the data files: a picture or a sound that an input names is looked for there first.
    `named` are the sorts of files that inputs name ("picture", "sound") and that are there, be they of the kind of task
    or not; None where nobody looked. `columns` are those of the inputs, () where they have none or nobody looked.
    Where nothing is to be asked (`asks` is false) no key is needed. `note` takes what a model has to say while it
    learns to whoever watches; it may be called from any thread. `parts` are the candidates that the recipe is made of.
    `held` gives the hashes of all inputs of the task: whoever brings further ones to learn from leaves these out, for
    they may be in its test. Of a `trial` of a search, answers to dev examples may come of vectors that were computed
    before, with the seconds that took (see `feature_store`), and what is only for the report of those that are kept is
    not measured.
    """

    folder: Path = Path()
    task_kind: str = "classification"
    classes: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    timeout_s: float = 60.0
    seed: int = 0
    data_folders: tuple[Path, ...] = ()
    named: tuple[Reads, ...] | None = None
    columns: tuple[str, ...] = ()
    asks: bool = True
    parts: tuple[Candidate, ...] = ()
    trial: bool = False
    note: Callable[[str], None] = field(default=lambda text: None, repr=False, compare=False)
    held: Callable[[], Collection[str]] = field(default=tuple, repr=False, compare=False)

    @property
    def is_labelled(self) -> bool:
        """Whether an answer is one of a list of labels."""
        return is_labelled(self.task_kind)


class Kind(Protocol):
    """What an entry point names: anything with `Params` and `load`; a module will do.

    `Params` is a msgspec.Struct that forbids unknown fields and describes each (the descriptions become the task
    file's JSON Schema); a ValueError in its `__post_init__` says what is wrong with them. `load` returns the model
    and raises CandidateError, with the next step, when it cannot. With `READS` beside them (texts, pictures, ...: see
    `TaskKind.reads`) it is refused in tasks whose inputs hold nothing of that. With `ON_PREMISES = True` it runs in
    this process and calls nobody; code of the user's own may call, so kinds that run it do not say so. `OPENS` is as
    what its models show their insides once they have learned ("network", "estimator": `insides`). `PARTS`, the
    least and the most number of them (None: any), is what makes it one of those that are made of other candidates:
    `context.parts`. These load a `Composite`, or a model of their own that makes something of them (`load_part`).
    """

    Params: type[msgspec.Struct]

    def load(self, params: msgspec.Struct, context: LoadContext) -> Model | Composite: ...


def kinds() -> Mapping[str, Kind]:
    """All kinds of candidates by name, sorted.

    >>> [name for name in kinds() if name in ("chat", "constant", "sklearn")]
    ['chat', 'constant', 'sklearn']
    """
    return {name: _kind(name) for name in names(_GROUP)}


def names_of_kinds() -> Sequence[str]:
    """The names of all kinds of candidates, sorted. Imports none of them."""
    return names(_GROUP)


def kind_of(candidate: Candidate) -> Kind:
    """The kind that a recipe names; CandidateError with the near miss when there is none. Imports no other kind."""
    return _kind(candidate.kind)


def _kind(name: str) -> Kind:
    return cast(Kind, plugin(_GROUP, name, "kind of candidate", unknown=CandidateError, broken=MissingExtra))


def stays_here(candidate: Candidate) -> bool:
    """Whether the candidate's kind says that it runs in this process and calls nobody; those of its parts too.

    >>> stays_here(Candidate(name="always", kind="constant", params={"output": "yes"}))
    True
    """
    return bool(getattr(kind_of(candidate), "ON_PREMISES", False)) and all(map(stays_here, candidate.parts))


def check(candidate: Candidate) -> None:
    """Returns nothing when the recipe names a known kind and its parameters are right; else raises CandidateError.

    Loads no model: whether a file, a key or a package is there is found out by `load`.

    >>> check(Candidate(name="always", kind="constant", params={"outptu": "yes"}))
    Traceback (most recent call last):
    ...
    merits.core.errors.CandidateError: candidate 'always' (constant): unknown key 'outptu'. Did you mean 'output'?
    """
    _params(candidate)


def load(candidate: Candidate, context: LoadContext) -> Model:
    """The running model behind a recipe. CandidateError, saying the next step, when it cannot be loaded.

    A `Composite` is no model until somebody answers for its parts: see `load_any`.
    """
    loaded = load_any(candidate, context)
    if isinstance(loaded, Composite):
        raise CandidateError(
            f"candidate {candidate.name!r} ({candidate.kind}) answers with what others answer, which is no use here.",
            "Take one that answers by itself.",
        )
    return loaded


def load_part(context: LoadContext, number: int) -> Model:
    """The running model behind a part of the recipe that is being loaded, for whoever makes another model of it."""
    return load(context.parts[number], replace(context, parts=()))


def load_any(candidate: Candidate, context: LoadContext) -> Model | Composite:
    """What is behind a recipe: a model, or a composite that answers with the answers of its parts."""
    params, kind = _params(candidate), _kind(candidate.kind)
    name, note = candidate.name, context.note
    try:
        _must_read(candidate.kind, context)
        mine = replace(context, parts=candidate.parts, note=lambda text: note(f"{name}: {text}"))
        return kind.load(params, mine)
    except (CandidateError, MissingExtra) as problem:
        raise type(problem)(f"candidate {candidate.name!r}: {problem.found}", problem.next_step) from problem


def holds(context: LoadContext) -> tuple[Reads, ...]:
    """What inputs of the task's kind hold; () for a kind that is not installed here.

    >>> holds(LoadContext(task_kind="image-classification"))
    ('picture',)
    """
    return task_kind(context.task_kind).reads if context.task_kind in kind_names() else ()


def reads_of(name: str) -> tuple[Reads, ...]:
    """What a kind of candidate says that it can read; () for one that takes whatever comes.

    >>> reads_of("whisper"), reads_of("constant")
    (('sound',), ())
    """
    reads: tuple[Reads, ...] = getattr(_kind(name), "READS", ())
    return reads


def opens_as(name: str) -> str:
    """As what models of a kind open for a copy to be made of them ("network", "estimator"); "" for those that do not.

    >>> opens_as("image-cnn"), opens_as("constant")
    ('network', '')
    """
    form: str = getattr(_kind(name), "OPENS", "")
    return form


def unread(name: str, task_kind: str, named: Sequence[Reads] | None = None) -> str:
    """Why a kind of candidate cannot read the inputs of a kind of task, as a sentence; "" where it can, or may.

    `named` are the sorts of files that inputs name and that are there; None where nobody looked.

    >>> unread("text-linear", "speech")
    'text-linear reads text and columns, and inputs of the kind speech hold sound.'
    >>> unread("whisper", "speech", ["picture"])
    'whisper reads sound, and no input is the name of a sound that is there.'
    >>> unread("whisper", "classification", ["sound"]), unread("python", "speech")
    ('', '')
    """
    can, there = reads_of(name), holds(LoadContext(task_kind=task_kind, env={}))
    if can and {*can} <= _FILES:  # any kind of task may have files as inputs
        if named is None or {*can} & {*named}:
            return ""
        return f"{name} reads {' and '.join(can)}, and no input is the name of a {' or '.join(can)} that is there."
    if not can or not there or {*can} & {*there, *(named or ())}:
        return ""
    return f"{name} reads {' and '.join(can)}, and inputs of the kind {task_kind} hold {' and '.join(there)}."


def _must_read(name: str, context: LoadContext) -> None:
    """Raises CandidateError where a kind cannot read the inputs of the task: it would learn the names of the files."""
    why = unread(name, context.task_kind, context.named)
    if why:
        raise CandidateError(why, f"Take another kind of candidate: see `merits kinds {context.task_kind}`.")


def check_columns(columns: Sequence[str], context: LoadContext, whose: str = "") -> None:
    """Nothing where inputs have these columns, or nobody looked; else CandidateError with the near miss."""
    lacking = [name for name in columns if context.columns and name not in context.columns]
    if lacking:
        raise CandidateError(
            f"{whose}inputs have no column {lacking[0]!r}; they have {', '.join(context.columns)}.",
            did_you_mean(lacking[0], context.columns),
        )


def params_schema() -> dict[str, JSON]:
    """The JSON Schema of each kind's parameters and parts, by kind; each is whole in itself (no `$ref`).

    >>> params_schema()["constant"]["required"]
    ['output']
    """
    return {name: _with_parts(schema_of(kind.Params), kind) for name, kind in kinds().items()}


def parts_of(kind: Kind) -> tuple[int, int | None]:
    """The least and the most candidates that one of a kind is made of; None where there may be any number."""
    least, most = getattr(kind, "PARTS", (0, 0))
    return least, most


def _with_parts(schema: dict[str, JSON], kind: Kind) -> dict[str, JSON]:
    least, most = parts_of(kind)
    if most == 0:
        return schema
    part = {"anyOf": [{"type": "string"}, {"type": "object"}]}
    parts: dict[str, JSON] = {"type": "array", "items": part, "minItems": least, **({"maxItems": most} if most else {})}
    described: JSON = {"description": "The candidates that it is made of: names, or recipes of their own.", **parts}
    properties, required = schema.get("properties"), schema.get("required")
    return schema | {
        "properties": {"parts": described, **(properties if isinstance(properties, dict) else {})},
        "required": [*(["parts"] if least else []), *(required if isinstance(required, list) else [])],
    }


def _params(candidate: Candidate) -> msgspec.Struct:
    kind = _kind(candidate.kind)
    where = f"candidate {candidate.name!r} ({candidate.kind})"
    known = [field.encode_name for field in msgspec.structs.fields(kind.Params)]
    stray = stray_key(candidate.params, known)
    if stray:
        raise CandidateError(
            f"{where}: {stray}: a key must not stand in a recipe, which is stored and shown.",
            "Take it out, and set <PROVIDER>_API_KEY in the environment, or in a file .env beside the task file.",
        )
    meant = "Did you mean 'parts'?"  # which are no parameter, and stand beside them
    for key in candidate.params:
        if parts_of(kind) != (0, 0) and key not in known and near_miss(key, [*known, "parts"]) == meant:
            raise CandidateError(f"{where}: unknown key {key!r}.", meant)
    params = convert(candidate.params, kind.Params, where, CandidateError, "`merits kinds` lists its parameters.")
    _check_parts(candidate, kind, where)
    return params


def _check_parts(candidate: Candidate, kind: Kind, where: str) -> None:
    """Nothing, where a recipe has as many parts as its kind takes, each of them right; else CandidateError."""
    (least, most), n = parts_of(kind), len(candidate.parts)
    if n and most == 0:
        raise CandidateError(
            f"{where}: it is made of other candidates, and this kind takes no parts.", "Leave `parts:` out."
        )
    if n < least or (most is not None and n > most):
        range_ = f"{least}" if most == least else f"{least} or more" if most is None else f"{least} to {most}"
        raise CandidateError(
            f"{where}: it is made of {n} other candidate{'' if n == 1 else 's'}, and this kind takes {range_}.",
            "Name them: parts: [a name under `candidates:`, ...]",
        )
    for part in candidate.parts:
        check(part)
