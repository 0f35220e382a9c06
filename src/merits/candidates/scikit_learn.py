"""Any scikit-learn estimator or pipeline, or a class that looks like one, named by its import path."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeGuard, cast

import msgspec

from merits.candidates.features import Reader, reader_of, words
from merits.candidates.imports import code_hash, find, source_of, versions
from merits.candidates.learner import Learner, Predictor, learning_model
from merits.candidates.pixels import Resizing, pixels_for
from merits.candidates.registry import LoadContext, Space, holds
from merits.candidates.sentence_embeddings import DEFAULT_MODEL, Embeddings, embedder, known_embeddings, model_files
from merits.candidates.texts import as_text
from merits.candidates.tunable import Names
from merits.candidates.usual_estimators import USUAL
from merits.core.doors import Model
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash
from merits.core.validate import did_you_mean
from merits.media.files import file_hash
from merits.media.pictures import needs_pillow

__all__ = [
    "Params",
    "Raw",
    "RawTexts",
    "Step",
    "load",
    "names_in",
    "reader_for",
    "reader_in",
    "ready",
    "seeded",
    "space",
]

ON_PREMISES = True
OPENS = "estimator"  # see `insides`


class Step(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """One step of a pipeline: a class by its import path, and its parameters."""

    estimator: Annotated[str, msgspec.Meta(description="Import path of a class, such as sklearn.svm.LinearSVC.")]
    params: Annotated[dict[str, JSON], msgspec.Meta(description="Its parameters.")] = {}


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A scikit-learn estimator or pipeline, trained on the dev split."""

    estimator: Annotated[
        str, msgspec.Meta(description="Import path of a class, such as sklearn.linear_model.LogisticRegression.")
    ] = ""
    params: Annotated[
        dict[str, JSON],
        msgspec.Meta(description="The estimator's parameters; {estimator: ..., params: ...} stands for another one."),
    ] = {}
    pipeline: Annotated[
        tuple[str | Step, ...], msgspec.Meta(description="Instead of an estimator: steps, the last one predicts.")
    ] = ()
    features: Annotated[
        Literal["auto", "raw", "embeddings"],
        msgspec.Meta(
            description="auto: pictures, texts and columns become numbers as the first step needs. raw: as they are. "
            "embeddings: texts become sentence embeddings."
        ),
    ] = "auto"
    embedding: Annotated[
        str,
        msgspec.Meta(description="Of `features: embeddings`: a fetched model, or a folder, as in embeddings-linear."),
    ] = DEFAULT_MODEL
    pixels: Annotated[Resizing, msgspec.Meta(description="How pictures become numbers: `size` and `colour`.")] = (
        Resizing()
    )

    def __post_init__(self) -> None:
        if bool(self.estimator) == bool(self.pipeline):
            raise ValueError("name either an estimator or a pipeline")
        if self.params and self.pipeline:
            raise ValueError("the parameters of a pipeline stand in its steps")

    @property
    def steps(self) -> tuple[Step, ...]:
        """The estimator or the pipeline, as steps."""
        if self.estimator:
            return (Step(estimator=self.estimator, params=self.params),)
        return tuple(Step(estimator=step) if isinstance(step, str) else step for step in self.pipeline)


def load(params: Params, context: LoadContext) -> Model:
    """A trainable model around the estimator.

    When the first step wants numbers (by its scikit-learn tags), they are made for it: texts become TF-IDF of words
    and word pairs, columns are imputed and scaled (numbers), one-hot encoded (categories) or vectorised (texts). An
    estimator that takes no sparse matrix gets texts reduced to 100 dimensions. A first step that takes texts or
    mappings gets the inputs as they are, and so does a class without tags. Inputs that name pictures become their
    pixels from 0 to 1, resized and flattened. With `features: embeddings` it gets the unit vectors of a local model
    (columns are embedded as `column: value` lines), which are computed once for all candidates that learn from them.
    Every `random_state` left open is seeded, and an `n_jobs` left open is 1: a model takes one core.
    """
    if "picture" in holds(context) and context.named != ():
        needs_pillow()
    parts = _parts(params.steps, context.folder)
    estimator = _joined(parts)
    seeded(estimator, context.seed)
    packages = versions("sklearn", *(type(part).__module__ for part in parts))
    code = [code_hash(file, context.folder) for part in parts if (file := _own_file(part, context.folder))]
    if params.features == "embeddings":
        return _over_embeddings(params, context, estimator, [packages, code, context.seed])
    of_pictures = ["pixels 1", versions("PIL")] if "picture" in holds(context) else []
    fingerprint = content_hash(["sklearn 1", packages, code, context.seed, *of_pictures])
    read = partial(reader_in, context, estimator, params.features, params.pixels)
    learner = Learner(read, partial(ready, estimator, context.seed), note=context.note, shares=context.trial)
    return learning_model(learner, fingerprint=fingerprint, timeout_s=context.timeout_s)


