"""Cepstral features of sounds, and a linear classifier on top: spoken words, alarms, voices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.features import Reader
from merits.candidates.imports import versions
from merits.candidates.known_vectors import Remembered, remembered_of
from merits.candidates.learner import Learner, learning_model
from merits.candidates.linear_head import linear_head
from merits.candidates.registry import LoadContext
from merits.core.doors import Model
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.media.files import file_hash
from merits.media.finding import Media, sound_file
from merits.media.sound_features import sound_vector
from merits.media.sounds import SPEECH_RATE, read_sound

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["Params", "load"]

_WAY = "learned from"

READS: tuple[Reads, ...] = ("sound",)
ON_PREMISES = True


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Cepstral features of sounds with logistic regression, trained on the dev split."""

    parts: Annotated[int, msgspec.Meta(ge=1, le=20, description="Stretches of time that a sound is divided into.")] = 4
    strength: Annotated[
        float, msgspec.Meta(gt=0, description="Inverse of the regularisation (C): larger fits the examples closer.")
    ] = 1.0
    balanced: Annotated[
        bool, msgspec.Meta(description="Weigh rare classes up, as if all classes were equally common.")
    ] = False


def load(params: Params, context: LoadContext) -> Model:
    """A trainable classifier of the sounds that inputs name, by their mel-frequency cepstral coefficients.

    Needs the extra `speech` to read them. A sound that cannot be read fails alone. Features of sounds to learn from are
    kept in `.merits/features.sqlite` in the task's folder; answers are computed.
    """

    def build(reader: Reader, rows: Sequence[object]) -> Pipeline:
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        head = linear_head(strength=params.strength, balanced=params.balanced, seed=context.seed)
        return make_pipeline(StandardScaler(), head)

    extractor = content_hash(["cepstra 1", params.parts, versions("numpy", "soundfile")])
    known = remembered_of(context, extractor)
    reader = _Sounds(Media.of(context), params.parts, known)
    fingerprint = content_hash(["sound-linear 1", versions("sklearn", "numpy", "soundfile"), context.seed])
    learner = Learner(lambda inputs: reader, build, needs_classes=True, note=context.note)
    return learning_model(learner, fingerprint=fingerprint, timeout_s=context.timeout_s, closing=known.write)


@dataclass(frozen=True)
class _Sounds:
    """Reads every input as the sound that it names."""

    media: Media
    parts: int
    known: Remembered

    DECODES: ClassVar[bool] = True
    LEARNS_NOTHING: ClassVar[bool] = True

    def row(self, input: JSON) -> NDArray[np.float64]:
        """The features of one sound; DataError where it cannot be read."""
        file, _ = sound_file(self.media, input)
        return sound_vector(read_sound(file, SPEECH_RATE), self.parts)

    def taught(self, input: JSON) -> NDArray[np.floating]:
        """The features of one sound to learn from, computed once for all folds and candidates."""
        file, _ = sound_file(self.media, input)
        hash = file_hash(file)
        found = self.known.vectors([hash])
        if hash not in found:
            found = {hash: self.row(input).astype(np.float32)}
            self.known.note(_WAY, {}, found)
        return found[hash]

    def matrix(self, rows: Sequence[object]) -> NDArray[np.float64]:
        """Shape (sounds, features)."""
        return np.stack([np.asarray(row, np.float64) for row in rows])

    def encoder(self, rows: Sequence[object], vectoriser: Callable[[], Any], *, sparse: bool, seed: int) -> Any:
        """None is needed."""
        return "passthrough"
