"""The outcomes of one task and one split, as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.candidate import Candidate
from merits.core.hashes import Hashes
from merits.core.judge import Judged
from merits.core.outcome import Status
from merits.core.robustness import Level
from merits.core.task import Split

__all__ = ["Budgeted", "Calls", "Composed", "Counted", "Evaluation", "Human", "Labels", "Raced"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Texts = NDArray[np.str_]


@dataclass(frozen=True)
class Labels:
    """Targets and predictions of a classification task as codes into `classes`.

    `target` has shape (rows,), `predicted` (candidates, rows); -1 means no or an off-list label. `probabilities` maps
    the index of a candidate to an array (rows, classes) where it gave them; rows it gave none for are 0.
    """

    classes: tuple[str, ...]
    target: Ints
    predicted: Ints
    probabilities: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True)
class Raced:
    """How candidates raced: asked in rounds, in a random order that was fixed before, until they were dropped.

    Rows that depend on each other are one unit. `place` (rows,) is the place of each row's unit in the order, from 0;
    `rounds` how many units had been asked after each round; `asked` (candidates,) how many, from the first, each
    candidate was asked before it was dropped or the race ended. Rows past that are nobody's failure. `mode`, `target`
    and `delta` are what they were dropped by, and `stopped` says why it ended.

    `late` (looks, 4) is who fell behind the others and was looked at later: the candidate, after how many rounds, and
    from which unit to which; a last one of no units where it never came in.
    """

    mode: Literal["certified", "economy"]
    target: Literal["examples", "traffic"]
    delta: float
    seed: int
    place: NDArray[np.integer]
    rounds: NDArray[np.integer]
    asked: NDArray[np.integer]
    stopped: Literal["decided", "exhausted", "budget"]
    late: NDArray[np.integer] = field(default_factory=lambda: np.zeros((0, 4), np.int32))


@dataclass(frozen=True)
class Budgeted:
    """What a run might spend (`amount` of `unit`), what it spent of that, and whether it ended with the budget."""

    amount: float
    unit: str
    spent: float
    ended: bool


class Taught(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which candidates learned from what another model said; that is paid for too, and stored under its `version`.

    `teacher` is who said it, where that is a candidate of its own (a part of theirs); it has its own price then.
    """

    version: str
    candidates: tuple[str, ...]
    teacher: Candidate | None = None


@dataclass(frozen=True)
class Composed:
    """Whom a composite asked: `parts` are numbers of candidates of the evaluation, and past these of its `parts`.

    `consulted` (parts, rows) is where it asked them. What it costs is what they cost.
    """

    parts: tuple[int, ...]
    consulted: NDArray[np.bool_]


@dataclass(frozen=True)
class Counted:
    """What the answers add to a statistic of all of them: counts of shape (candidates, rows, columns); 0 if unscored.

    `statistic` is a name in `merits.scorers.counted.STATISTICS`.
    """

    statistic: str
    values: Floats


@dataclass(frozen=True)
class Calls:
    """What the calls of a judge's model used, so that they can be priced on reading: arrays of shape (calls,).

    `tokens` by kind, `services` where a call was billed as something other than the standard, as in `Evaluation`; `at`
    is when each was answered (UNIX seconds).
    """

    tokens: Mapping[str, Floats]
    machine_s: Floats
    attempts: Ints
    unmetered: Ints
    services: Mapping[str, NDArray[np.bool_]]
    at: Floats


@dataclass(frozen=True)
class Human:
    """What people said of some answers: where they `said` anything, and whether it was `solved` (candidates, rows).

    What is said of it holds only if chance decided which answers they looked at.
    """

    said: NDArray[np.bool_]
    solved: NDArray[np.bool_]


