"""Scorers by name: the built-in ones and those that plug-ins register under `merits.scorers`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

import msgspec

from merits.core.candidate import Candidate
from merits.core.doors import Scorer
from merits.core.errors import TaskError
from merits.core.identity import JSON, content_hash
from merits.core.kinds import task_kind as kind_of_task
from merits.core.plugins import names, plugin
from merits.core.task import Example, ScorerSpec
from merits.core.validate import convert, schema_of
from merits.scorers.verdicts import JudgeParams, model_of

__all__ = ["Kind", "check", "default_scorers", "fingerprint", "judge_of", "kinds", "load", "params_schema"]

_GROUP = "merits.scorers"


class Kind(Protocol):
    """What an entry point names: anything with `Params` and `load`; a module will do.

    `Params` is a msgspec.Struct that forbids unknown fields and describes each; a ValueError in its `__post_init__`
    says what is wrong with them. `load` returns the scorer. A `fingerprint(params, *, folder)` beside them names
    what else can change the scores (a function's source, a schema's file). Where `READS_FILES` beside them is true,
    `load` is given the folders of the data files too (`data_folders`), where the files that inputs name are looked for.
    Where a scorer must know more than one answer (how often items are chosen), `study(params, examples)` is given the
    examples of dev, and what it returns is passed to `load` as `studied`.
    """

    Params: type[msgspec.Struct]

    def load(self, params: msgspec.Struct, *, classes: tuple[str, ...], folder: Path) -> Scorer: ...


def kinds() -> Mapping[str, Kind]:
    """All kinds of scorers by name, sorted.

    >>> [name for name in kinds() if name in ("exact", "label", "numeric")]
    ['exact', 'label', 'numeric']
    """
    return {name: _kind(name) for name in names(_GROUP)}


def _kind(name: str) -> Kind:
    return cast(Kind, plugin(_GROUP, name, "scorer", unknown=TaskError, broken=TaskError))


def check(spec: ScorerSpec) -> None:
    """Returns nothing when the spec names a known scorer and its parameters are right; else raises TaskError.

    >>> check(ScorerSpec("numeric", {"tolerence": 0.1}))
    Traceback (most recent call last):
    ...
    merits.core.errors.TaskError: scorer 'numeric': unknown key 'tolerence'. Did you mean 'tolerance'?
    """
    _params(spec)


def judge_of(spec: ScorerSpec) -> Candidate | None:
    """The recipe of the model that a scorer asks; None for a scorer that asks nobody.

    >>> judge_of(ScorerSpec("exact")) is None, judge_of(ScorerSpec("judge", {"model": "my-kind"})).kind
    (True, 'my-kind')
    """
    params = _params(spec)
    return model_of(params.model) if isinstance(params, JudgeParams) else None


def load(
    spec: ScorerSpec,
    *,
    classes: tuple[str, ...] = (),
    folder: str | Path = ".",
    data_folders: Sequence[str | Path] = (),
    dev: Sequence[Example] = (),
) -> Scorer:
    """The scorer that a spec describes. TaskError when it cannot be loaded.

    `classes` are those of the task; `folder` is where relative paths and the user's modules are found, and
    `data_folders` are where the files that inputs name are looked for first; `dev` are the examples that candidates
    learn from, for scorers that study them.
    """
    kind, params = _kind(spec.kind), _params(spec)
    more: dict[str, object] = {}
    if getattr(kind, "READS_FILES", False):
        more["data_folders"] = tuple(map(Path, data_folders))
    if (study := getattr(kind, "study", None)) is not None:
        more["studied"] = study(params, dev)
    return kind.load(params, classes=tuple(classes), folder=Path(folder), **more)


def fingerprint(spec: ScorerSpec, *, folder: str | Path = ".") -> str:
    """A hash of all that can change the scores: kind, parameters, and the code or file they name."""
    own = getattr(_kind(spec.kind), "fingerprint", None)
    outside = own(_params(spec), folder=Path(folder)) if own else ""
    return content_hash([spec.kind, spec.params, outside])


def params_schema() -> Mapping[str, JSON]:
    """The JSON Schema of each kind's parameters, by kind; each is whole in itself (no `$ref`)."""
    return {name: schema_of(kind.Params) for name, kind in kinds().items()}


def default_scorers(task_kind: str) -> tuple[ScorerSpec, ...]:
    """The scorers of a task that names none, as its kind declares them.

    >>> [spec.kind for spec in default_scorers("generation")]
    ['normalised']
    """
    return tuple(map(ScorerSpec, kind_of_task(task_kind).scorers))


def _params(spec: ScorerSpec) -> msgspec.Struct:
    return convert(
        spec.params, _kind(spec.kind).Params, f"scorer {spec.kind!r}", next_step="`merits kinds` lists its parameters."
    )
