"""How good a translation is to a trained judge of translations: COMET, run in an environment of its own."""

from __future__ import annotations

import atexit
import json
import subprocess
import threading
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.errors import MissingExtra, TaskError
from merits.core.outcome import Score
from merits.core.task import Example
from merits.media.files import file_hash
from merits.media.weights import AllowPickle
from merits.reading.values import text_of
from merits.scorers.reading import CannotJudge, targets_of, wrong

__all__ = ["Params", "fingerprint", "load"]

_STEP = "python -m venv comet && comet/bin/pip install unbabel-comet, then `python: comet/bin/python`"


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Which checkpoint, where the package unbabel-comet is, and from where on a translation is good enough."""

    checkpoint: Annotated[
        str,
        msgspec.Meta(min_length=1, description="The checkpoint (checkpoints/model.ckpt beside its hparams.yaml)."),
    ]
    python: Annotated[
        str,
        msgspec.Meta(min_length=1, description="The interpreter of an environment that holds unbabel-comet."),
    ]
    sha256: Annotated[str, msgspec.Meta(description="If given, the checkpoint's SHA-256 must be this.")] = ""
    allow_pickle: AllowPickle = False
    solved_from: Annotated[
        float, msgspec.Meta(ge=0, le=1, description="The score from which on a translation counts as solved.")
    ] = 0.8


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer whose value is COMET's, from 0 to 1, of the source, the translation and the best of the references.

    Rei et al. (2020), doi:10.18653/v1/2020.emnlp-main.213. The measure is the mean over answers. The model is opened by
    the first answer and kept for all; it runs on the processor, and nothing is downloaded. Checkpoints are pickled and
    can run code when they are read, so `allow_pickle: true` must say that this one is trusted.

    Raises TaskError where the checkpoint is not there or not the one that was meant, MissingExtra without the
    interpreter.
    """
    file, python = _checkpoint(params, folder), _interpreter(params, folder)

    def score(example: Example, answer: Answer) -> Score:
        said = text_of(answer.output)
        references = [text for text in map(text_of, targets_of(example)) if text.strip()]
        if not references:
            raise CannotJudge(f"the target of example {example.id!r} is empty")
        if not said.strip():
            return wrong("says nothing")
        source = text_of(example.input)
        worker = _worker(str(python), str(file))
        value = max(worker.score({"src": source, "mt": said, "ref": text}) for text in references)
        value = min(max(value, 0.0), 1.0)
        return Score(value, value >= params.solved_from, f"COMET {value:.3f}")

    return score


def fingerprint(params: Params, *, folder: Path) -> str:
    """The checkpoint's content."""
    return file_hash(_checkpoint(params, folder))


def _checkpoint(params: Params, folder: Path) -> Path:
    file = folder / params.checkpoint
    if not file.is_file():
        raise TaskError(
            f"comet: there is no checkpoint {file}.", "Name the file: checkpoint: NAME/checkpoints/model.ckpt"
        )
    if not params.allow_pickle:
        raise TaskError(
            f"comet: {file.name} is pickled, and can run code when it is read.",
            "Where you trust it, say so: allow_pickle: true. Give its sha256 too.",
        )
    if params.sha256 and file_hash(file) != params.sha256.lower():
        raise TaskError(
            f"comet: {file.name} has the SHA-256 {file_hash(file)}, not {params.sha256}.",
            "Do not use it; fetch it anew.",
        )
    return file


def _interpreter(params: Params, folder: Path) -> Path:
    given = Path(params.python).expanduser()
    python = given if given.is_absolute() else folder / given
    if not python.is_file():
        raise MissingExtra(f"the scorer comet needs an environment of its own, and there is no {python}.", _STEP)
    return python


class _Worker:
    """A process that holds the model. One sample at a time."""

    def __init__(self, python: str, checkpoint: str) -> None:
        script = str(Path(__file__).with_name("comet_worker.py"))
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([python, script, checkpoint], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self._lock = threading.Lock()
        atexit.register(self._process.kill)
        self.problem = "" if self._read().get("ready") else self._why()

    def score(self, sample: dict[str, str]) -> float:
        """COMET's score of a sample. Raises CannotJudge with the reason where there is none."""
        if self.problem:
            raise CannotJudge(self.problem)
        with self._lock:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(sample) + "\n")
            self._process.stdin.flush()
            said = self._read()
        if "score" not in said:
            raise CannotJudge(f"COMET could not score it: {said.get('error') or self._why()}")
        return float(said["score"])

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = json.loads(line) if line.strip() else {}
        return found if isinstance(found, dict) else {}

    def _why(self) -> str:
        assert self._process.stderr is not None
        self._process.kill()
        last = self._process.stderr.read().strip().splitlines()[-1:] or ["it ended without a word"]
        return f"COMET cannot be run: {last[0][:300]}"


@lru_cache(maxsize=2)
def _worker(python: str, checkpoint: str) -> _Worker:
    return _Worker(python, checkpoint)
