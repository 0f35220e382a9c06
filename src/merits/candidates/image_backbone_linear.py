"""Features of pictures from a network that was trained on others, and a linear classifier on top."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates import remembered
from merits.candidates.ahead import DecodedAhead, decoded_ahead, readable
from merits.candidates.batcher import Batcher
from merits.candidates.going_on import cannot_go_on, go_on
from merits.candidates.imports import versions
from merits.candidates.keeping import keep_estimator, keep_json, kept_estimator, kept_json
from merits.candidates.known_vectors import Remembered, remembered_of
from merits.candidates.learner import fit_weighted, labels_to_learn, one_thread, predicted
from merits.candidates.linear_head import linear_head
from merits.candidates.memory import Weights
from merits.candidates.registry import LoadContext, Space
from merits.candidates.soft import soft_of
from merits.core.answer import Answer
from merits.core.doors import Model
from merits.core.errors import DataError
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.core.task import Example
from merits.media.backbones import DEFAULT_BACKBONE, Backbone, backbone
from merits.media.files import file_hash
from merits.media.finding import Media, picture_file
from merits.media.pictures import read_picture

__all__ = ["SPACE", "Params", "load"]

ON_PREMISES = True
SPACE: Space = {"strength": {"low": 0.001, "high": 100.0, "log": True}, "balanced": [False, True]}

T = TypeVar("T")
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
READS: tuple[Reads, ...] = ("picture",)
_BATCH = 16  # pictures in one pass; on a processor more bring nothing
_KEPT_EVERY = 128  # pictures; what was computed by then is on disk
_NOTE_EVERY_S = 5.0
_DECODING, _COMPUTING = "decoded", f"{_BATCH} at a time"  # what takes its seconds of an answer


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A trained network's features of pictures with logistic regression, trained on the dev split."""

    model: Annotated[
        str, msgspec.Meta(description="efficientnet-lite0, or a folder in the Hugging Face format (safetensors).")
    ] = DEFAULT_BACKBONE
    size: Annotated[
        Annotated[int, msgspec.Meta(ge=16, le=1024)] | None,
        msgspec.Meta(description="Pictures become squares of this side, in pixels. Default: the model's (224)."),
    ] = None
    sha256: Annotated[str, msgspec.Meta(description="If given, the weight file's SHA-256 must be this.")] = ""
    strength: Annotated[
        float, msgspec.Meta(gt=0, description="Inverse of the regularisation (C): larger fits the examples closer.")
    ] = 1.0
    balanced: Annotated[
        bool, msgspec.Meta(description="Weigh rare classes up, as if all classes were equally common.")
    ] = False


def load(params: Params, context: LoadContext) -> Model:
    """A trainable classifier of the pictures that inputs name, by the features of a frozen network.

    Features of pictures to learn from are kept in `.merits/features.sqlite` in the task's folder, by what is in the
    file, so that folds, other heads and later runs do not compute them again. Answers come from there in trials of a
    search only, with the seconds that computing them took (`KnownVectors`). Smaller pictures than the network was
    trained on (`size`) take less time by the square, and say less.
    """
    network = backbone(params.model, params.size, params.sha256, context)
    fingerprint = content_hash(
        [
            "image-backbone-linear 1",
            network.fingerprint,
            versions("sklearn", "torch", "PIL", "transformers" if params.model != DEFAULT_BACKBONE else "numpy"),
            context.seed,
        ]
    )
    kept = remembered_of(context, network.fingerprint)
    model = _Classifier(params, context, network, kept)
    batcher = Batcher(
        model.answer_batch,
        batch_size=_BATCH,
        fingerprint=fingerprint,
        timeout_s=context.timeout_s,
        fit=model.fit,
        fit_soft=model.fit_soft,
        close=model.close,
        keeping=model,
        going_on=model,
        weights=Weights(network.n_bytes, network.open, network.close),
    )
    return DecodedAhead(model.pixels, batcher)


@dataclass(frozen=True, eq=False)
class _Seen:
    """A picture whose features are known, and what they took."""

    vector: Floats
    seconds: float


