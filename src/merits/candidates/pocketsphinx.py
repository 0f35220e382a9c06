"""Speech to text by PocketSphinx, a recogniser of words by their sounds (package `pocketsphinx`, extra `speech`)."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np

from merits.candidates.imports import versions
from merits.candidates.reading_ahead import ReadingAhead
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer
from merits.core.doors import Model
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.core.validate import did_you_mean
from merits.media.files import check_hashes, file_hash
from merits.media.finding import Media, sound_file
from merits.media.sounds import SPEECH_RATE, Sound, read_sound
from merits.media.weights import find_file, find_folder

__all__ = ["READS", "Params", "load"]

ON_PREMISES = True

READS: tuple[Reads, ...] = ("sound",)
Option = bool | int | float
_WORKER = (sys.executable, "-m", "merits.candidates.sphinx_worker")


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """PocketSphinx, with the models of US English that it brings; the input names a sound file beside the data."""

    grammar: Annotated[
        str, msgspec.Meta(description="A JSGF grammar (a file) of all that may be said: digits, commands.")
    ] = ""
    keywords: Annotated[
        str, msgspec.Meta(description="A file of key phrases to spot, one a line with its threshold: hello /1e-20/.")
    ] = ""
    acoustic_model: Annotated[str, msgspec.Meta(description="The folder of another acoustic model (hmm).")] = ""
    language_model: Annotated[str, msgspec.Meta(description="The file of another language model (lm).")] = ""
    dictionary: Annotated[str, msgspec.Meta(description="The file of another dictionary of pronunciations.")] = ""
    options: Annotated[
        dict[str, Option],
        msgspec.Meta(description="Further settings by PocketSphinx's own names: {topn: 2, maxhmmpf: 3000} is faster."),
    ] = {}
    sha256: Annotated[
        dict[str, str],
        msgspec.Meta(description="If given, these files of the models must have this SHA-256: {mdef: 5e1f...}."),
    ] = {}

    def __post_init__(self) -> None:
        said = [name for name in ("grammar", "keywords", "language_model") if getattr(self, name)]
        if len(said) > 1:
            raise ValueError(f"what may be said is told in one way, not by {' and '.join(said)}")


def load(params: Params, context: LoadContext) -> Model:
    """A model that answers with what it hears; the models are read at the first question.

    Sound is resampled to 16 kHz. Each utterance is decoded as if it were the first, so that an answer does not depend
    on those before. No confidence: PocketSphinx's own posterior is of the whole utterance, and far too small.
    """
    try:
        import pocketsphinx  # noqa: F401 (so that a missing package is told before anything is asked)
    except ImportError:
        raise MissingExtra(
            "PocketSphinx needs pocketsphinx, which is not installed.", "Install it: pip install 'merits[speech]'"
        ) from None
    settings: dict[str, Option | Path] = {**_options(params), **_files(params, context)}
    files = [_files_in(value) for value in settings.values() if isinstance(value, Path)]
    check_hashes({file.name: file for some in files for file in some}, params.sha256)
    contents = [[f"{file.name} {file_hash(file)}" for file in some] for some in files]
    fingerprint = content_hash(["pocketsphinx 1", contents, versions("pocketsphinx")])
    model = _Sphinx({name: str(value) if isinstance(value, Path) else value for name, value in settings.items()})
    return ReadingAhead(
        partial(_read, Media.of(context)),
        model.answer,
        fingerprint=fingerprint,
        timeout_s=context.timeout_s,
        close=model.close,
    )


def _options(params: Params) -> dict[str, Option]:
    """The options, once each is a number that PocketSphinx knows; what names a file has a parameter of its own."""
    from pocketsphinx import Config

    usual = Config()
    known = [name for name in usual if isinstance(usual[name], Option) and name != "samprate"]
    for name in params.options:
        if name not in known:
            raise CandidateError(f"options: PocketSphinx has no number {name!r}.", did_you_mean(name, known))
    return dict(params.options)


def _files(params: Params, context: LoadContext) -> dict[str, Path]:
    """What the parameters name, by PocketSphinx's own names."""
    found = {
        "jsgf": params.grammar and find_file(params.grammar, context),
        "kws": params.keywords and find_file(params.keywords, context),
        "hmm": params.acoustic_model and find_folder(params.acoustic_model, context),
        "lm": params.language_model and find_file(params.language_model, context),
        "dict": params.dictionary and find_file(params.dictionary, context),
    }
    return {name: Path(place) for name, place in found.items() if place}


def _files_in(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.is_file())


def _read(media: Media, input: JSON) -> Sound:
    return read_sound(sound_file(media, input)[0])


class _Sphinx:
    """Blocking answers of one decoder in a process of its own, asked from one thread at a time."""

    def __init__(self, settings: dict[str, Option | str]) -> None:
        self._settings = settings
        self._worker: subprocess.Popen[bytes] | None = None

    def answer(self, sound: Sound) -> Answer:
        """What is heard; "" where nothing is."""
        worker = self._opened()
        samples = np.round(np.clip(sound.samples, -1, 1) * 32767).astype("<i2").tobytes()
        return Answer(self._said(worker, struct.pack("<I", len(samples)) + samples)["heard"])

    def close(self) -> None:
        """Ends the process, also one that is listening."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()
            worker.wait()
            for pipe in (worker.stdin, worker.stdout):
                with suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]

    def _opened(self) -> subprocess.Popen[bytes]:
        if self._worker is None:
            self._worker = subprocess.Popen(
                _WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            settings = json.dumps({"samprate": SPEECH_RATE, **self._settings}).encode() + b"\n"
            if problem := self._said(self._worker, settings)["problem"]:
                self.close()
                raise CandidateError(
                    f"PocketSphinx cannot be set up: {problem}.",
                    "Look at the files that the recipe names: is each of the kind that its parameter says?",
                )
        return self._worker

    def _said(self, worker: subprocess.Popen[bytes], words: bytes) -> dict[str, str]:
        """The reply to some words. Where the process has ended, the next question starts another."""
        assert worker.stdin is not None
        assert worker.stdout is not None
        line = b""
        with suppress(BrokenPipeError):
            worker.stdin.write(words)
            worker.stdin.flush()
            line = worker.stdout.readline()
        if not line:
            code = worker.wait()
            self.close()
            raise RuntimeError(f"the process of PocketSphinx ended with exit code {code}")
        return msgspec.json.decode(line, type=dict[str, str])