def _over_embeddings(params: Params, context: LoadContext, estimator: Any, made_of: list[Any]) -> Model:
    files = model_files(params.embedding, context.folder, context.env)
    model = embedder(*files)
    known = known_embeddings(model, context)
    embeddings = Embeddings(known)

    def build(reader: Reader, rows: Sequence[object]) -> Predictor:
        from sklearn.base import clone

        return cast(Predictor, _joined([embeddings, clone(estimator, safe=False)]))

    fingerprint = content_hash(
        [
            "sklearn over embeddings 1",
            [file_hash(file) for file in files],
            versions("onnxruntime", "tokenizers"),
            *made_of,
        ]
    )
    learner = Learner(lambda inputs: RawTexts(), build, note=context.note, outside=embeddings)
    # one text at a time, as embeddings-linear does
    return learning_model(
        learner,
        fingerprint=fingerprint,
        timeout_s=context.timeout_s,
        batch_size=1,
        weights=model.weights,
        closing=known.close,
    )


def space(params: Params, folder: Path) -> Space:
    """What is usually tuned of the estimators in the recipe, by path."""
    return {
        f"{path}.{name}": domain
        for path, step in _described(params)
        for name, domain in USUAL.get(step.estimator.replace(":", ".").rpartition(".")[2], {}).items()
    }


def names_in(params: Params, folder: Path) -> dict[str, Names]:
    """The parameters that each estimator in the recipe takes, with their defaults."""
    return {path: _names(step, folder) for path, step in _described(params)}


def _described(params: Params) -> Iterator[tuple[str, Step]]:
    """Every estimator in the recipe, also one that is a parameter of another, and the path of its parameters."""
    if params.estimator:
        yield from _with_inner("params", Step(estimator=params.estimator, params=params.params))
    for number, step in enumerate(params.pipeline):
        made = Step(estimator=step) if isinstance(step, str) else step
        yield from _with_inner(f"pipeline.{number}.params", made)


def _with_inner(path: str, step: Step) -> Iterator[tuple[str, Step]]:
    yield path, step
    for name, value in step.params.items():
        if _is_estimator(value):
            yield from _with_inner(f"{path}.{name}.params", msgspec.convert(value, Step))


def _names(step: Step, folder: Path) -> Names:
    made = find(step.estimator, folder)
    if not callable(made):
        raise CandidateError(f"{step.estimator!r} is no class.", "Name a class with fit and predict.")
    accepted = inspect.signature(made).parameters.values()
    anything = any(one.kind is one.VAR_KEYWORD for one in accepted)
    plain = (bool, int, float, str, type(None))
    named = [one for one in accepted if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    return Names(
        {one.name: one.default if isinstance(one.default, plain) else None for one in named}, closed=not anything
    )


def _is_estimator(value: JSON) -> TypeGuard[Mapping[str, JSON]]:
    return isinstance(value, Mapping) and "estimator" in value and set(value) <= {"estimator", "params"}


def _parts(steps: Sequence[Step], folder: Path) -> list[Any]:
    made = [_made(step.estimator, step.params, folder) for step in steps]
    if not hasattr(made[-1], "predict"):
        raise CandidateError(f"{steps[-1].estimator!r} cannot predict.", "End the pipeline with an estimator that can.")
    for step, before in zip(steps[:-1], made[:-1], strict=True):
        if not hasattr(before, "transform"):
            raise CandidateError(f"{step.estimator!r} cannot transform.", "Only the last step may be a predictor.")
    return made


def _joined(parts: Sequence[Any]) -> Any:
    from sklearn.pipeline import make_pipeline

    return parts[0] if len(parts) == 1 else make_pipeline(*parts)


def _made(path: str, params: Mapping[str, JSON], folder: Path) -> Any:
    """An instance of the class that the path names; CandidateError naming the near miss of a wrong parameter."""
    made = find(path, folder)
    if not isinstance(made, type):
        raise CandidateError(f"{path!r} is no class.", "Name a class with fit and predict.")
    accepted = inspect.signature(made).parameters
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values())
    for name in params:
        if name not in accepted and not anything:
            raise CandidateError(f"{path!r} has no parameter {name!r}.", did_you_mean(name, accepted))
    values = {name: _value(value, accepted.get(name), folder) for name, value in params.items()}
    try:
        instance = made(**values)
    except (TypeError, ValueError) as problem:
        raise CandidateError(f"{path!r} cannot be made: {problem}.", "Mend its params.") from problem
    return instance if "n_jobs" in params else _on_one_thread(instance)


