"""What a model learned to write, in a file until the model is closed: for language models and translators alike."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from merits.candidates.checkpoints import Checkpoint, checkpoint_of
from merits.candidates.fine_tuning.jobs import writer_job
from merits.candidates.fine_tuning.learning import apart, learn
from merits.candidates.fine_tuning.numbers import check_numbers, save, take, temporary_file, with_adapter
from merits.candidates.fine_tuning.settings import TrainerParams
from merits.candidates.fine_tuning.writing import Pair, Writing, tune_writer
from merits.candidates.registry import LoadContext
from merits.core.errors import CandidateError
from merits.core.identity import content_hash
from merits.core.task import Example
from merits.media.weights import ModelFolder

__all__ = ["LearnedWriter"]

_NUMBERS = "trained.safetensors"


class LearnedWriter:
    """Trains networks of transformers on what is to be written, and keeps the numbers that were trained in a file.

    `family` names the checkpoints, `fingerprint` the model and all that its training depends on but the examples.
    `reads_apart` where an encoder reads the prompts.
    """

    def __init__(
        self,
        training: TrainerParams,
        context: LoadContext,
        *,
        family: str,
        fingerprint: str,
        kept: bool,
        reads_apart: bool = False,
    ) -> None:
        self._training, self._context = training, context
        self._family, self._fingerprint, self._kept, self._reads_apart = family, fingerprint, kept, reads_apart
        self._file: Path | None = None

    def learn(
        self,
        network: Any,
        pairs: Sequence[tuple[Example, Pair]],
        *,
        source: ModelFolder | Path,
        device: str,
        n_known: int,
    ) -> None:
        """Nothing; what these examples teach the network is in the file from then on. An adapter stays in the network.

        `n_known` is how many examples there were, with those that are too long. CandidateError where none is left.
        """
        context, training = self._context, self._training
        if not pairs:
            raise CandidateError(
                f"none of {n_known} examples with a target is short enough to learn from.",
                "Label some in the dev split, or raise the longest text that the model reads.",
            )
        if len(pairs) < n_known:
            context.note(f"{n_known - len(pairs):,} of {n_known:,} examples are too long to learn from")
        held_out = apart([example for example, _ in pairs], training, seed=context.seed)
        lesson = Writing([pair for _, pair in pairs], held_out)
        with_adapter(network, training.lora, seed=context.seed)
        learn(
            network,
            lambda folder: tune_writer(
                network, lesson, training, seed=context.seed, device=device, folder=folder, note=context.note
            ),
            lambda: writer_job(source, lesson, training, seed=context.seed, device=device, apart=self._reads_apart),
            n_processes=training.processes,
            checkpoint=self._checkpoint(lesson),
            context=context,
        )
        self._file = self._file or temporary_file()
        save(network, self._file)

    def put_into(self, network: Any) -> None:
        """Nothing; a network as it came has what was learned, if anything was, an adapter merged into it."""
        if self._file is None:
            return
        try:
            take(network, self._file, self._training.lora, seed=self._context.seed)
        except (KeyError, RuntimeError) as problem:
            raise _not_kept(f"its numbers are of another network ({str(problem).splitlines()[0]})") from None

    def keep(self, folder: Path) -> None:
        """Writes the numbers that were trained: all of the network's, or an adapter's."""
        if self._file is None:
            raise RuntimeError("kept before it was fitted")
        shutil.copyfile(self._file, folder / _NUMBERS)

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote, in a file of its own; CandidateError where that is not whole."""
        file = temporary_file()
        try:
            shutil.copyfile(folder / _NUMBERS, file)
            check_numbers(file)
        except BaseException as problem:
            file.unlink(missing_ok=True)
            if isinstance(problem, OSError):
                raise _not_kept(problem.strerror or str(problem)) from None
            raise
        self.forget()
        self._file = file

    def forget(self) -> None:
        """Deletes the file."""
        if self._file is not None:
            self._file.unlink(missing_ok=True)
        self._file = None

    def _checkpoint(self, lesson: Writing) -> Checkpoint | None:
        """Where this very training is kept: its name is a hash of the training, the code and the tokens."""
        taught = [[pair.prompt, pair.answer] for pair in lesson.pairs]
        settings = msgspec.to_builtins(self._training)
        name = content_hash([self._fingerprint, settings, taught, lesson.held_out.tolist()])
        return checkpoint_of(self._context, self._family, name, kept=self._kept)


def _not_kept(why: str) -> CandidateError:
    return CandidateError(f"{_NUMBERS} is not what this candidate kept: {why}.", "Release it anew: merits release")