@dataclass(frozen=True, eq=False)
class _Timed:
    """A picture whose features are to be known from now on."""

    pixels: Bytes
    hash: str


class _Classifier:
    """Blocking training and answers."""

    def __init__(self, params: Params, context: LoadContext, network: Backbone, kept: Remembered) -> None:
        self._params = params
        self._context = context
        self._media = Media.of(context)
        self._network = network
        self._kept = kept
        self._head: Any = None
        self._temperature = 1.0

    def pixels(self, input: JSON) -> Bytes | _Seen | _Timed:
        """The picture that an input names, as the network takes it; DataError where it cannot be read.

        In a trial what is known of it, or what is to become known.
        """
        file = picture_file(self._media, input)
        if not self._context.trial:
            return self._decoded(file)
        start = time.thread_time()
        hash = file_hash(file)
        vector = self._kept.vectors([hash]).get(hash)
        seconds = [self._kept.seconds(way, [hash]).get(hash) for way in (_DECODING, _COMPUTING)]
        decoding, computing = seconds
        if vector is not None and decoding is not None and computing is not None:
            remembered.add(decoding - (time.thread_time() - start))
            return _Seen(vector, computing)
        begun = time.thread_time()
        pixels = self._decoded(file)
        ended = time.thread_time()
        self._kept.note(_DECODING, {hash: ended - begun}, {})
        remembered.add(-(begun - start) - (time.thread_time() - ended))
        return _Timed(pixels, hash)

    def keep(self, folder: Path) -> None:
        """Writes the classifier; the network that makes the features is not what was learned."""
        if self._head is None:
            raise RuntimeError("kept before it was fitted")
        keep_estimator(self._head, folder / "head.skops")
        keep_json({"temperature": self._temperature}, folder / "head.json")

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        self._head = kept_estimator(folder / "head.skops")
        self._temperature = kept_json(folder / "head.json", dict[str, float])["temperature"]

    def close(self) -> None:
        """Frees the network, and writes down what was measured."""
        self._network.close()
        self._kept.write()

    def fit(self, examples: Sequence[Example]) -> None:
        """Train the classifier on the features of the examples that have a target and a picture that can be read."""
        self._learn(examples, lambda head, vectors, known: head.fit(vectors, [str(one.target) for one in known]))

    def fit_soft(
        self, examples: Sequence[Example], shares: Sequence[Mapping[str, float]], temperature: float = 1.0
    ) -> None:
        """Train it on the shares of labels; its probabilities then are those at that temperature, brought back to 1."""
        shares_of = dict(zip(map(id, examples), shares, strict=True))
        self._learn(
            examples,
            lambda head, vectors, known: fit_weighted(
                head, vectors, soft_of([shares_of[id(one)] for one in known], temperature)
            ),
        )
        self._temperature = temperature

    def cannot_go_on(self, folder: Path, known: Sequence[Example], new: Sequence[Example]) -> str:
        """Why it cannot go on from what was kept there: see `merits.core.doors.Continuing`."""
        self.restore(folder)
        if self._temperature != 1.0:
            return "it has learned shares of labels, and these are labels"
        return cannot_go_on(self._head, [str(example.target) for example in (*known, *new)])

    def go_on(self, folder: Path, known: Sequence[Example], new: Sequence[Example], share: float) -> None:
        """Goes on from the classifier there; the features are scaled as they were."""
        self.restore(folder)
        found = self._read([*known, *new])
        fresh = {id(example) for example in new}
        is_new = np.array([id(example) in fresh for _, example in found], np.bool_)
        with one_thread():
            vectors, targets = np.stack([one for one, _ in found]), [str(example.target) for _, example in found]
            go_on(self._head, vectors, targets, is_new, share)

    def _learn(
        self, examples: Sequence[Example], fit: Callable[[Any, NDArray[np.float32], Sequence[Example]], object]
    ) -> None:
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        learned = self._read(labels_to_learn(examples))
        params = self._params
        linear = linear_head(strength=params.strength, balanced=params.balanced, seed=self._context.seed)
        head = make_pipeline(StandardScaler(), linear)
        with one_thread():
            fit(head, np.stack([one for one, _ in learned]), [example for _, example in learned])
        self._head = head

    def _read(self, known: Sequence[Example]) -> list[tuple[Floats, Example]]:
        """The features of the pictures that can be read, with each example."""
        files = {hash: file for file in map(self._file, known) if file is not None and (hash := file_hash(file))}
        vectors = self._vectors(files)

        def vector(example: Example) -> tuple[Floats, Example]:
            found = vectors[file_hash(picture_file(self._media, example.input))]
            if isinstance(found, DataError):
                raise found
            return found, example

        return readable(vector, known, self._context.note, ahead=False)

    def answer_batch(self, pictures: Sequence[JSON]) -> Sequence[Answer]:
        """A label and the probability of each, for pictures that are decoded already."""
        if self._head is None:
            raise RuntimeError("asked before it was fitted")
        vectors = self._features(cast("Sequence[Bytes | _Seen | _Timed]", pictures))
        with one_thread():
            return predicted(self._head, vectors, self._temperature)

    def _features(self, pictures: Sequence[Bytes | _Seen | _Timed]) -> NDArray[np.float32]:
        """The features of pictures; those that are known count with what they took."""
        if not self._context.trial:
            return self._network.features(cast("Sequence[Bytes]", pictures))
        new = [one.pixels if isinstance(one, _Timed) else one for one in pictures if not isinstance(one, _Seen)]
        remembered.add(sum(one.seconds for one in pictures if isinstance(one, _Seen)))
        if not new:
            return np.stack([one.vector for one in pictures if isinstance(one, _Seen)])
        begun = time.perf_counter()
        computed = self._network.features(new)
        ended = time.perf_counter()
        share, rest = (ended - begun) / len(new), iter(computed)
        vectors = [one.vector if isinstance(one, _Seen) else next(rest) for one in pictures]
        noted = {one.hash: vector for one, vector in zip(pictures, vectors, strict=True) if isinstance(one, _Timed)}
        self._kept.note(_COMPUTING, dict.fromkeys(noted, share), noted)
        remembered.add(-(time.perf_counter() - ended))
        return np.stack(vectors)

    def _file(self, example: Example) -> Path | None:
        try:
            return picture_file(self._media, example.input)
        except DataError:  # said with the others that cannot be read
            return None

    def _decoded(self, file: Path) -> Bytes:
        return self._network.pixels(read_picture(file))

    def _vectors(self, files: Mapping[str, Path]) -> dict[str, Floats | DataError]:
        """The features of each file by its hash, kept or computed on all cores; or why there are none."""
        found: dict[str, Floats | DataError] = {**self._kept.vectors(files)}
        new = [hash for hash in files if hash not in found]
        pictures = decoded_ahead(self._attempted, [files[hash] for hash in new], ahead=2 * _KEPT_EVERY)
        decoded = zip(new, pictures, strict=True)
        told = time.monotonic()
        while some := dict(islice(decoded, _KEPT_EVERY)):
            good = {hash: pixels for hash, pixels in some.items() if not isinstance(pixels, DataError)}
            groups = batched([*good.values()], _BATCH)
            vectors = [vector for group in decoded_ahead(self._network.features, groups) for vector in group]
            computed = dict(zip(good, vectors, strict=True))
            self._kept.keep(computed)
            found |= computed
            found |= {hash: problem for hash, problem in some.items() if isinstance(problem, DataError)}
            if time.monotonic() - told > _NOTE_EVERY_S:
                told = time.monotonic()
                self._context.note(f"features of {len(found):,} of {len(files):,} pictures")
        return found

    def _attempted(self, file: Path) -> Bytes | DataError:
        try:
            return self._decoded(file)
        except DataError as problem:
            return problem


def batched(things: Sequence[T], size: int) -> list[Sequence[T]]:
    """The things in groups of so many, the last one of what is left.

    >>> batched([1, 2, 3], 2)
    [[1, 2], [3]]
    """
    return [things[at : at + size] for at in range(0, len(things), size)]