def _on_one_thread(estimator: Any) -> Any:
    """The estimator with one thread, if it would take as many as there are cores by itself: see `one_thread`.

    LightGBM and XGBoost ask this parameter, and not the limit of a process; to scikit-learn's own None is one already.
    """
    if type(estimator).__module__.startswith("sklearn."):
        return estimator
    has_params = hasattr(estimator, "get_params") and hasattr(estimator, "set_params")
    if has_params and estimator.get_params(deep=False).get("n_jobs", 1) in (None, -1):
        estimator.set_params(n_jobs=1)
    return estimator


def _value(value: JSON, parameter: inspect.Parameter | None, folder: Path) -> object:
    """A parameter's value: another estimator where one is described, a tuple where the class expects tuples."""
    if _is_estimator(value):
        step = msgspec.convert(value, Step)
        return _made(step.estimator, step.params, folder)
    if isinstance(value, list) and parameter is not None and isinstance(parameter.default, tuple):
        return tuple(value)
    return value


def seeded(estimator: object, seed: int) -> None:
    """Set every `random_state` that was left open, also those of the parts of an estimator."""
    if not hasattr(estimator, "get_params") or not hasattr(estimator, "set_params"):
        return
    states = [name for name in estimator.get_params() if name.rpartition("__")[2] == "random_state"]
    estimator.set_params(**{name: seed for name in states if estimator.get_params()[name] is None})


def ready(estimator: Any, seed: int, reader: Reader, rows: Sequence[object]) -> Predictor:
    """A fresh unfitted copy of the estimator that takes what the reader reads."""
    from sklearn.base import clone
    from sklearn.pipeline import make_pipeline

    fresh: Predictor = clone(estimator, safe=False)
    if isinstance(reader, Raw):
        return fresh
    encoder = reader.encoder(rows, words, sparse=_tag(fresh, "sparse"), seed=seed)
    piped: Predictor = make_pipeline(encoder, fresh)
    return piped


class Raw:
    """Reads inputs as they are, for an estimator that reads texts, mappings or whatever they are by itself."""

    LEARNS_NOTHING = True

    def row(self, input: JSON) -> object:
        """The input."""
        return input

    def matrix(self, rows: Sequence[object]) -> Sequence[object]:
        """The inputs."""
        return rows

    def encoder(self, rows: Sequence[object], vectoriser: object, *, sparse: bool, seed: int) -> Any:
        """None is needed."""
        return "passthrough"


def reader_in(context: LoadContext, estimator: Any, features: str, pixels: Resizing, inputs: Sequence[JSON]) -> Reader:
    """The reader of a task's inputs: pictures as their pixels, whatever the estimator, else as in `reader_for`."""
    of_pictures = pixels_for(inputs, context, pixels) if features == "auto" else None
    return of_pictures or reader_for(estimator, features, inputs)


def reader_for(estimator: Any, features: str, inputs: Sequence[JSON]) -> Reader:
    """The reader whose rows the estimator can take: see `load`."""
    if features == "raw" or _tag(estimator, "dict"):
        return Raw()
    if _tag(estimator, "string"):
        return RawTexts()
    return reader_of(inputs) if hasattr(_first(estimator), "__sklearn_tags__") else Raw()


class RawTexts(Raw):
    """Reads every input as text, and leaves it so."""

    def row(self, input: JSON) -> object:
        """The input as text."""
        return as_text(input)


def _tag(estimator: Any, name: str) -> bool:
    """What scikit-learn's tags say of the estimator's input; False where it has none."""
    first = _first(estimator)
    if not hasattr(first, "__sklearn_tags__"):
        return False
    return bool(getattr(first.__sklearn_tags__().input_tags, name, False))


def _first(estimator: Any) -> Any:
    """The step that sees the inputs first: a pipeline's first one, and the first one of a union."""
    steps = getattr(estimator, "steps", None) or getattr(estimator, "transformer_list", None)
    return _first(steps[0][1]) if steps else estimator


def _own_file(part: object, folder: Path) -> Path | None:
    """The file that defines the part's class when that is the user's own; installed packages have versions."""
    file = source_of(part)
    if file is None or "site-packages" in file.parts or not file.resolve().is_relative_to(folder.resolve()):
        return None
    return file
