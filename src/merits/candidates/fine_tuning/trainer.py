"""The Trainer of transformers, made quiet, and keeping no more than what is learned.

Imported only where transformers and accelerate are there. What it does by itself: batches, shared out over the
processes that torch.distributed knows of (accelerate), AdamW with clipped gradients, a rate that rises and falls, the
loss on what is held out after each epoch, a checkpoint after each, and going on from it. What is different here: no
message, bar or report goes anywhere; a checkpoint holds the trained numbers only; mixed precision is our own, since
accelerate's would stay wrapped around the network.
"""

from __future__ import annotations

import json
import os
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from transformers import EarlyStoppingCallback, PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.utils import logging

from merits.candidates.fine_tuning.numbers import put, trained
from merits.candidates.fine_tuning.settings import TrainerParams

__all__ = ["Course", "train"]

_NUMBERS = "trained.safetensors"
_SPREAD = 0.1  # of all examples: how far in length those of a step may be apart
_TOGETHER = 64  # held-out examples that are computed at once
_ONE_TRAINING = threading.Lock()  # transformers and accelerate hold what they are doing in the process's globals


@dataclass(frozen=True)
class Course:
    """What is trained, and on what.

    `batch` makes what the network takes of some examples, given by number, with `labels`; `loss` is that of a batch as
    the sum over its items, and how many these are. `groups` are what AdamW trains, with their rates. `held_out` says of
    each example whether it is kept for deciding when to stop, shape (examples,), and `lengths` how many tokens it has:
    examples of about one length are computed together.
    """

    network: Any
    groups: Sequence[dict[str, Any]]
    batch: Callable[[Sequence[int]], dict[str, torch.Tensor]]
    loss: Callable[[Any, dict[str, torch.Tensor]], tuple[torch.Tensor, torch.Tensor]]
    held_out: NDArray[np.bool_]
    lengths: NDArray[np.intp]


def train(
    course: Course, params: TrainerParams, *, seed: int, device: str, folder: Path, note: Callable[[str], None]
) -> None:
    """Nothing, once the network has learned: it is as it was after the epoch with the lowest held-out loss.

    What it has come to is in the folder after each epoch; where something is there, it goes on from that. On a
    processor a training that was interrupted comes to the same numbers, bit for bit; a GPU does not promise that. Of
    several processes each calls this with the same course.
    """
    with _undisturbed():
        trainer = _Trainer(course, params, seed=seed, device=device, folder=folder, note=note)
        last = _last(folder)
        if last is not None:
            note(f"training goes on after epoch {_epochs_of(last)} of {params.epochs}")
        if last is not None and _has_stopped(last):
            trainer.take_best(_state(last))
        else:
            trainer.train(resume_from_checkpoint=None if last is None else str(last))
        course.network.eval()
        course.network.zero_grad(set_to_none=True)
        trainer.accelerator.free_memory()


