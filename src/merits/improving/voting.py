"""Voting: ensembles of the given candidates, searched on their stored answers.

Labels and numbers by ensemble selection on arrays; what is a text, a transcript or a list by trying the best few
together and leaving each out. Nobody is asked anything that was not asked before.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from merits.candidates.ensembles.answers import confidence_of
from merits.candidates.ensembles.labels import label_reader
from merits.candidates.ensembles.rules import rule_of
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver, Trials
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.improving.combining.greedy import accuracy_with, chosen_counts, closeness_with
from merits.improving.combining.judging import Judge, kept_of
from merits.improving.combining.seeds import Seed, cannot_combine, costs_of, members_of, recipe
from merits.improving.naming import listed
from merits.improving.registry import Effort
from merits.reading.forecasts import forecast_of
from merits.reading.numbers import number_in

__all__ = ["EFFORT", "TITLE", "Params", "make", "why_not"]

EFFORT: Effort = "replays"
TITLE = "Voting: several candidates together, weighted as is best"

_MOST_ROWS = 20_000  # of dev that the selection looks at; the trial is on all
_WAYS = {"equally": "vote", "confidence": "vote by confidence", "probabilities": "soft vote"}


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Several candidates together."""

    most: Annotated[int, Meta(ge=2, le=50, description="The most candidates that are combined.")] = 8
    keep: Annotated[int, Meta(ge=1, description="The most ensembles that are kept.")] = 2


def make(params: Params) -> Improver:
    """The improver: proposes votes of the candidates that did best, and keeps those that are worth it."""

    def search(brief: Brief) -> Generator[Trials, Evaluation, Sequence[Candidate]]:
        if cannot_combine(brief):
            return []
        judge, seeds = Judge(brief), members_of(brief)[: params.most]
        taken = {one.name for one in brief.seeds}
        proposed = list(_proposals(brief, seeds, taken))
        if not proposed:
            return []
        judged = judge.judged((yield Trials(proposed)))
        if rule_of(brief.task.kind) not in ("labels", "numbers") and judged and brief.seconds_left() > 0:
            fewer = list(_one_fewer(judged[0].candidate, proposed, taken))
            if fewer:
                judged += judge.judged((yield Trials(fewer)))
        return kept_of(judged, params.keep)

    return search


def why_not(brief: Brief, params: Params | None = None) -> str:
    """Why no ensemble is possible, in a sentence; "" where one is."""
    return cannot_combine(brief)


def _proposals(brief: Brief, seeds: Sequence[Seed], taken: set[str]) -> Iterator[Candidate]:
    """The votes to try, each recipe once: of all, then of those alone that are cheaper than the best."""
    costs = costs_of(brief, seeds)
    cheaper = np.flatnonzero(costs < costs[0])
    known = {one.id for one in brief.seeds}
    for among in [np.arange(len(seeds)), *([cheaper] if len(cheaper) > 1 else [])]:
        some = [seeds[int(place)] for place in among]
        for counts, params in _counts(brief, some):
            if np.count_nonzero(counts) < 2 or (made := _vote(some, counts, params, {*taken})).id in known:
                continue
            known.add(made.id)
            taken.add(made.name)
            yield made


def _counts(brief: Brief, seeds: Sequence[Seed]) -> Iterator[tuple[NDArray[np.int64], dict[str, JSON]]]:
    """How often each is taken: as selected, then the best three and all once; of texts and lists the best so many."""
    sizes: Iterable[int] = sorted({min(3, len(seeds)), len(seeds)})
    match rule_of(brief.task.kind):
        case "labels":
            yield from _selected_labels(brief, seeds)
        case "numbers":
            yield from _selected_numbers(brief, seeds)
        case _:
            sizes = range(2, len(seeds) + 1)
    for size in sizes:
        yield np.array([1] * size + [0] * (len(seeds) - size)), {}


def _vote(seeds: Sequence[Seed], counts: NDArray[np.int64], params: dict[str, JSON], taken: set[str]) -> Candidate:
    """The vote of those that were taken, as often as they were."""
    parts = [(seed.candidate, int(n)) for seed, n in zip(seeds, counts, strict=True) if n]
    weights: dict[str, JSON] = {"weights": [n for _, n in parts]} if len({n for _, n in parts}) > 1 else {}
    how = "median" if params.get("middle") == "median" else _WAYS[str(params.get("weigh", "equally"))]
    called = f"{how} of {listed([part for part, _ in parts])}"
    if weights:
        called += f", {':'.join(str(n) for _, n in parts)}"
    return recipe("vote", [part for part, _ in parts], taken, called, **params, **weights)


