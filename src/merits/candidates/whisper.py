"""Speech to text by a Whisper model, which CTranslate2 runs in this process (package `faster-whisper`)."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.imports import versions
from merits.candidates.memory import Weights
from merits.candidates.reading_ahead import ReadingAhead
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer, Usage
from merits.core.doors import Model
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.media.files import check_hash, file_hash, size_of
from merits.media.finding import Media, sound_file
from merits.media.sounds import Sound, read_sound
from merits.media.weights import find_folder

__all__ = ["Params", "load", "without_padding"]

ON_PREMISES = True
READS: tuple[Reads, ...] = ("sound",)
_FILES = ("config.json", "model.bin", "tokenizer.json")
_VOCABULARIES = ("vocabulary.json", "vocabulary.txt")
_WINDOW_S = 30.0
_FRAMES = 100  # of the spectrogram in a second; two of them are one position of the encoder
_FALLBACK = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # temperatures, as in Whisper's own code


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A local Whisper model in CTranslate2's format; the input names a sound file beside the data."""

    path: Annotated[
        str,
        msgspec.Meta(
            min_length=1, description="The model's folder (with model.bin), or its name in the assets folder."
        ),
    ]
    sha256: Annotated[str, msgspec.Meta(description="If given, the SHA-256 of model.bin must be this.")] = ""
    language: Annotated[
        str, msgspec.Meta(description='What is spoken ("en", "de"). Left out: a multilingual model finds it.')
    ] = ""
    beam_size: Annotated[int, msgspec.Meta(ge=1, le=100, description="Transcripts that are followed up at once.")] = 5
    vad: Annotated[bool, msgspec.Meta(description="Leave out what is no speech (Silero's voice detector).")] = False
    compute_type: Annotated[
        Literal["int8", "int8_float16", "int16", "float16", "float32", "default"],
        msgspec.Meta(description="Numbers to compute with; default: as the model is stored."),
    ] = "int8"
    temperature_fallback: Annotated[
        bool,
        msgspec.Meta(description="Try again at higher temperatures (drawn by the seed) what is unlikely or repeats."),
    ] = False
    prompt: Annotated[str, msgspec.Meta(description="Text that came before: names, how things are written.")] = ""
    window_s: Annotated[
        float,
        msgspec.Meta(
            ge=1,
            le=_WINDOW_S,
            description="Seconds that a shorter sound is padded to. 30 is what Whisper was trained on; 15 takes half "
            "the time or less on short sounds. The shorter, the more often it repeats itself.",
        ),
    ] = _WINDOW_S
    threads: Annotated[int, msgspec.Meta(ge=1, description="Processor threads to compute with.")] = 1


def load(params: Params, context: LoadContext) -> Model:
    """A model that answers with what it hears, on a GPU where there is one; the model is read at the first question.

    Sound is resampled to 16 kHz; what is longer than `window_s` is heard in windows of 30 s. The confidence is the mean
    probability of a token, exp(mean log-probability). Silence is answered with "". CandidateError where the folder is
    no such model or not the one that `sha256` names.
    """
    folder = _checked(find_folder(params.path, context), params)
    device = _device()
    media = Media.of(context)
    fingerprint = content_hash(
        [
            "whisper 1",
            {name: file_hash(folder / name) for name in (*_FILES, _vocabulary(folder))},
            versions("faster_whisper", "ctranslate2"),
            device,
            context.seed if params.temperature_fallback else 0,
        ]
    )
    model = _Whisper(params, folder, device, context.seed)
    return ReadingAhead(
        partial(_read, media),
        model.answer,
        fingerprint=fingerprint,
        timeout_s=context.timeout_s,
        close=model.close,
        weights=Weights(size_of([folder / "model.bin"]), model.open, model.close),
    )


def _read(media: Media, input: JSON) -> Sound:
    return read_sound(sound_file(media, input)[0])


def _checked(folder: Path, params: Params) -> Path:
    """The folder, once all files are there and the weights are those that are named."""
    missing = [name for name in _FILES if not (folder / name).is_file() or not (folder / name).stat().st_size]
    if not missing and not _vocabulary(folder):
        missing = [_VOCABULARIES[0]]
    if missing:
        raise CandidateError(
            f"{folder} is no Whisper model of CTranslate2: it lacks {', '.join(missing)}, or they are empty.",
            "Convert one with ct2-transformers-converter, or name another folder.",
        )
    try:
        config = msgspec.json.decode((folder / "config.json").read_bytes(), type=dict[str, object])
    except msgspec.MsgspecError as problem:
        raise CandidateError(f"{folder / 'config.json'} is no JSON: {problem}.", "Fetch the model again.") from None
    if "suppress_ids" not in config:
        raise CandidateError(
            f"{folder / 'config.json'} is not that of a Whisper model.", "Name the folder of a speech model."
        )
    check_hash(folder / "model.bin", params.sha256)
    return folder


