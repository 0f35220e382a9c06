"""Which streams a release has, and in which bin of its reference each live value lies.

Names begin with what they are of: `input: length`, `answer: label`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from merits.core.answer import Answer
from merits.core.live import Served
from merits.core.reference import Confidences, Reference, StreamReference
from merits.core.task import Task
from merits.media.seen import confidence_of, embedding_in, seen_of, seen_of_answer
from merits.reading.seen import Lens, Seen, text_in, words_of
from merits.reading.topics import NO_TOPIC, Reader, pairs_of, topics_of
from merits.stats.calibration import recalibration

__all__ = ["ABSENT", "Binning", "reference_of", "row_of", "streams_of"]

ABSENT = -np.inf  # a stream has nothing to say of an event; other than None, which is "no value"
_EMBEDDING = "embedding"
_TOPIC = "input: topic"
_MOST_BINS = 32
_PER_BIN = 6  # values of the half that edges are drawn from
_MOST_CATEGORIES = 40
_FEWEST = 16  # values in each half; a stream with fewer is not watched
_MOST_WORDS, _MOST_PAIRS = 20_000, 50_000
_SWITCHES = {"true", "false"}


def reference_of(
    task: Task,
    answers: Mapping[str, Answer] | None = None,
    *,
    solved: Mapping[str, bool] | None = None,
    costs: Mapping[str, float] | None = None,
    files: Callable[[str], Path | bytes | None] = lambda name: None,
    seed: int = 0,
) -> Reference:
    """What live traffic of a task will be held against: its test inputs, and what a candidate answered to them.

    `answers`, `solved` (where scored) and `costs` are by the id of the test example. Vocabulary is that of dev. Half of
    the test examples, drawn by `seed`, say how values are binned, the other half are counted. A stream with fewer than
    16 values in each half is not watched.
    """
    examples = task.split("test")
    dev = [words_of(text) for example in task.split("dev") if (text := text_in(example.input)) is not None]
    vocabulary, pairs, topics = _vocabulary(dev), _pairs(dev), topics_of(dev, seed)
    topic = None if topics is None else Reader(topics)
    lens = Lens(frozenset(vocabulary), language_of=1, pairs=frozenset(pairs.tolist()), topic=topic)
    said, right, cost = answers or {}, solved or {}, costs or {}
    rows = []
    for example in examples:
        answer = said.get(example.id)
        of_answer = {} if answer is None else seen_of_answer(answer, cost.get(example.id), task.classes)
        of_input = seen_of(example.input, task.kind, lens, files)
        rows.append(row_of(of_input, of_answer, embedding_in(example.input, task.kind)))
    streams = streams_of(rows, seed)
    if topics is not None and topic is not None:
        streams = _with_topics(streams, topics.names, [topic(words) for words in dev], rows)
    sure = {key: c for key, a in said.items() if key in right and (c := confidence_of(a)) is not None}
    return Reference(
        kind=task.kind,
        n=len(examples),
        streams=streams,
        n_scored=len(right),
        n_solved=sum(map(bool, right.values())),
        vocabulary=vocabulary,
        pairs=pairs.tobytes(),
        topics=topics,
        confidences=_confidences(sure, right) if sure else None,
    )


def row_of(of_input: Seen, of_answer: Seen, embedding: Sequence[float] = ()) -> Seen:
    """All values of one event by the full names of their streams."""
    return (
        {f"input: {name}": value for name, value in of_input.items()}
        | {f"answer: {name}": value for name, value in of_answer.items()}
        | {f"input: {_EMBEDDING} {number}": value for number, value in enumerate(embedding)}
    )


def streams_of(rows: Sequence[Seen], seed: int = 0) -> tuple[StreamReference, ...]:
    """The references of all streams in some rows, in the order in which they first come."""
    halves = np.random.default_rng(seed).permutation(len(rows)) < len(rows) // 2
    names = dict.fromkeys(name for row in rows for name in row)
    found = (_stream(name, [row.get(name, ABSENT) for row in rows], halves) for name in names)
    return tuple(one for one in found if one is not None)


def _stream(name: str, values: Sequence[float | str | None], halves: NDArray[np.bool_]) -> StreamReference | None:
    here = np.array([value != ABSENT for value in values], np.bool_)
    if min(int((here & halves).sum()), int((here & ~halves).sum())) < _FEWEST:
        return None
    first = [values[at] for at in np.flatnonzero(here & halves).tolist()]
    second = [values[at] for at in np.flatnonzero(here & ~halves).tolist()]
    group = _EMBEDDING if name.startswith(f"input: {_EMBEDDING} ") else ""
    if any(isinstance(value, str) for value in first):
        return _category(name, first, second, group)
    numbers = np.array([value for value in first if isinstance(value, float | int)], np.float64)
    all_numbers = [value for value in (*first, *second) if isinstance(value, float | int)]
    n_bins = int(np.clip(len(numbers) // _PER_BIN, 1, _MOST_BINS))
    edges = _edges(numbers, n_bins) if len(numbers) else np.empty(0)
    stream = StreamReference(
        name=name,
        kind="number",
        counts=(),
        shares=(),
        edges=tuple(map(float, edges)),
        group=group,
        mean=float(np.mean(all_numbers)) if all_numbers else None,
    )
    return _counted(stream, first, second)


def _edges(numbers: NDArray[np.float64], n_bins: int) -> NDArray[np.float64]:
    """Quantiles, and one edge at either end: what lies below or above all that was seen has a bin of its own."""
    inner = np.quantile(numbers, np.arange(1, n_bins) / n_bins)
    return np.unique([numbers.min(), *inner, np.nextafter(numbers.max(), np.inf)])


def _category(
    name: str, first: Sequence[float | str | None], second: Sequence[float | str | None], group: str
) -> StreamReference:
    texts = [value for value in first if isinstance(value, str)]
    names, counts = np.unique(np.array(texts), return_counts=True)
    ordered = [str(names[at]) for at in np.argsort(-counts, kind="stable")[:_MOST_CATEGORIES]]
    if set(ordered) <= _SWITCHES:
        ordered += sorted(_SWITCHES - set(ordered))
    stream = StreamReference(name=name, kind="category", counts=(), shares=(), categories=tuple(ordered), group=group)
    return _counted(stream, first, second)


def _counted(
    stream: StreamReference, first: Sequence[float | str | None], second: Sequence[float | str | None]
) -> StreamReference:
    from msgspec.structs import replace

    binning = Binning((stream,))
    shares, counts = (
        np.bincount(binning.column(0, half), minlength=binning.n_bins[0]).astype(float) for half in (first, second)
    )
    smooth = (shares + 0.5) / (shares.sum() + 0.5 * len(shares))
    return replace(stream, shares=tuple(map(float, smooth)), counts=tuple(int(one) for one in counts))


class Binning:
    """Puts values into the bins of their streams' references."""

    def __init__(self, streams: Sequence[StreamReference]) -> None:
        self.streams = tuple(streams)
        self._edges = [np.array(one.edges) for one in streams]
        self._codes = [
            {name: code for code, name in enumerate(one.categories)} | {None: len(one.categories), ABSENT: -1}
            for one in streams
        ]
        self.n_bins = [len(one.edges) + 2 if one.kind == "number" else len(one.categories) + 2 for one in streams]

    def column(self, stream: int, values: Sequence[float | str | None]) -> NDArray[np.int64]:
        """The bins (values,) of values of one stream: -1 where it is ABSENT. Anything unexpected is in the last bin."""
        if self.streams[stream].kind == "category":
            codes, other = self._codes[stream], self.n_bins[stream] - 1
            return np.array([codes.get(value, other) for value in values], np.int64)
        try:
            numbers = np.array(values, np.float64)  # None becomes NaN
        except ValueError:  # a text where there were numbers
            numbers = np.array([np.nan if isinstance(value, str) else value for value in values], np.float64)
        edges = self._edges[stream]
        bins = np.searchsorted(edges, numbers, side="right")
        bins[np.isnan(numbers)] = len(edges) + 1
        bins[numbers == ABSENT] = -1
        return bins

    def bins(self, rows: Sequence[Seen]) -> NDArray[np.int64]:
        """The bins of events, shape (events, streams)."""
        found = np.empty((len(rows), len(self.streams)), np.int64)
        for number, stream in enumerate(self.streams):
            name = stream.name
            found[:, number] = self.column(number, [row.get(name, ABSENT) for row in rows])
        return found

    def values_of(self, served: Sequence[Served], classes: Sequence[str]) -> list[list[float | str | None]]:
        """What was seen of requests and of their answers: the values of each stream."""
        inputs = [one.seen for one in served]
        answers = [seen_of_answer(one.answer, one.cost, classes) for one in served]
        found: list[list[float | str | None]] = []
        for stream in self.streams:
            source, _, name = stream.name.partition(": ")
            if stream.group == _EMBEDDING:
                at = int(name.rpartition(" ")[2])
                found.append([one.embedding[at] if len(one.embedding) > at else ABSENT for one in served])
            else:
                rows = inputs if source == "input" else answers
                found.append([row.get(name, ABSENT) for row in rows])
        return found

    def bins_of(self, columns: Sequence[Sequence[float | str | None]]) -> NDArray[np.int64]:
        """The bins (events, streams) of what `values_of` gave."""
        return np.stack([self.column(number, one) for number, one in enumerate(columns)], axis=1)