@dataclass(frozen=True)
class Evaluation:
    """All outcomes of one task and one split. Arrays have shape (candidates, rows) unless said otherwise.

    A row is one (example, repeat, perturbation). `status` (int8, see `Status`) is the mask: where it is not SCORED,
    `value`, `solved` and `scores` hold 0 and mean nothing; where it is MISSING or FAILED, so do latency and machine
    time. `tokens` and `cost` are those of all attempts, of a failed row too, for they are on the bill. `group` (rows,)
    holds codes: rows that are not independent (repeats of one example, one customer) share one. `tags` maps a slice
    name to texts (rows,).

    `value` and `solved` are the first scorer's; `scores` maps the other scorers' names to their values, and `counts`
    the names of those that measure all answers together (BLEU, word error rate) to what these are made of.
    `tokens` maps kinds of tokens to counts. `machine_s` is the machine time an answer took. `cost` is money in
    `currency`, meaningful where `priced[candidate]`; an unknown price is not 0. `versions` names the exact thing
    that answered (recipe, training data, code): answers are stored under it. `facts` says how it was run, and `raced`
    in which order, where not everybody was asked everything. `untimed` is where it is not known how long a caller would
    have waited for the answer (it came in a batch, or another tool did not say): latency means nothing there; None
    where all was timed. `silent` is where the answer of a generation was empty;
    None where that is not recorded. `unmetered` counts the attempts that may be on the bill and whose tokens the
    provider did not tell; None where there is none. `services` maps a way of service that is not the standard
    ("batch") to the answers that were billed as it. `unasked` is where nothing was to be asked in this run (its budget
    ended, or it asked failures only): what is missing there is nobody's failure. `budget` is what it might spend.
    `levels` are what the names in `perturbations` stand for, in the order to show. `judged` is what models did that
    scored answers, and `calls` what each of these models used, by the version in
    `judged`. `taught` is who learned from what other models said. `human` are labels of people on some of the answers;
    they are put in on reading, like prices, and not stored with the evaluation. `composed` says of candidates that are
    made of others whom they asked; `parts` are the outcomes of those parts that are no candidates themselves, on the
    same rows: what they used and cost, never scored. None where there are none.
    """

    task: str
    task_name: str
    kind: str
    split: Split
    candidates: tuple[Candidate, ...]
    versions: tuple[str, ...]
    scorer: str
    examples: Texts
    input_hashes: Texts | Hashes
    repeats: Ints
    perturbations: Texts
    group: Ints
    tags: Mapping[str, Texts]
    status: NDArray[np.int8]
    value: Floats
    solved: NDArray[np.bool_]
    scores: Mapping[str, Floats]
    latency_s: Floats
    machine_s: Floats
    tokens: Mapping[str, Floats]
    attempts: Ints
    cost: Floats
    priced: NDArray[np.bool_]
    currency: str
    labels: Labels | None = None
    confidence: Mapping[int, Floats] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    raced: Raced | None = None
    counts: Mapping[str, Counted] = field(default_factory=dict)
    silent: NDArray[np.bool_] | None = None
    untimed: NDArray[np.bool_] | None = None
    unmetered: Ints | None = None
    services: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    judged: tuple[Judged, ...] = ()
    taught: tuple[Taught, ...] = ()
    calls: Mapping[str, Calls] = field(default_factory=dict)
    human: Human | None = None
    unasked: NDArray[np.bool_] | None = None
    budget: Budgeted | None = None
    levels: tuple[Level, ...] = ()
    composed: Mapping[int, Composed] = field(default_factory=dict)
    parts: Evaluation | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The candidates' names, in the order of the rows of every array."""
        return tuple(candidate.name for candidate in self.candidates)

    @property
    def n_rows(self) -> int:
        """Rows: examples times repeats times perturbations."""
        return len(self.examples)

    @property
    def asked_as(self) -> Texts:
        """What stands for the perturbation in the key of each row's answer (rows,); "" for the input as it is."""
        if not self.levels:
            return self.perturbations
        keys = {level.id: level.asked_as for level in self.levels}
        ids, codes = np.unique(self.perturbations, return_inverse=True)
        return np.array([keys.get(str(one), str(one)) for one in ids])[codes]

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Where a score means something."""
        return np.asarray(self.status == Status.SCORED)

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Where the candidate could not be asked."""
        return np.asarray(self.status == Status.FAILED)

    def index(self, name: str) -> int:
        """The row of a candidate by its name; KeyError naming the ones there are."""
        if name not in self.names:
            raise KeyError(f"no candidate {name!r}; there are {', '.join(self.names)}")
        return self.names.index(name)
