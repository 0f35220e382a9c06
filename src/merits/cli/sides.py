"""What a word on the command line means: a candidate, a candidate as of an earlier run, or a file with results.

small              the candidate in the latest run that has it
small@3            the candidate in run 3 (`merits compare --runs` lists them); @-1 is the run before the latest
@3                 all candidates of run 3
old.eval           all candidates of a file
old.csv:small      one candidate of a file
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from merits.cli.options import DEFAULT_TASK, found_task
from merits.core.errors import TaskError, UsageError
from merits.core.validate import did_you_mean
from merits.deciding.pairing import Side

if TYPE_CHECKING:
    from merits.core.doors import Store, StoredRun
    from merits.core.evaluation import Evaluation
    from merits.core.identity import JSON
    from merits.core.task import Task
    from merits.evaluating.importing import Reading

__all__ = ["Finder", "check_used", "inputs_by_example", "inputs_of", "matched", "sides_in_file"]

_RUN = re.compile(r"(?P<name>.*)@(?P<number>-?\d+)")
_FILES = frozenset({".csv", ".eval", ".json", ".jsonl", ".parquet", ".gz", ".tsv"})


@dataclass(frozen=True)
class Finder:
    """Finds sides. The task and its store are opened only when a word needs them."""

    task_path: str
    store_path: str | None
    reading: Reading

    @cached_property
    def task(self) -> Task:
        """The task; TaskError when there is none."""
        return found_task(self.task_path)

    @cached_property
    def store(self) -> Store:
        """The task's store, to read."""
        from merits.flow import default_store
        from merits.store import open_store

        return open_store(self.store_path or default_store(self.task), write=False)

    @cached_property
    def runs(self) -> tuple[StoredRun, ...]:
        """The runs on the test examples of tasks with this task's name, oldest first."""
        return tuple(run for run in self.store.runs() if run.task_name == self.task.name and run.split == "test")

    @cached_property
    def inputs(self) -> dict[str, JSON]:
        """The task's inputs by their hash; none where no word needed a task and there is none that can be read."""
        if "task" not in self.__dict__ and self.task_path == DEFAULT_TASK:
            try:
                return inputs_of(self.task)
            except UsageError:
                return {}
        return inputs_of(self.task)

    def sides(self, word: str) -> tuple[Side, ...]:
        """What a word names; UsageError, with the near miss, when it names nothing."""
        path, _, name = word.rpartition(":")
        if Path(word).is_file() or (not path and Path(word).suffix in _FILES):
            return sides_in_file(Path(word), "", self.reading)
        if path and (Path(path).is_file() or Path(path).suffix in _FILES):
            return sides_in_file(Path(path), name, self.reading)
        if Path(word).suffix in _FILES and not self._is_candidate(word):
            return sides_in_file(Path(word), "", self.reading)
        match = _RUN.fullmatch(word)
        if match and not self._is_candidate(word):
            return self._of_run(match["name"], int(match["number"]))
        return (self._latest(word),)

    def _is_candidate(self, word: str) -> bool:
        exists = self.task_path != DEFAULT_TASK or Path(DEFAULT_TASK).exists()
        return exists and any(candidate.name == word for candidate in self.task.candidates)

    def _of_run(self, name: str, number: int) -> tuple[Side, ...]:
        known = [run.number for run in self.runs]
        if number < 0 and len(known) >= 1 - number:
            number = known[number - 1]
        evaluation = self.store.run(number) if number in known else None
        if evaluation is None:
            step = "List the runs there are: merits compare --runs" if known else "Run it first: merits run"
            raise UsageError(f"there is no run {number} of {self.task.name!r}.", step)
        return _sides(evaluation, name, f"run {number}", numbered=number)

    def _latest(self, name: str) -> Side:
        number = next((run.number for run in reversed(self.runs) if name in run.candidates), None)
        evaluation = None if number is None else self.store.run(number)
        if evaluation is not None:
            return Side(name, evaluation, evaluation.index(name))
        if self._is_candidate(name):
            raise TaskError(f"candidate {name!r} has not been run yet.", f"Run it first: merits run --only {name}")
        ran = {candidate for run in self.runs for candidate in run.candidates}
        step = did_you_mean(name, ran) if ran else "Name a file with results, or run the task first: merits run"
        raise UsageError(f"{name!r} is neither a candidate nor a file.", step)


def inputs_of(task: Task) -> dict[str, JSON]:
    """The inputs of a task by their hash."""
    return {example.input_hash: example.input for example in task.examples}


def inputs_by_example(sides: Iterable[Side], inputs: Mapping[str, JSON]) -> dict[str, JSON]:
    """The inputs by example id, where an example's input is really the one of that hash."""
    found: dict[str, JSON] = {}
    for side in sides:
        evaluation = side.evaluation
        for example, digest in zip(evaluation.examples.tolist(), evaluation.input_hashes.tolist(), strict=True):
            if digest in inputs:
                found[example] = inputs[digest]
    return found


def sides_in_file(path: Path, name: str, reading: Reading) -> tuple[Side, ...]:
    """One candidate of a file of results, or all of them."""
    from merits.evaluating.importing import read_results

    return _sides(read_results(path, reading), name, path.name)


def check_used(reading: Reading, sides: Iterable[Side]) -> None:
    """Raises UsageError where it is said how files of other tools are read, and there is none among these sides."""
    said = bool(reading.metric) or reading.solved_at is not None
    if said and not any("tool" in side.evaluation.facts for side in sides):
        raise UsageError(
            "--metric and --solved-at say how a file of another tool is read, and none is named here.",
            "Leave them out: what was run by Merits holds one score, and says what solved means.",
        )


def matched(words: Sequence[str], found: Sequence[Sequence[Side]]) -> list[tuple[Side, tuple[Side, ...]]]:
    """Who is compared with whom: all against the first; where two words name several each, those of one name.

    Raises UsageError when a word leaves open which of several candidates is meant.
    """
    if len(found) == 1:
        first, *others = found[0]
        if not others:
            raise UsageError(f"{words[0]} is one candidate only.", "Name what it is to be compared with.")
        return [(first, tuple(others))]
    if all(len(sides) == 1 for sides in found):
        first, *rest = (side for sides in found for side in sides)
        return [(first, tuple(rest))]
    if len(found) > 2:
        several = next(word for word, sides in zip(words, found, strict=True) if len(sides) > 1)
        raise UsageError(f"{several} holds several candidates.", f"Name one of them: {several}:NAME")
    firsts, seconds = ({_own_name(side): side for side in sides} for sides in found)
    common = [name for name in firsts if name in seconds]
    if common:
        return [(firsts[name], (seconds[name],)) for name in common]
    if len(firsts) == 1:
        return [(next(iter(firsts.values())), tuple(seconds.values()))]
    raise UsageError(
        f"{words[0]} has {', '.join(firsts)}; {words[1]} has {', '.join(seconds)}: none is in both.",
        f"Name one of each: {words[0]}:NAME",
    )


def _own_name(side: Side) -> str:
    return side.evaluation.names[side.k]


def _sides(evaluation: Evaluation, name: str, where: str, *, numbered: int | None = None) -> tuple[Side, ...]:
    if name and name not in evaluation.names:
        raise UsageError(f"{where} has no candidate {name!r}.", did_you_mean(name, evaluation.names))
    origin = f" ({where})" if numbered is None else f"@{numbered}"
    return tuple(
        Side(f"{own}{origin}", evaluation, k) for k, own in enumerate(evaluation.names) if not name or own == name
    )