def _vocabulary(texts: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The words of some texts, the most frequent 20,000."""
    counts = Counter(word for text in texts for word in text)
    return tuple(sorted(counts, key=lambda word: (-counts[word], word))[:_MOST_WORDS])


def _pairs(texts: Sequence[Sequence[str]]) -> NDArray[np.uint32]:
    """What words stand side by side in some texts, the most frequent 50,000."""
    counts = Counter(pair for text in texts for pair in pairs_of(text))
    return np.array(sorted(sorted(counts, key=lambda pair: (-counts[pair], pair))[:_MOST_PAIRS]), np.uint32)


def _with_topics(
    streams: Sequence[StreamReference], names: Sequence[str], on_dev: Sequence[str], rows: Sequence[Seen]
) -> tuple[StreamReference, ...]:
    """The streams with that of the subjects: shares are those of dev, so that all test examples can be counted."""
    on_test = [value for row in rows if isinstance(value := row.get(_TOPIC), str)]
    others = tuple(one for one in streams if one.name != _TOPIC)
    if len(on_test) < 2 * _FEWEST:
        return others
    topic = StreamReference(name=_TOPIC, kind="category", counts=(), shares=(), categories=(*names, NO_TOPIC))
    return (*others, _counted(topic, on_dev, on_test))


def _confidences(sure: Mapping[str, float], right: Mapping[str, bool]) -> Confidences:
    meant = recalibration(np.array(list(sure.values())), np.array([right[key] for key in sure]))
    return Confidences(
        edges=tuple(map(float, meant.edges)), solved=tuple(map(int, meant.solved)), n=tuple(map(int, meant.n))
    )