def _one_fewer(best: Candidate, tried: Sequence[Candidate], taken: set[str]) -> Iterator[Candidate]:
    """The best without each of its parts, where that was not tried."""
    known = {one.id for one in tried}
    for left_out in range(len(best.parts) if len(best.parts) > 2 else 0):
        parts = [part for place, part in enumerate(best.parts) if place != left_out]
        if Candidate(name="", kind="vote", params=best.params, parts=tuple(parts)).id not in known:
            yield recipe("vote", parts, taken, f"vote of {listed(parts)}", **best.params)


def _rows(brief: Brief) -> NDArray[np.intp]:
    """The rows that are looked at: those of the inputs as they are, of many some."""
    rows = np.flatnonzero(brief.evaluation.perturbations == "")
    if len(rows) <= _MOST_ROWS:
        return rows
    return np.sort(np.random.default_rng(brief.seed).choice(rows, _MOST_ROWS, replace=False))


def _said(brief: Brief, seeds: Sequence[Seed], rows: NDArray[np.intp]) -> list[list[Answer | None]]:
    found = []
    for seed in seeds:
        given = brief.said(seed.candidate.name)
        found.append([one if (one := given[row]) is not None and one.failure is None else None for row in rows])
    return found


def _selected_labels(brief: Brief, seeds: Sequence[Seed]) -> Iterator[tuple[NDArray[np.int64], dict[str, JSON]]]:
    """The selected counts for each way of weighing that the answers allow."""
    rows, needs, classes = _rows(brief), brief.task.needs, brief.task.classes
    code = {name: number for number, name in enumerate(classes)}
    targets = {example.id: code.get(str(example.target), -1) for example in brief.task.split("dev")}
    target = np.array([targets.get(str(name), -1) for name in brief.evaluation.examples[rows]])
    rows, target = rows[target >= 0], target[target >= 0]
    if not len(rows):
        return
    gain = 1.0 if needs.worth_of_solved is None else needs.worth_of_solved + needs.loss_of_wrong
    costs = costs_of(brief, seeds) * (needs.worth_of_solved is not None)
    said = _said(brief, seeds, rows)
    tells = [any(one is not None and confidence_of(one) is not None for one in each) for each in said]
    soft = [any(one is not None and one.probabilities for one in each) for each in said]
    ways = ["equally", *(["confidence"] if any(tells) else []), *(["probabilities"] if any(soft) else [])]
    for way in ways:
        scores = np.array([_scores(each, classes, way) for each in said])
        scores += 1e-7 * scores * np.arange(len(seeds), 0, -1)[:, None, None]  # of equals, the earlier part's
        counts = chosen_counts(scores, accuracy_with(scores, target, gain), costs)
        yield counts, ({} if way == "equally" else {"weigh": way})


def _scores(said: Sequence[Answer | None], classes: tuple[str, ...], way: str) -> NDArray[np.float64]:
    """What a candidate gives each class in each row (rows, classes)."""
    read, code = label_reader(classes), {name: number for number, name in enumerate(classes)}
    scores = np.zeros((len(said), len(classes)))
    for row, answer in enumerate(said):
        if answer is None or answer.refused:
            continue
        if way == "probabilities" and answer.probabilities:
            for name, share in answer.probabilities.items():
                if name in code:
                    scores[row, code[name]] = share
        elif (label := read(answer.output)) in code:
            sure = confidence_of(answer) if way == "confidence" else None
            scores[row, code[str(label)]] = 1.0 if sure is None else sure
    return scores


def _selected_numbers(brief: Brief, seeds: Sequence[Seed]) -> Iterator[tuple[NDArray[np.int64], dict[str, JSON]]]:
    """The selected counts for the mean, by squared errors; and the median of all."""
    rows = _rows(brief)
    targets = {example.id: number_in(example.target) for example in brief.task.split("dev")}
    target = np.array([targets.get(str(name)) for name in brief.evaluation.examples[rows]], np.float64)
    read = [[None if one is None else forecast_of(one.output) for one in each] for each in _said(brief, seeds, rows)]
    values = np.array([[np.nan if one is None else one.value for one in each] for each in read])
    known = ~np.isnan(values).any(axis=0) & ~np.isnan(target)
    if known.any():
        values, target = values[:, known], target[known]
        yield chosen_counts(values, closeness_with(values, target), np.zeros(len(seeds))), {}
    if len(seeds) > 2:
        yield np.ones(len(seeds), np.int64), {"middle": "median"}
