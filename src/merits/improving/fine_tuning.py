"""Fine-tuning: the networks that candidates name, trained on dev, all of them or by an adapter (LoRA).

Knows nothing about how a network is trained: that is the kinds `transformer-finetune`, `transformers` and `seq2seq`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta

from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver, Trials
from merits.core.errors import UsageError
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.kinds import is_labelled, task_kind
from merits.core.validate import did_you_mean
from merits.improving.learning import against, held, quality, values_of, with_findings
from merits.improving.registry import Effort

__all__ = ["EFFORT", "TITLE", "Params", "make", "why_not"]

EFFORT: Effort = "trains long"
TITLE = "Fine-tuning: networks trained on dev, in full or by an adapter (LoRA)"

Method: TypeAlias = Literal["full", "lora"]
_CLASSIFIER, _WRITERS = "transformer-finetune", frozenset({"transformers", "seq2seq"})
_RATES: Mapping[Method, float] = {"full": 5e-5, "lora": 5e-4}
_HIGHER = 4.0  # the rate that is tried next, in times of the usual one
_PASSES = 3  # what learning from an example takes, in times of answering it: there, and back at twice the price
_FOLDS = 5  # where nobody says
_LEVEL = 0.8  # of the one-sided bound by which one is kept; test decides at the confidence of the Needs
_DEFAULT_MODEL = "all-MiniLM-L6-v2-int8"  # of `embeddings-linear`
_OF_A_CLASSIFIER = frozenset({"path", "sha256", "allow_pickle", "max_tokens", "threads", "device", "checkpoints"})


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Networks that are trained on dev."""

    candidates: Annotated[
        tuple[str, ...], Meta(description="Whose networks are trained. Default: all that name one.")
    ] = ()
    encoder: Annotated[
        str, Meta(description="Folder of an encoder that is trained too, where labels are wanted; no candidate's.")
    ] = ""
    methods: Annotated[tuple[Method, ...], Meta(min_length=1, description="All of a network, an adapter, or both.")] = (
        "full",
        "lora",
    )
    rank: Annotated[int, Meta(ge=1, description="Of the adapters.")] = 8
    epochs: Annotated[int, Meta(ge=1, description="Of the first trainings; the best is tried for twice as many.")] = 4
    processes: Annotated[int, Meta(ge=1, description="Processes that each training is shared out over.")] = 1
    keep: Annotated[int, Meta(ge=1, description="The most candidates that are kept.")] = 2


def make(params: Params) -> Improver:
    """The improver, in three rounds for each network: the methods at their usual rate, the better one at a higher rate,
    the best of these for twice as long.

    A training that would not end in the time that is left (by what answers took) is not begun. Kept are those that gain
    on dev over the candidate that named the network, by a paired one-sided bound at 80 % (of the `encoder`, over the
    best candidate): dev proposes, and test decides. UsageError for a name that no candidate has.
    """

    def search(brief: Brief) -> Generator[Trials, Evaluation, Sequence[Candidate]]:
        tried: list[_Tried] = []
        for origin in _origins(params, brief):
            mine: list[_Tried] = []
            for settings in _rounds(params, mine):
                fits = [each for each in settings if _seconds(brief, origin, each) <= brief.seconds_left()]
                trials = [_Tried(each, _candidate(params, origin, each, brief)) for each in fits]
                if trials:
                    found = yield Trials([trial.candidate for trial in trials])
                    mine += [_seen(trial, origin, found, number) for number, trial in enumerate(trials)]
            tried += mine
        return _kept(params, brief, tried)

    return search


def why_not(brief: Brief, params: Params | None = None) -> str:
    """Why no network can be fine-tuned here, and what could; "" where one can."""
    if not list(_origins(params or Params(), brief)):
        if is_labelled(brief.task.kind) and "text" in task_kind(brief.task.kind).reads:
            return (
                "No candidate names a network that can be trained here; embeddings-linear, transformer-finetune and "
                "transformers do, or name a folder: improve: {fine-tuning: {encoder: all-MiniLM-L6-v2}}."
            )
        return (
            f"Fine-tuning takes texts, and no candidate of this {brief.task.kind} is of the kind transformers "
            "or seq2seq."
        )
    return ""


def seconds(params: Params, brief: Brief) -> float:
    """About how long the shortest training takes; 0 where nothing is known of it."""
    return min(
        (_seconds(brief, origin, each) for origin in _origins(params, brief) for each in next(_rounds(params, []), [])),
        default=0.0,
    )


@dataclass(frozen=True)
class _Origin:
    """What is trained: a kind with its parameters, and the seed that named it, None for an encoder of its own."""

    kind: str
    params: Mapping[str, JSON]
    seed: Candidate | None


@dataclass(frozen=True)
class _Setting:
    method: Method
    rate: float
    epochs: int


@dataclass(frozen=True)
class _Tried:
    setting: _Setting
    candidate: Candidate
    origin: _Origin | None = None
    values: tuple[float, ...] = ()

    @property
    def quality(self) -> float:
        return float(np.mean(self.values)) if self.values else -1.0