class _Trainer(Trainer):
    def __init__(
        self,
        course: Course,
        params: TrainerParams,
        *,
        seed: int,
        device: str,
        folder: Path,
        note: Callable[[str], None],
    ) -> None:
        self._course = course
        self._folder = folder
        by_length = np.argsort(course.lengths, kind="stable")
        learned, looked_at = by_length[~course.held_out[by_length]], by_length[course.held_out[by_length]]
        self._order = _ByLength(len(learned), params.batch_size, seed)
        stops = bool(len(looked_at))
        world = int(os.environ.get("WORLD_SIZE", "1"))
        arguments = TrainingArguments(
            output_dir=str(folder),
            seed=seed % 2**32,
            num_train_epochs=params.epochs,
            per_device_train_batch_size=max(1, params.batch_size // world),
            per_device_eval_batch_size=_TOGETHER,
            warmup_steps=params.warmup,
            eval_strategy="epoch" if stops else "no",
            save_strategy="epoch",
            save_total_limit=1,
            load_best_model_at_end=stops,
            metric_for_best_model="eval_loss" if stops else None,
            greater_is_better=False,
            restore_callback_states_from_checkpoint=True,
            prediction_loss_only=True,
            label_names=["labels"],
            remove_unused_columns=False,
            dataloader_pin_memory=False,
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            log_level="error",
            use_cpu=device == "cpu",
        )
        arguments._n_gpu = min(arguments.n_gpu, 1)  # several GPUs are for several processes
        super().__init__(
            model=course.network,
            args=arguments,
            data_collator=course.batch,
            train_dataset=learned.tolist(),
            eval_dataset=looked_at.tolist() if stops else None,
            callbacks=[_Notes(note), *([EarlyStoppingCallback(params.patience)] if stops else [])],
        )
        self.remove_callback(PrinterCallback)
        self.model_accepts_loss_kwargs = True  # the items of a whole step are counted, over all processes
        self._mixed = device == "cuda" and torch.cuda.is_bf16_supported()

    def create_optimizer(self, model: Any = None) -> Any:
        if self.optimizer is None:
            self.optimizer = torch.optim.AdamW(self._course.groups)
        return self.optimizer

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return self._order

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
        """All items of a step over all processes, so that theirs weigh alike wherever they are computed."""
        n_items = torch.stack([_n_items(batch["labels"]) for batch in batch_samples]).sum().to(device)
        return self.accelerator.gather(n_items).sum()

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=self._mixed):
            total, n_items = self._course.loss(model, inputs)
        if num_items_in_batch is None:
            loss = total / n_items
        else:  # processes average their gradients, and here they are to be summed
            loss = total * self.accelerator.num_processes / num_items_in_batch
        return (loss, {}) if return_outputs else loss

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        if self.args.should_save:
            into = Path(output_dir or self._folder)
            into.mkdir(parents=True, exist_ok=True)
            save_file(trained(self._course.network), into / _NUMBERS)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        put(self._course.network, load_file(Path(resume_from_checkpoint) / _NUMBERS))

    def _load_best_model(self) -> None:
        self.take_best({"best_model_checkpoint": self.state.best_model_checkpoint})

    def take_best(self, state: Mapping[str, Any]) -> None:
        """The network is that of the best epoch from then on, which is in the folder."""
        self._load_from_checkpoint(str(self._folder / Path(str(state["best_model_checkpoint"])).name))


class _ByLength(torch.utils.data.Sampler[int]):
    """Numbers of examples that are sorted by length, so that those of a step are of about one length.

    The steps come in an order that the seed and the epoch decide, and who is in a step with whom differs by epoch; one
    that is not full comes last.
    """

    def __init__(self, n: int, batch_size: int, seed: int) -> None:
        self._n, self._batch_size, self._seed, self._epoch = n, batch_size, seed, 0

    def __len__(self) -> int:
        return self._n

    def set_epoch(self, epoch: int) -> None:
        """Other steps, in another order."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        random, size = np.random.default_rng([self._seed, self._epoch]), self._batch_size
        noisy = np.arange(self._n) + random.uniform(0, _SPREAD * self._n, self._n)  # neighbours change places
        order = np.argsort(noisy)
        left = self._n % size
        at = int(random.integers(self._n - left + 1)) if left else self._n  # whose step is not full
        rest, full = order[at : at + left], np.delete(order, np.s_[at : at + left])
        steps = full.reshape(-1, size)
        yield from (
            int(number) for step in random.permutation(len(steps)) for number in random.permutation(steps[step])
        )
        yield from (int(number) for number in rest)


class _Notes(TrainerCallback):
    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def on_evaluate(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if state.is_world_process_zero:
            loss = more.get("metrics", {}).get("eval_loss")
            self._note(f"epoch {round(state.epoch)} of {round(args.num_train_epochs)}: held-out loss {loss:.3f}")


def _n_items(labels: torch.Tensor) -> torch.Tensor:
    """How many items a batch has: tokens that count, or examples."""
    return (labels != -100).sum() if labels.dtype == torch.int64 else torch.tensor(len(labels))


def _last(folder: Path) -> Path | None:
    """The newest checkpoint that is whole: its state is written last."""
    whole = [found for found in folder.glob("checkpoint-*") if _state(found)]
    return max(whole, key=lambda found: int(found.name.rpartition("-")[2]), default=None)


def _state(checkpoint: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state


def _epochs_of(checkpoint: Path) -> int:
    return round(float(_state(checkpoint).get("epoch") or 0))


def _has_stopped(checkpoint: Path) -> bool:
    """Whether it had stopped early by then; transformers would begin another epoch."""
    control = _state(checkpoint).get("stateful_callbacks", {}).get("TrainerControl", {})
    return bool(control.get("args", {}).get("should_training_stop"))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """One training at a time, after which the process's generators, environment and messages are what they were."""
    with _ONE_TRAINING, torch.random.fork_rng():
        python, numpy = random.getstate(), np.random.get_state()
        environment, verbosity = dict(os.environ), logging.get_verbosity()
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
            for name in set(os.environ) - set(environment):
                del os.environ[name]
            os.environ.update(environment)
            logging.set_verbosity(verbosity)