def _vocabulary(folder: Path) -> str:
    return next((name for name in _VOCABULARIES if (folder / name).is_file()), "")


def _device() -> str:
    try:
        import ctranslate2
        import faster_whisper  # noqa: F401 (so that a missing package is told before anything is asked)
    except ImportError as problem:
        raise MissingExtra(
            f"a Whisper model needs {problem.name}, which is not installed.", "Install it: pip install 'merits[speech]'"
        ) from None
    return "cuda" if ctranslate2.get_cuda_device_count() else "cpu"


class _Whisper:
    """Blocking answers of one model, called from one thread at a time."""

    def __init__(self, params: Params, folder: Path, device: str, seed: int) -> None:
        self._params = params
        self._folder = folder
        self._device = device
        self._seed = seed
        self._model: Any = None
        self._lock = threading.Lock()

    def answer(self, sound: Sound) -> Answer:
        """What is heard."""
        model = self.open()
        if self._params.temperature_fallback:
            import ctranslate2

            ctranslate2.set_random_seed(self._seed)  # of this thread's draws: the same sound, the same transcript
        segments, _ = model.transcribe(sound.samples, **self._options())
        heard = list(segments)  # they are computed as they are taken
        text = "".join(segment.text for segment in heard).strip()
        return Answer(
            text,
            confidence=_confidence(heard) if text else None,
            usage=Usage(output_tokens=sum(len(segment.tokens) for segment in heard)),
            model=self._folder.name,
        )

    def close(self) -> None:
        """Frees the model's memory."""
        with self._lock:
            self._model = None

    def _options(self) -> Mapping[str, object]:
        params = self._params
        return {
            "language": params.language or None,
            "beam_size": params.beam_size,
            "vad_filter": params.vad,
            "temperature": _FALLBACK if params.temperature_fallback else 0.0,
            "initial_prompt": params.prompt or None,
            "condition_on_previous_text": False,  # a sentence that repeats itself would pass that on
        }

    def open(self) -> Any:
        """Reads the model, unless it is there."""
        with self._lock:
            return self._opened()

    def _opened(self) -> Any:
        if self._model is None:
            from faster_whisper import WhisperModel

            params = self._params
            try:
                self._model = WhisperModel(
                    str(self._folder),
                    device=self._device,
                    compute_type=params.compute_type,
                    cpu_threads=params.threads,
                    local_files_only=True,
                )
            except (RuntimeError, ValueError) as problem:
                raise CandidateError(
                    f"{self._folder} cannot be opened as a Whisper model: {str(problem)[:200].rstrip('.')}.",
                    "Fetch it again, or try another compute_type.",
                ) from problem
            if params.window_s < _WINDOW_S:
                encode, n_least = self._model.encode, round(params.window_s * _FRAMES)
                self._model.encode = lambda features: encode(without_padding(features, n_least))
        return self._model


def without_padding(spectrogram: NDArray[np.float32], n_least: int) -> NDArray[np.float32]:
    """A spectrogram (..., frames) without the frames at its end that are all zero, as many as `n_least` leaves.

    faster-whisper pads each sound to 30 s, and most of a short one's time goes to encoding that: the attention of
    every position to every other, of silence to silence. CTranslate2 encodes fewer positions too, as whisper.cpp does
    with `audio_ctx`. The number of frames stays even.

    >>> padded = np.pad(np.ones((1, 2, 3), np.float32), ((0, 0), (0, 0), (0, 7)))
    >>> [without_padding(padded, n).shape[-1] for n in (2, 6, 30)]
    [4, 6, 10]
    """
    heard = np.flatnonzero(spectrogram.any(axis=tuple(range(spectrogram.ndim - 1))))
    n = max(n_least, int(heard[-1]) + 1 if len(heard) else 0)
    return np.ascontiguousarray(spectrogram[..., : n + n % 2])


def _confidence(segments: list[Any]) -> float | None:
    """The mean probability of a token: exp of the mean log-probability over all segments, by their tokens."""
    n = sum(len(segment.tokens) for segment in segments)
    if not n:
        return None
    return math.exp(min(0.0, sum(segment.avg_logprob * len(segment.tokens) for segment in segments) / n))