def _origins(params: Params, brief: Brief) -> Iterator[_Origin]:
    """The networks that candidates name, each once."""
    names = [seed.name for seed in brief.seeds]
    for name in params.candidates:
        if name not in names:
            raise UsageError(f"fine-tuning: there is no candidate {name!r}.", did_you_mean(name, names))
    seen: set[tuple[str, str]] = set()
    for number, seed in enumerate(brief.seeds):
        if params.candidates and seed.name not in params.candidates:
            continue
        found = _origin(seed, brief) if held(brief.evaluation, number) else None
        if found is not None and (key := (found.kind, str(found.params["path"]))) not in seen:
            seen.add(key)
            yield found
    if params.encoder and is_labelled(brief.task.kind) and (_CLASSIFIER, params.encoder) not in seen:
        yield _Origin(_CLASSIFIER, {"path": params.encoder}, None)


def _origin(seed: Candidate, brief: Brief) -> _Origin | None:
    if seed.kind in _WRITERS and not seed.params.get("train"):
        return _Origin(seed.kind, seed.params, seed)
    if not is_labelled(brief.task.kind):
        return None
    if seed.kind == _CLASSIFIER:
        kept = {name: value for name, value in seed.params.items() if name in _OF_A_CLASSIFIER}
        return _Origin(_CLASSIFIER, kept, seed)
    if seed.kind == "embeddings-linear":  # whose ONNX cannot be trained; the network that it was made of may be there
        return _Origin(_CLASSIFIER, {"path": str(seed.params.get("model", _DEFAULT_MODEL)).removesuffix("-int8")}, seed)
    return None


def _rounds(params: Params, tried: Sequence[_Tried]) -> Iterator[list[_Setting]]:
    """What is tried of a network next, given what came of it until then."""
    yield [_Setting(method, _RATES[method], params.epochs) for method in dict.fromkeys(params.methods)]
    for change in ("rate", "epochs"):
        if not tried:  # there was no time for the first ones
            return
        best = max(tried, key=lambda trial: trial.quality).setting
        if change == "rate":
            yield [_Setting(best.method, best.rate * _HIGHER, best.epochs)]
        else:
            yield [_Setting(best.method, best.rate, best.epochs * 2)]


def _candidate(params: Params, origin: _Origin, setting: _Setting, brief: Brief) -> Candidate:
    said = "by LoRA" if setting.method == "lora" else "in full"
    training: dict[str, JSON] = {"epochs": setting.epochs, "learning_rate": setting.rate}
    if setting.method == "lora":
        training["lora"] = {"rank": params.rank, "alpha": 2.0 * params.rank}
    if params.processes > 1:
        training["processes"] = params.processes
    named = origin.seed.name if origin.seed is not None else str(origin.params["path"]).rpartition("/")[2]
    name = f"{named} fine-tuned {said}, rate {setting.rate:g}, {setting.epochs} epochs"
    given = {**origin.params, "train": training} if origin.kind in _WRITERS else {**origin.params, **training}
    if origin.seed is None:
        return Candidate(name=name, kind=origin.kind, params=given)
    metadata = dict(origin.seed.metadata)
    return Candidate(name=name, kind=origin.kind, params=given, price=origin.seed.price, metadata=metadata)


def _seconds(brief: Brief, origin: _Origin, setting: _Setting) -> float:
    """About how long a trial takes: to learn in every fold, by the time that the seed takes to answer; 0 if unknown."""
    if origin.seed is None:
        return 0.0
    number = brief.seeds.index(origin.seed)
    answered = brief.evaluation.scored[number]
    seconds = float(np.median(brief.evaluation.latency_s[number][answered]))
    folds = _FOLDS if brief.folds is None else len(np.unique(brief.folds))
    return _PASSES * seconds * setting.epochs * brief.evaluation.n_rows * max(folds - 1, 1)


def _seen(trial: _Tried, origin: _Origin, found: Evaluation, number: int) -> _Tried:
    values = tuple(values_of(found, number).tolist()) if held(found, number) else ()
    return _Tried(trial.setting, trial.candidate, origin, values)


def _kept(params: Params, brief: Brief, tried: Sequence[_Tried]) -> list[Candidate]:
    best = max(range(len(brief.seeds)), key=lambda number: quality(brief.evaluation, number))
    found: list[tuple[float, Candidate]] = []
    for trial in tried:
        if not trial.values or trial.origin is None:
            continue
        seed = best if trial.origin.seed is None else brief.seeds.index(trial.origin.seed)
        values, before = np.array(trial.values), values_of(brief.evaluation, seed)
        least = against(values, before, brief.evaluation, _LEVEL).low
        if least is not None and least > 0.0:
            gain = against(values, before, brief.evaluation)
            found.append((trial.quality, with_findings(trial.candidate, [("gain on dev", gain)])))
    found.sort(key=lambda pair: -pair[0])
    return [candidate for _, candidate in found[: params.keep]]
