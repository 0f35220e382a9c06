"""What is watched of an input of any kind of task, and of an answer: numbers and categories instead of the content.

`seen_of` is called for every request that is served, and for every test example when a release is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from merits.core.answer import Answer
from merits.core.errors import MeritsError, TaskError
from merits.core.identity import JSON
from merits.core.kinds import Reads, task_kind
from merits.media.finding import is_sound
from merits.media.sounds import Sound
from merits.reading.seen import Lens, Seen, embedding_of, seen_of_columns, seen_of_text, text_in

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["confidence_of", "embedding_in", "seen_of", "seen_of_answer", "seen_of_picture", "seen_of_sound"]

_SIDE = 64  # pixels a side that brightness, contrast, sharpness and colour are measured on
_FRAME_S = 0.02
_SILENT_DB = -50.0  # below full scale
_FULL = 0.999


def seen_of(
    input: JSON,
    kind: str,
    lens: Lens = Lens(),  # noqa: B008  it is frozen
    files: Callable[[str], Path | bytes | None] = lambda name: None,
) -> Seen:
    """What is watched of an input to a task of this kind, by the name of the stream. Never raises for an odd input.

    `lens` says what is known of the reference (`Lens.of`), `files` gives what a picture or sound that the input names
    holds, or None. Texts and columns take about 20 microseconds, a language 80 more (of one text in four); pictures and
    sounds must be decoded: milliseconds.

    >>> seen_of({"age": 41, "plan": "gold"}, "classification")
    {'age': 41.0, 'plan': 'gold'}
    """
    reads = _reads(kind)
    seen: Seen = {}
    if isinstance(input, Mapping):
        seen |= seen_of_columns(input, lens)
        names: Sequence[JSON] = tuple(input.values())
        text = text_in(input) if "text" in reads and "columns" not in reads else None
    else:
        names = (input,)
        text = text_in(input) if "text" in reads or isinstance(input, list | tuple) else None
        if isinstance(input, list | tuple):
            seen["messages" if "text" in reads else "items"] = float(len(input))
    if "picture" in reads or "sound" in reads:
        for name in names:
            found = files(name) if isinstance(name, str) else None
            if found is not None:
                seen |= _seen_of_file(found, reads)
                text = None if name == text else text
    return seen if text is None else seen | seen_of_text(text, lens)


def embedding_in(input: JSON, kind: str) -> tuple[float, ...]:
    """The text of an input as a short vector; () for what is no text."""
    text = text_in(input) if "text" in _reads(kind) and not isinstance(input, Mapping) else None
    return () if text is None else embedding_of(text)


def seen_of_answer(answer: Answer, cost: float | None = None, classes: Sequence[str] = ()) -> Seen:
    """What is watched of an answer: failure, refusal, label, confidence, length, tokens, seconds and cost.

    The label is there where there are classes ("(none)" for an output that is none of them); the length where it is a
    text and there are no classes. What could not be asked has no label and no confidence, and what was refused has no
    label: one thing is told once.

    >>> seen_of_answer(Answer(output="spam", confidence=0.9, latency_s=0.2), classes=("ham", "spam"))["label"]
    'spam'
    """
    failed = answer.failure is not None
    seen: Seen = {"failed": "true" if failed else "false", "refused": "true" if answer.refused else "false"}
    if failed:
        return seen
    if answer.refused:
        pass
    elif classes:
        seen["label"] = answer.output if isinstance(answer.output, str) and answer.output in classes else "(none)"
    elif isinstance(answer.output, str):
        seen["answer: length"] = float(len(answer.output))
    elif isinstance(answer.output, int | float) and not isinstance(answer.output, bool):
        seen["answer"] = float(answer.output)
    confidence = confidence_of(answer)
    if confidence is not None:
        seen["confidence"] = confidence
    if answer.usage.output_tokens:
        seen["output tokens"] = float(answer.usage.output_tokens)
    if not answer.untimed:
        seen["latency"] = answer.latency_s
    if cost is not None:
        seen["cost"] = cost
    return seen


def confidence_of(answer: Answer) -> float | None:
    """How sure a model says that it is, 0..1: its confidence, or the largest of its probabilities; None for neither."""
    if answer.confidence is not None:
        return answer.confidence
    return max(answer.probabilities.values()) if answer.probabilities else None


def seen_of_picture(picture: Image) -> Seen:
    """Size in megapixels, shape, brightness, contrast, colour and sharpness of a picture (RGB); the last four in 0..1.

    Brightness and contrast are mean and standard deviation of grey, colour the mean difference between the largest and
    smallest of red, green and blue, sharpness the mean step between neighbouring pixels at 64 x 64.

    >>> from PIL import Image
    >>> seen_of_picture(Image.new("RGB", (100, 50), "white"))["brightness"]
    1.0
    """
    from PIL.Image import Resampling

    small = np.asarray(picture.resize((_SIDE, _SIDE), Resampling.BOX), np.float64) / 255.0
    grey = small.mean(axis=2)
    steps = np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()
    return {
        "megapixels": picture.width * picture.height / 1e6,
        "width to height": picture.width / picture.height,
        "brightness": float(grey.mean()),
        "contrast": float(grey.std()),
        "colour": float((small.max(axis=2) - small.min(axis=2)).mean()),
        "sharpness": float(steps / 2.0),
    }


def seen_of_sound(sound: Sound) -> Seen:
    """Length in seconds, level in dB below full scale, share of silence (frames under -50 dB), and share of clipping.

    >>> seen_of_sound(Sound(np.zeros(8_000, np.float32), 8_000))
    {'seconds': 1.0, 'level dB': -120.0, 'silence': 1.0, 'clipping': 0.0, 'rate': 8000.0}
    """
    samples = sound.samples
    size = max(1, round(_FRAME_S * sound.rate))
    frames = samples[: len(samples) // size * size].reshape(-1, size) if len(samples) >= size else samples[None, :]
    loud = np.sqrt(np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / frames.shape[1])  # an hour is not copied
    whole = float(np.sqrt((loud**2).mean()))
    return {
        "seconds": sound.seconds,
        "level dB": float(20.0 * np.log10(max(whole, 1e-6))),
        "silence": float((loud < 10.0 ** (_SILENT_DB / 20.0)).mean()),
        "clipping": float(((samples >= _FULL) | (samples <= -_FULL)).mean()),
        "rate": float(sound.rate),
    }


@cache
def _reads(kind: str) -> tuple[Reads, ...]:
    try:
        return task_kind(kind).reads
    except TaskError:
        return ("text",)


def _seen_of_file(content: Path | bytes, reads: Sequence[Reads]) -> Seen:
    """What is seen of a picture or a sound; "unreadable" where it cannot be decoded, which is worth watching itself."""
    from merits.media.pictures import read_picture
    from merits.media.sounds import read_sound

    sounds = "sound" in reads and ("picture" not in reads or (isinstance(content, Path) and is_sound(content)))
    try:
        found = seen_of_sound(read_sound(content, None)) if sounds else seen_of_picture(read_picture(content))
    except MeritsError:
        return {"readable": "false"}
    return found | {"readable": "true"}
