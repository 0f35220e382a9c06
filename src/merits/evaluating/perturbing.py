"""The perturbations of a task in one run: which levels there are, on which examples, and the inputs under them.

An input is perturbed when it is asked, off the event loop where that takes long, and never kept: the same seed always
makes the same of it.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from merits.candidates.batcher import in_thread
from merits.core.candidate import Candidate, Price
from merits.core.doors import Store
from merits.core.errors import MeritsError, MissingExtra, StoreError, TaskError, UsageError
from merits.core.facts import ruled_out
from merits.core.identity import JSON, hash_of_rows
from merits.core.needs import Needs
from merits.core.on_demand import outlines
from merits.core.robustness import PARAPHRASE, Level, level_id
from merits.core.task import Example, Split, Task
from merits.evaluating.asker import Asker
from merits.evaluating.asking import Unmade, at_once
from merits.evaluating.forecast import Story
from merits.evaluating.known import Known
from merits.evaluating.paraphrasing import Paraphraser, stored_paraphrase
from merits.evaluating.planning import Part
from merits.media.finding import Media
from merits.perturbations.inputs import Applied, asked_as, holds
from merits.perturbations.registry import Perturbation, perturbation

__all__ = ["Perturbing", "asked_again", "perturbed_folder", "perturbing_of"]

_LOOKED_AT = 50  # examples among which one must hold what a perturbation reads
_SHORT = 4_000  # characters of a text that is perturbed sooner than a thread is started


@dataclass(frozen=True)
class Perturbing:
    """What a run knows of its perturbations. `sample` are the indices of the examples that are perturbed; None: all.

    `applied` holds what is applied at each level, but for a paraphrase, which the `paraphraser` makes.
    """

    levels: tuple[Level, ...]
    sample: tuple[int, ...] | None
    applied: Mapping[str, Applied]
    threads: asyncio.Semaphore
    paraphraser: Paraphraser | None = None

    def check(self, examples: Sequence[Example]) -> None:
        """Nothing, if every perturbation makes something of an example; else a TaskError, before anything is asked."""
        for level in self.levels:
            if level.id in self.applied:
                _check(level, self.applied[level.id], examples)

    def input_of(self, example: Example, level: Level) -> JSON:
        """The input of an example at a level. Raises Unmade where it cannot be perturbed."""
        try:
            return self.applied[level.id].to(example.input)
        except (MissingExtra, StoreError):
            raise
        except Exception as problem:
            raise Unmade(f"{level.id} of {example.id}: {str(problem) or type(problem).__name__}") from problem

    async def made(self, example: Example, level: Level) -> JSON:
        """The same, off the event loop where it may take long, or in the words of a model."""
        if level.name == PARAPHRASE and self.paraphraser is not None:
            return await self.paraphraser.made(example.input)
        applied = self.applied[level.id]
        if applied.perturbation.READS in ("text", "columns", "events") and _is_short(example.input):
            return self.input_of(example, level)
        async with self.threads:
            return await in_thread(lambda: self.input_of(example, level))


def perturbing_of(
    task: Task, split: Split, folder: Path, asker_of: Callable[[Candidate], Asker] | None = None
) -> Perturbing | None:
    """The perturbations of a task's split, whose files go to `folder`; None where it names none.

    `asker_of` makes ready whoever paraphrases; without it nothing is paraphrased.
    """
    robustness, seed = task.robustness, task.settings.seed
    if not robustness.perturbations:
        return None
    media = Media.of(task)
    levels: list[Level] = []
    applied: dict[str, Applied] = {}
    paraphraser: Paraphraser | None = None
    for one in robustness.perturbations:
        if one.by is not None:
            if asker_of is not None:
                asker = asker_of(one.by)
                at_most = asyncio.Semaphore(at_once(asker.model, task.settings.concurrency))
                paraphraser = Paraphraser(asker, media, at_most)
                levels.append(paraphraser.level)
            continue
        found = perturbation(one.name)
        studied, of_dev = _studied(found, task)
        for strength in one.strengths:
            name = level_id(one.name, strength)
            key = f"{asked_as(one.name, strength, found.VERSION, seed)}{of_dev}"
            levels.append(Level(name, one.name, key, strength, found.STRENGTH))
            applied[name] = Applied(found, strength, one.name, key, seed, media, folder, studied)
    n = len(task.split(split))
    size = robustness.sample
    sample = None if size is None or size >= n else tuple(sorted(random.Random(seed).sample(range(n), size)))
    threads = asyncio.Semaphore(os.cpu_count() or 1)
    return Perturbing(tuple(levels), sample, applied, threads, paraphraser)


def paraphrases_foreseen(
    perturbing: Perturbing | None,
    found: Sequence[Known],
    needs: Needs,
    price_of: Callable[[Candidate], Price | None],
) -> list[tuple[Part, Story]]:
    """What who paraphrases will be asked, if nothing but the plan is: texts that no paraphrase is stored of."""
    paraphraser = None if perturbing is None else perturbing.paraphraser
    if paraphraser is None or not found:
        return []
    rows, level = found[0].rows, paraphraser.level
    asking = [known.to_ask for known in found if not ruled_out(known.candidate, needs)]
    wanted = {q for questions in asking for q in questions if rows.level_of(q) == level}
    inputs = (rows.example_of(question).input for question in sorted(wanted))
    return [paraphraser.foreseen(inputs, price_of(paraphraser.asker.candidate))]


def perturbed_folder(task: Task, store: Store) -> Path:
    """Where perturbed pictures and sounds are written: beside the store, where it is a file."""
    path = getattr(store, "path", None)
    if isinstance(path, Path) and str(path) != ":memory:":
        return path.parent / "perturbed"
    return Path(tempfile.gettempdir()) / f"merits-perturbed-{os.getuid() if hasattr(os, 'getuid') else 'files'}"


def asked_again(task: Task, split: Split, store: Store) -> Callable[[Example, Level], JSON]:
    """Gives what an example was asked as at a level, for a report; None where that cannot be had any more."""
    try:
        perturbing = perturbing_of(task, split, perturbed_folder(task, store))
    except UsageError:
        perturbing = None
    media = Media.of(task)

    def asked(example: Example, level: Level) -> JSON:
        with suppress(Unmade, MeritsError):
            if level.name == PARAPHRASE:
                return stored_paraphrase(store, level, example.input, media)
            if perturbing is not None and level in perturbing.levels:
                return perturbing.input_of(example, level)
        return None

    return asked


def _studied(found: Perturbation, task: Task) -> tuple[Any, str]:
    """What a perturbation learns from the inputs of dev, when it is first needed, and what tells it from others."""
    study = getattr(found, "study", None)
    if study is None:
        return (lambda: None), ""
    dev = task.split("dev")
    of_dev = hash_of_rows(example.input_hash for example in outlines(dev))
    return cache(lambda: study([example.input for example in dev])), f" dev {of_dev}"


def _is_short(input: JSON) -> bool:
    if isinstance(input, str):
        return len(input) < _SHORT
    cells = input.values() if isinstance(input, Mapping) else ()
    return bool(cells) and all(len(cell) < _SHORT for cell in cells if isinstance(cell, str | list | tuple))


def _check(level: Level, applied: Applied, examples: Sequence[Example]) -> None:
    reads, problem = applied.perturbation.READS, None
    for example in islice(examples, _LOOKED_AT):
        if not holds(example.input, reads, applied.media):
            continue
        try:
            applied.to(example.input)
        except ValueError as wrong:
            usual = ", ".join(f"{strength:g}" for strength in applied.perturbation.LEVELS)
            raise TaskError(
                f"robustness: {level.name}: {level.strength:g} is no strength: {wrong}.",
                f"It is the {level.scale}; usual are {usual}.",
            ) from None
        except (MissingExtra, StoreError):
            raise
        except Exception as wrong:  # noqa: BLE001  one broken picture is no reason to ask nobody anything
            problem = wrong
            continue
        return
    if problem is None:
        raise TaskError(
            f"robustness: {level.name} changes {reads}, and no input among the first {_LOOKED_AT} holds any.",
            "Take it out, or name a perturbation of what the inputs hold: merits kinds",
        )
    raise TaskError(f"robustness: {level.name} fails on every example that was tried: {problem}.", "Take it out.")
