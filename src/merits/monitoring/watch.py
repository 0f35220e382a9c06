"""Is what is served still what was proved? Takes live outcomes in order, and says what is no longer as it was.

Each stream of a release is held against its reference by a test that may be looked at any time. With the weights below
an unchanged release raises any alarm at all, however long it is watched, with probability at most `Watching.alpha`:
that is promised rather than a mean time between false alarms, for whoever is woken by one wants to know how far to
believe it. Knows nothing about where alarms go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.estimate import Estimate, duration
from merits.core.identity import JSON, content_hash
from merits.core.live import Alert, Served, of_candidate
from merits.core.reference import Reference, StreamReference
from merits.core.watch import Severity, Watching
from merits.media.seen import confidence_of
from merits.monitoring.alerts import alert_id
from merits.monitoring.by_time import ByTime, Odd
from merits.monitoring.river_detectors import RiverDetectors
from merits.monitoring.state import Packed, packed, unpacked
from merits.monitoring.streams import Binning
from merits.stats.calibration import ASSUMPTION, Recalibration, estimated_quality
from merits.stats.change import WATCHED, Changes, category_bets, number_bets
from merits.stats.compositions import Compositions
from merits.stats.critical import normal_critical
from merits.stats.falls import Falls
from merits.stats.proportions import clopper_pearson_bound, wilson
from merits.stats.shifts import Recent, Shift
from merits.stats.streams import alphas

__all__ = ["StreamState", "Watch"]

_QUALITY = ("quality", "estimated quality", "too sure", "not sure enough")
_BARS = 0.5  # of alpha: what the bars may err, which rest on test examples; the rest is what the streams may err
_PARTS = 3
_KEPT = 2_000  # confidences that the present estimate of quality is made of
_WEIGHTS = {"answer: failed": 3.0, "answer: refused": 3.0, "answer: label": 2.0, "answer: confidence": 2.0}
_OF_QUALITY = 4.0
_KINDS = {
    "answer: failed": "errors",
    "answer: refused": "refusals",
    "answer: latency": "latency",
    "answer: cost": "cost",
}


@dataclass(frozen=True)
class StreamState:
    """One stream as it stands: events seen, what bets against "unchanged" have won and must win, and the effect now.

    Where another `detector` watches it nothing is bet, and no rate of false alarms is promised: `won` is inf once it
    has found a change.
    """

    name: str
    n: int
    won: float
    needed: float
    alarmed: bool
    effect: Estimate | None
    text: str
    detector: str = "conformal"


class _State(msgspec.Struct, frozen=True):
    reference: str
    arrays: dict[str, Packed]
    alarmed: tuple[str, ...]
    n: int
    by_time: bytes
    river: bytes = b""


class Watch:
    """Watches one release. `state` is what an earlier watch of the same release gave: it goes on from there.

    `classes` are the task's. `quality` is the bar that quality is held against (a requirement), where that is another
    than what the test examples showed. ValueError for a state of another reference or other settings.
    """

    def __init__(
        self,
        reference: Reference,
        *,
        task: str,
        release: int,
        classes: Sequence[str] = (),
        watching: Watching = Watching(),  # noqa: B008  it is frozen
        quality: float | None = None,
        state: bytes | None = None,
    ) -> None:
        self._reference, self._task, self._release, self._classes = reference, task, release, classes
        self._watching = watching
        self._binning = Binning([one for one in reference.streams if one.name not in watching.ignore])
        self._streams = self._binning.streams
        self._counts = _table([one.counts for one in self._streams])
        self._changes = (
            Changes(self._counts, [_bets(one) for one in self._streams], seed=release) if self._streams else None
        )
        self._recent = Recent(*self._counts.shape)
        self._wide = [number for number, one in enumerate(self._streams) if len(one.categories) > WATCHED]
        self._compositions = Compositions(
            [np.array(self._streams[number].counts) for number in self._wide],
            [np.array(self._streams[number].shares) for number in self._wide],
        )
        self._river = _river(watching, len(self._streams))
        self._meant = _meant(reference, _bar_level(watching))
        self._bars = _bars(reference, self._meant, watching, quality)
        self._falls = Falls(self._bars)
        self._allowed = _allowed(self._streams, watching.alpha)
        self._sure = np.empty(0)
        self._labels = np.zeros(2)  # solved, and of how many
        self._alarmed: set[str] = set()
        self._by_time = ByTime(watching.odd)
        self._n = 0
        self._identity = content_hash([reference, watching, quality, release])
        if state is not None:
            self._restore(state)

    def see(
        self,
        served: Sequence[Served],
        judged: Sequence[tuple[Served, bool]] = (),
        *,
        now: float | None = None,
    ) -> list[Alert]:
        """New alarms after these events, oldest first. Shadows are left out; where a fallback answered, this failed.

        `judged` are requests of which it became known whether they were solved, each once. Of each stream there is one
        alarm until it is begun anew (`restart`), and so of streams that say one thing together (an embedding). `now`
        (UNIX seconds) tells the watch over five minutes from a clock that had jumped.
        """
        mine = [of_candidate(one) for one in served if one.arm != "shadow" and one.release == self._release]
        if mine:
            self._see_streams(mine)
        said = [pair for pair in judged if pair[0].release == self._release and not pair[0].fallback]
        self._see_quality(mine, said)
        at = max([one.at for one in mine] + [one.at for one, _ in judged], default=0.0)
        self._n += len(mine)
        return [*self._new_changes(at), *self._new_falls(at), *self._odd(mine, now)]

    def restart(self, stream: str) -> None:
        """Begins anew on one stream, after an alarm that was dealt with: what comes is a test of its own."""
        group = next((one.group for one in self._streams if one.name == stream), "")
        names = {stream} | {one.name for one in self._streams if group and one.group == group}
        self._alarmed -= names
        where = np.array([one.name in names for one in self._streams], np.bool_)
        if self._changes is not None and where.any():
            self._changes.restart(where)
            self._recent.counts[:, where], self._recent.squares[:, where] = 0.0, 0.0
            for place, number in enumerate(self._wide):
                if where[number]:
                    self._compositions.restart(place)
            if self._river is not None:
                self._river.restart(where)
        self._falls.restart(np.array([name == stream for name in _QUALITY]))

    def state(self) -> bytes:
        """All it knows, to go on from; a few hundred bytes a stream and bin."""
        changes = {} if self._changes is None else self._changes.arrays()
        falls = {f"falls {name}": array for name, array in self._falls.arrays().items()}
        wide = {f"wide {name}": array for name, array in self._compositions.arrays().items()}
        own = {"sure": self._sure, "labels": self._labels}
        arrays = packed(changes | self._recent.arrays() | falls | wide | own)
        river = b"" if self._river is None else self._river.state()
        return msgspec.msgpack.encode(
            _State(self._identity, arrays, tuple(sorted(self._alarmed)), self._n, self._by_time.state(), river)
        )

    def quality(self, level: float = 0.95) -> dict[str, Estimate]:
        """The share solved by what labels came ("labels"), and without any by confidence ("confidence").

        The second, of the last 2,000 answers, holds under `merits.stats.ASSUMPTION`.
        """
        found = {}
        if self._labels[1]:
            found["labels"] = wilson(float(self._labels[0]), int(self._labels[1]), level)
        if self._meant is not None and len(self._sure):
            found["confidence"] = estimated_quality(self._meant.recalibrated, self._sure, level)
        return found

    def streams(self) -> list[StreamState]:
        """All streams as they stand, those that won most of what they need first."""
        found = []
        for number, stream in enumerate(self._streams):
            won, n = self._won(number), int(self._changes.n_seen[number]) if self._changes else 0
            shift = self._shift(number)
            found.append(
                StreamState(
                    stream.name,
                    n,
                    won,
                    float(1.0 / self._allowed[number]),
                    stream.name in self._alarmed,
                    None if shift is None else shift[0].shift,
                    "" if shift is None else shift[1],
                    self._detector(number),
                )
            )
        for number, name in enumerate(_QUALITY):
            if self._bars[number] > 0:
                n, won = int(self._falls.wealth.n_seen[number]), float(self._falls.wealth.peak[number])
                needed = float(1.0 / self._allowed[len(self._streams) + number])
                found.append(StreamState(name, n, won, needed, name in self._alarmed, None, self._of_quality(name)))
        return sorted(found, key=lambda one: -one.won / one.needed)

    def _see_streams(self, served: Sequence[Served]) -> None:
        if self._changes is None:
            return
        columns = self._binning.values_of(served, self._classes)
        bins = self._binning.bins_of(columns)
        self._changes.see(bins)
        self._recent.see(bins)
        self._compositions.see(bins[:, self._wide])
        if self._river is not None:
            self._river.see(_numbers(columns))

    def _see_quality(self, served: Sequence[Served], judged: Sequence[tuple[Served, bool]]) -> None:
        """Quality by labels, by confidence, and whether confidence and labels still agree, each where it can be."""
        nan, values = float("nan"), list[tuple[float, float, float, float]]()
        if self._meant is not None:
            sure = np.array([c for one in served if (c := _confidence(one)) is not None])
            bins = self._meant.recalibrated.bins(sure)
            values += [(nan, chance, nan, nan) for chance in self._meant.chances[bins].tolist()]
            self._sure = np.concatenate([self._sure, sure])[-_KEPT:]
        for request, solved in judged:
            self._labels += (solved, 1.0)
            values.append((float(solved), nan, *self._gaps(solved, _confidence(request))))
        if values:
            self._falls.see(np.array(values))

    def _gaps(self, solved: bool, confidence: float | None) -> tuple[float, float]:
        """How much better an answer was than its confidence meant at least, and how much worse than at most; 0..1."""
        if self._meant is None or confidence is None:
            return float("nan"), float("nan")
        at = int(self._meant.recalibrated.bins(np.array([confidence]))[0])
        return (1.0 + solved - float(self._meant.low[at])) / 2.0, (1.0 - solved + float(self._meant.high[at])) / 2.0

    def _won(self, stream: int) -> float:
        assert self._changes is not None
        if self._river is not None and self._detector(stream) != "conformal":
            return float("inf") if self._river.alarmed[stream] else 0.0
        won = float(self._changes.peak[stream])
        if stream not in self._wide:
            return won
        # either test may err half of what the stream may: categories one by one, and all of them together
        return max(won, float(self._compositions.won[self._wide.index(stream)])) / 2.0

    def _detector(self, stream: int) -> str:
        return self._watching.detector if self._streams[stream].kind == "number" else "conformal"

    def _shift(self, stream: int) -> tuple[Shift, str] | None:
        """The present shift of a stream, and in words: of one share, or of categories that became frequent together."""
        one = self._streams[stream]
        if not sum(one.counts):
            return None
        shift = self._recent.shift(stream, self._counts[stream], ordered=one.kind == "number")
        found = [] if shift is None else [(shift, _words(one, shift))]
        if stream in self._wide and (together := self._compositions.shift(self._wide.index(stream))) is not None:
            found.append((together[1], _words_together(one, *together)))
        return max(found, key=lambda each: each[0].shift.value or 0.0, default=None)

    def _new_changes(self, at: float) -> list[Alert]:
        found = []
        groups = {group for one in self._streams if one.name in self._alarmed and (group := _told_with(one))}
        for number, stream in enumerate(self._streams):
            if stream.name in self._alarmed or self._won(number) < 1.0 / self._allowed[number]:
                continue
            if _told_with(stream) in groups:  # one alarm says it
                self._alarmed.add(stream.name)
                continue
            found_shift = self._shift(number)
            if found_shift is None or not self._worth_it(stream, found_shift[0]):
                continue
            shift, words = found_shift
            kind = _KINDS.get(stream.name, "drift")
            evidence: dict[str, JSON] = {
                **self._found_by(number),
                "shift": msgspec.to_builtins(shift.shift),
                "now": msgspec.to_builtins(shift.now),
                "before": msgspec.to_builtins(shift.before),
            }
            found.append(self._alert(at, kind, stream.name, words, evidence))
            groups |= {_told_with(stream)} - {""}
        return found

    def _found_by(self, stream: int) -> dict[str, JSON]:
        detector = self._detector(stream)
        if detector != "conformal":
            return {"detector": detector}
        return {"won": min(self._won(stream), 1e300), "needed": float(1.0 / self._allowed[stream])}

    def _worth_it(self, stream: StreamReference, shift: Shift) -> bool:
        floor = (
            self._watching.rate_floor if stream.name in ("answer: failed", "answer: refused") else self._watching.floor
        )
        shown = shift.shift.low if self._watching.certain else shift.shift.value
        return (shown or 0.0) >= floor

    def _new_falls(self, at: float) -> list[Alert]:
        found = []
        for number, name in enumerate(_QUALITY):
            allowed = self._allowed[len(self._streams) + number]
            if name in self._alarmed or self._falls.wealth.peak[number] < 1.0 / allowed:
                continue
            evidence: dict[str, JSON] = {
                "won": float(self._falls.wealth.peak[number]),
                "needed": float(1.0 / allowed),
                "bar": float(self._bars[number]),
                **{key: msgspec.to_builtins(value) for key, value in self.quality().items()},
            }
            kind = "calibration" if number > 1 else name.replace(" ", "-")
            self._alarmed.add(name)
            found.append(self._alert(at, kind, name, self._of_quality(name), evidence))
        return found

    def _odd(self, served: Sequence[Served], now: float | None) -> list[Alert]:
        """Volume, latency, cost and errors of five minutes like none before; these come again and again."""
        found = []
        for odd in self._by_time.see(served, now):
            stream = f"by time: {odd.metric}"
            if stream in self._watching.ignore:
                continue
            text = (
                f"{_TEXTS[odd.metric]} is {_said(odd)} for five minutes, like in none of the {odd.n:,} stretches of "
                f"five minutes before (oddness {odd.score:.0f}; {self._watching.odd:g} is allowed)"
            )
            evidence: dict[str, JSON] = {
                "value": odd.value,
                "score": odd.score,
                "allowed": self._watching.odd,
                "n": odd.n,
            }
            found.append(self._alert(odd.at, odd.metric, stream, text, evidence))
            self._alarmed.discard(stream)
        return found

    def _alert(self, at: float, kind: str, stream: str, text: str, evidence: dict[str, JSON]) -> Alert:
        self._alarmed.add(stream)
        severity: Severity = "alarm" if kind == "quality" else "warning"
        return Alert(
            id=alert_id(self._task, kind, stream, self._release, at),
            task=self._task,
            at=at,
            kind=kind,
            stream=stream,
            severity=severity,
            text=text,
            next_step=_NEXT_STEPS[kind],
            evidence=evidence,
            group=kind,
            release=self._release,
        )

    def _of_quality(self, name: str) -> str:
        """What a stream of quality says, in words: as an alarm, and before it as a bar."""
        bar, now, alarmed = float(self._bars[_QUALITY.index(name)]), self.quality(), name in self._alarmed
        below = f"{'is below' if alarmed else 'held against'} {100 * bar:.1f} %"
        if name == "quality":
            shown = f"; of all labels so far: {now['labels'].text()}" if "labels" in now else ""
            return f"the share solved {below}{shown}"
        if name == "estimated quality":
            shown = f"; it stands at {now['confidence'].text()}" if "confidence" in now else ""
            return f"the share solved, estimated by confidence, {below}{shown}. This {ASSUMPTION}"
        often = "less" if name == "too sure" else "more"
        shown = "" if alarmed else "not shown to be "
        return f"answers are {shown}solved {often} often than their confidence meant on test"

    def _restore(self, state: bytes) -> None:
        read = msgspec.msgpack.decode(state, type=_State)
        if read.reference != self._identity:
            raise ValueError("this is the state of another release, or of other settings")
        arrays = unpacked(read.arrays)
        if self._changes is not None:
            self._changes.restore(arrays)
        self._recent.restore(arrays)
        self._falls.restore({name.removeprefix("falls "): one for name, one in arrays.items() if name[:6] == "falls "})
        self._compositions.restore(
            {name.removeprefix("wide "): one for name, one in arrays.items() if name[:5] == "wide "}
        )
        self._sure, self._labels = arrays["sure"], arrays["labels"]
        self._by_time = ByTime(self._watching.odd, state=read.by_time)
        self._alarmed, self._n = set(read.alarmed), read.n
        if self._river is not None and read.river:
            self._river.restore(read.river)


_NEXT_STEPS = {
    "drift": "Send the right answers of some of the latest requests (/feedback, or merits feedback FILE): labels tell "
    "whether quality holds.",
    "errors": "Look at the failures in the log, and whether the provider has an incident.",
    "refusals": "Look at what is refused; ask the fixed set again: merits probe",
    "latency": "Look at load and the provider's state; where it stays, decide again with the new latency: merits run",
    "volume": "Look whether a client retries, or stopped asking; limits of keys hold back who asks too much.",
    "cost": "Look at lengths of inputs and answers, and at the price table; decide again: merits run",
    "quality": "Decide again on the fresh labels, or roll back to the release before: merits rollback",
    "estimated-quality": "Have some of the latest answers labelled: labels decide what confidence only guesses.",
    "calibration": "Thresholds that rest on confidence (cascades, abstaining) are off: tune them on the fresh labels.",
}


_TEXTS = {
    "volume": "the number of requests",
    "latency": "the median latency",
    "cost": "the mean cost of an answer",
    "errors": "the share that could not be answered",
}


def _told_with(stream: StreamReference) -> str:
    """What streams that say one thing have in common: an embedding and the subject are both what texts are about."""
    return "embedding" if stream.name == "input: topic" else stream.group


def _said(odd: Odd) -> str:
    if odd.metric == "latency":
        return duration(odd.value)
    return f"{100 * odd.value:.1f} %" if odd.metric == "errors" else f"{odd.value:.4g}"


def _confidence(served: Served) -> float | None:
    return None if served.answer.failure is not None else confidence_of(served.answer)


def _words(stream: StreamReference, shift: Shift) -> str:
    """What has shifted, in words: "input: length: 78.0 % [..] are below 41, 50.0 % [..] were"."""
    cut, now, before = shift.cut, shift.now.text(), shift.before.text()
    if stream.group == "embedding":
        edge = f"{stream.edges[cut]:.4g}" if cut < len(stream.edges) else "any"
        return f"{stream.name} (what texts are about): {now} are below {edge}, {before} on test"
    if stream.kind == "category":
        names = [f"are {name!r}" for name in stream.categories] + ["have no value", "were never seen on test"]
        return f"{stream.name}: {now} {names[cut]}, {before} on test"
    if cut < len(stream.edges):
        return f"{stream.name}: {now} are below {stream.edges[cut]:.4g}, {before} on test"
    return f"{stream.name}: {now} have a value, {before} on test"


def _words_together(stream: StreamReference, which: NDArray[np.integer], shift: Shift) -> str:
    """What has shifted where many categories moved a little: "61 % [..] are among 12 topics, 35 % on test"."""
    names = [*stream.categories, "no value", "never seen on test"]
    shown = ", ".join(repr(names[number]) for number in which[:3].tolist())
    more = f" and {len(which) - 3} more" if len(which) > 3 else ""
    return f"{stream.name}: {shift.now.text()} are among {shown}{more}; {shift.before.text()} on test"


def _bets(stream: StreamReference) -> NDArray[np.float64]:
    return number_bets() if stream.kind == "number" else category_bets(stream.shares)


def _numbers(columns: Sequence[Sequence[float | str | None]]) -> NDArray[np.float64]:
    """The numbers among values (events, streams), NaN for all else."""
    nan = float("nan")
    held = [[one if isinstance(one, float) and np.isfinite(one) else nan for one in column] for column in columns]
    return np.array(held).T


def _table(rows: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    found = np.zeros((len(rows), max(map(len, rows), default=1)), np.int64)
    for number, row in enumerate(rows):
        found[number, : len(row)] = row
    return found


def _river(watching: Watching, n_streams: int) -> RiverDetectors | None:
    return None if watching.detector == "conformal" else RiverDetectors(watching.detector, n_streams)


@dataclass(frozen=True)
class Meant:
    """What confidences meant on test, `chances` (bins,) of being right, with bounds in 0..1.

    The bounds hold together for the means of the lower, middle and upper third of confidences, of each bin by itself
    too little is known. They are of the shares as they were seen, not of `chances`, which are drawn towards one half:
    where all of a third were solved, that more are is impossible, and no surprise.
    """

    recalibrated: Recalibration
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def chances(self) -> NDArray[np.float64]:
        """The share solved in each bin."""
        return self.recalibrated.chances


def _meant(reference: Reference, level: float) -> Meant | None:
    found = reference.confidences
    if found is None or not sum(found.n):
        return None
    recalibrated = Recalibration(np.array(found.edges), np.array(found.solved), np.array(found.n))
    third = np.clip((np.cumsum(found.n) - 1) * _PARTS // sum(found.n), 0, _PARTS - 1)  # the first may be empty
    solved, n = (np.bincount(third, counts, minlength=_PARTS) for counts in (found.solved, found.n))
    each = 1.0 - (1.0 - level) / _PARTS
    low, high = (clopper_pearson_bound(solved, n, each, side=side) for side in ("low", "high"))
    seen = recalibrated.solved / np.maximum(recalibrated.n, 1)
    fewer, more = low * n / np.maximum(solved, 1), (1.0 - high) * n / np.maximum(n - solved, 1)
    return Meant(recalibrated, seen * fewer[third], 1.0 - (1.0 - seen) * more[third])  # their means are low and high


def _bars(reference: Reference, meant: Meant | None, watching: Watching, quality: float | None) -> NDArray[np.float64]:
    """What the means of `_QUALITY` must not fall below; 0 where nothing is known to hold them against.

    Each is a bound, at the level that makes all four hold together, less the floor.
    """
    floor, level = watching.quality_floor, _bar_level(watching)
    bars = np.zeros(len(_QUALITY))
    if quality is not None:
        bars[0] = quality
    elif reference.n_scored:
        bars[0] = float(clopper_pearson_bound(reference.n_solved, reference.n_scored, level)) - floor
    if meant is not None:
        shares = meant.recalibrated.n / meant.recalibrated.n.sum()
        mean = float(shares @ meant.chances)
        spread = float(shares @ (meant.chances - mean) ** 2) / float(meant.recalibrated.n.sum())
        bars[1] = mean - normal_critical(2.0 * level - 1.0) * spread**0.5 - floor
        bars[2:] = (1.0 - floor) / 2.0
    return np.maximum(bars, 0.0)


def _bar_level(watching: Watching) -> float:
    return 1.0 - watching.alpha * _BARS / len(_QUALITY)


def _allowed(streams: Sequence[StreamReference], alpha: float) -> NDArray[np.float64]:
    """What each stream may err, those of `_QUALITY` last."""
    sizes: dict[str, int] = {}
    for one in streams:
        if one.group:
            sizes[one.group] = sizes.get(one.group, 0) + 1
    weights = [_WEIGHTS.get(one.name, 1.0) / (sizes[one.group] if one.group else 1) for one in streams]
    return alphas([*weights, *[_OF_QUALITY] * len(_QUALITY)], alpha * (1.0 - _BARS))
