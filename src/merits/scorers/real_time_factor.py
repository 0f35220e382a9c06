"""Seconds that an answer took for each second of sound: below 1 it keeps up with what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.outcome import Counts, Score
from merits.core.task import Example
from merits.media.finding import Media, sound_file
from merits.media.sounds import seconds_in
from merits.scorers.reading import CannotJudge

__all__ = ["READS_FILES", "Params", "load"]

READS_FILES = True


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """When an answer was fast enough."""

    solved_to: Annotated[
        float, msgspec.Meta(gt=0, description="The seconds per second of sound up to which an answer is fast enough.")
    ] = 1.0


def load(params: Params, *, classes: tuple[str, ...], folder: Path, data_folders: tuple[Path, ...] = ()) -> Scorer:
    """A scorer of the real-time factor. The measure is all seconds taken over all seconds of sound.

    The seconds are those of this machine; of a model elsewhere, those that a caller waited. How long a sound is stands
    in its file. An answer's value is 1 less the factor, at least 0. What cannot be read, and what was not timed, is
    not judged.
    """
    media = Media((*data_folders, folder))

    def score(example: Example, answer: Answer) -> Score:
        if answer.untimed:
            raise CannotJudge("nobody wrote down how long the answer took")
        sound_s = seconds_in(sound_file(media, example.input)[0])
        took_s = answer.usage.machine_s or answer.latency_s
        factor = took_s / sound_s
        counts = Counts("real_time_factor", (took_s, sound_s))
        reason = f"{took_s:.3g} s for {sound_s:.3g} s of sound"
        return Score(max(0.0, 1.0 - factor), factor <= params.solved_to, reason, counts)

    return score
