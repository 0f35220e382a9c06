"""What candidates said to the same examples, as arrays that a cascade or a router can be played through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.candidates.routing.reading import UNASKABLE, said, sure
from merits.candidates.routing.surface import SURFACE, surface
from merits.candidates.texts import as_text
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Brief
from merits.core.identity import JSON
from merits.core.kinds import TaskKind, kind_names, task_kind
from merits.core.outcome import Status
from merits.improving.composing.texts import Texts, texts_of

__all__ = ["Looking", "Pool", "codes_of", "folds", "looks_of", "pool_of"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

_WHOLE = 0.8  # who has fewer rows than this share of the most is left out rather than the rows
_SEARCHED = ("cascade", "router")  # were chosen by these very outcomes, and look better on them than they are
_FEW_WORDS = 60  # so many different answers are labels; more are texts, which no rule can be written for


@dataclass(frozen=True)
class Looking:
    """Where each text lies (rows, dimensions), the candidate that says so, and what it costs to ask it (rows,)."""

    candidate: Candidate
    vectors: Floats
    cost: Floats

    def rows(self, rows: Ints) -> Looking:
        """The same of some rows."""
        return Looking(self.candidate, self.vectors[rows], self.cost[rows])


@dataclass(frozen=True)
class Pool:
    """The outcomes of priced candidates, cheapest first, on the rows that all of them have. Shapes (candidates, rows).

    `value` is what is gained by an answer (quality, or money), `cost` what it took, `sure` how sure the candidate was
    (-inf where it could not be asked). `said` are codes into `words` of what it said, -1 for nothing. `groups` (rows,)
    are codes of rows that depend on each other. `looks` (candidates, rows, 18) are the confidence and the surface of
    each answer's text; None where answers are no texts. `inputs` are what was asked, () where that is not known, and
    `texts` what is seen of it; None where inputs are no texts. `looking` is where they lie; None where nobody asked.
    """

    candidates: tuple[Candidate, ...]
    value: Floats
    cost: Floats
    sure: Floats
    said: Ints
    words: tuple[str, ...]
    groups: Ints
    looks: Floats | None = None
    inputs: tuple[JSON, ...] = ()
    texts: Texts | None = None
    looking: Looking | None = None

    @property
    def size(self) -> int:
        """How many candidates there are."""
        return len(self.value)

    @property
    def n(self) -> int:
        """How many rows there are."""
        return int(self.value.shape[1])

    @cached_property
    def answered(self) -> NDArray[np.bool_]:
        """Where there is an answer (candidates, rows)."""
        return np.asarray(np.isfinite(self.sure))

    @cached_property
    def labels(self) -> tuple[int, ...]:
        """The codes of what was said, where these are labels; () where they are texts."""
        return tuple(range(len(self.words))) if len(self.words) <= _FEW_WORDS else ()

    @cached_property
    def best(self) -> int:
        """The candidate of the highest mean value; of equal ones the cheapest."""
        return int(np.argmax(self.value.mean(axis=1)))

    def rows(self, chosen: NDArray[np.integer] | NDArray[np.bool_]) -> Pool:
        """The same on some of the rows, given by a mask or by their numbers."""
        rows = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else np.asarray(chosen)
        return replace(
            self,
            value=self.value[:, rows],
            cost=self.cost[:, rows],
            sure=self.sure[:, rows],
            said=self.said[:, rows],
            groups=self.groups[rows],
            looks=None if self.looks is None else self.looks[:, rows],
            inputs=tuple(self.inputs[row] for row in rows) if self.inputs else (),
            texts=None if self.texts is None else self.texts.rows(rows),
            looking=None if self.looking is None else self.looking.rows(rows),
        )

    def gaining(self, value: Floats) -> Pool:
        """The same with another value of every answer, such as money."""
        return replace(self, value=value)

    @cached_property
    def clustered(self) -> Ints | None:
        """The groups, or None where every row is one of its own."""
        _, codes, counts = np.unique(self.groups, return_inverse=True, return_counts=True)
        return None if counts.max(initial=1) <= 1 else np.asarray(codes, np.int64)


def pool_of(brief: Brief, *, reads: bool = False) -> tuple[Pool, Ints]:
    """The pool of a brief's priced seeds, and the numbers (rows,) of the rows it holds; with `reads` the texts too.

    Quality is the share solved where the scorer says what is solved, else the score. Rows that somebody was not asked,
    or of which somebody's answer could not be scored, are left out, and so are those under perturbations.
    """
    evaluation = brief.evaluation
    there = (evaluation.status == Status.SCORED) | (evaluation.status == Status.FAILED)
    plain = evaluation.perturbations == ""
    share = there[:, plain].mean(axis=1) if plain.any() else np.zeros(len(there))
    simple = np.array([candidate.kind not in _SEARCHED for candidate in evaluation.candidates])
    known = evaluation.priced & evaluation.scored.any(axis=1) & (share >= _WHOLE * share.max(initial=0.0))
    usable = np.flatnonzero(simple & known)
    cheap = usable[np.argsort(np.where(there, evaluation.cost, 0.0)[usable].mean(axis=1), kind="stable")]
    rows = np.flatnonzero(there[cheap].all(axis=0) & plain)
    at = np.ix_(cheap, rows)
    quality = evaluation.solved.astype(np.float64) if evaluation.solved.any() else evaluation.value
    answers = [_answers(brief, evaluation.names[k], rows) for k in cheap]
    kind = task_kind(brief.task.kind) if brief.task.kind in kind_names() else None
    readable = reads and (kind is None or bool({"text", "columns"} & {*kind.reads}))
    words, codes = codes_of(answers)
    inputs = {example.id: example.input for example in brief.task.split("dev")}
    asked = tuple(inputs.get(str(name)) for name in evaluation.examples[rows])
    pool = Pool(
        candidates=tuple(evaluation.candidates[k] for k in cheap),
        value=np.where(there[at] & evaluation.scored[at], quality[at], 0.0),
        cost=np.asarray(evaluation.cost[at], np.float64),
        sure=np.where(
            evaluation.failed[at],
            UNASKABLE,
            np.array([[sure(answer) for answer in each] for each in answers]).reshape(len(cheap), len(rows)),
        ),
        said=codes,
        words=words,
        groups=np.asarray(evaluation.group[rows], np.int64),
        looks=looks_of(answers) if len(words) > _FEW_WORDS and _says_texts(kind) else None,
        inputs=asked,
        texts=texts_of(asked) if readable else None,
    )
    return pool, rows


def _says_texts(kind: TaskKind | None) -> bool:
    """Whether answers are texts that can be looked at, and no names of files or lists of items."""
    return kind is None or kind.target not in ("picture", "items", "none")


def _answers(brief: Brief, name: str, rows: Ints) -> list[Answer]:
    given = brief.said(name)
    return [given[row] or Answer() for row in rows]


def codes_of(answers: Sequence[Sequence[Answer]]) -> tuple[tuple[str, ...], Ints]:
    """What was said, most common first, and the codes into it (candidates, rows); -1 where nothing was said.

    >>> codes_of([[Answer(output="Yes"), Answer(output="no")], [Answer(output="yes"), Answer(output="yes")]])[0]
    ('yes', 'no')
    """
    said_ = [[said(answer) if np.isfinite(sure(answer)) else None for answer in each] for each in answers]
    counts: dict[str, int] = {}
    for words in said_:
        for word in words:
            if word is not None:
                counts[word] = counts.get(word, 0) + 1
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    code: Mapping[str | None, int] = {word: number for number, word in enumerate(ordered)}
    codes = np.array([[code.get(word, -1) for word in words] for words in said_], np.int64)
    return tuple(ordered), codes.reshape(len(answers), -1)


def looks_of(answers: Sequence[Sequence[Answer]]) -> Floats:
    """The confidence and the surface of every answer: (candidates, rows, 18). The confidence of a failure is 0."""
    found = np.zeros((len(answers), len(answers[0]) if answers else 0, len(SURFACE) + 1))
    for k, each in enumerate(answers):
        for row, answer in enumerate(each):
            found[k, row, 0] = max(sure(answer), 0.0)
            found[k, row, 1:] = surface(as_text(answer.output))
    return found


def folds(groups: Ints, n_folds: int, generator: np.random.Generator) -> Ints:
    """The fold of each row (rows,), drawn so that rows of one group are in one fold and folds are about as large.

    >>> folds(np.arange(6), 3, np.random.default_rng(0)).tolist().count(0)
    2
    """
    _, codes = np.unique(groups, return_inverse=True)
    n_groups = int(codes.max(initial=-1)) + 1
    of_group = np.empty(n_groups, np.int64)
    of_group[generator.permutation(n_groups)] = np.arange(n_groups) % n_folds
    return np.asarray(of_group[codes])
