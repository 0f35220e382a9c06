"""Detectors of river on streams of numbers: they find a change, and go on where they were stopped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

pytest.importorskip("river")
from river import drift

from merits.monitoring.river_detectors import RiverDetectors, RiverKind
from merits.monitoring.watch import Watch
from tests.monitoring.test_watch import CLASSES, LENS, REFERENCE, watch
from tests.monitoring.traffic import served

KINDS: Sequence[RiverKind] = ("adwin", "kswin", "page-hinkley")


def values(n: int, change: float = 0.0, seed: int = 0) -> np.ndarray:
    """Two streams, of which the second changes after half of it."""
    found = np.random.default_rng(seed).normal(size=(n, 2), scale=0.2)
    found[n // 2 :, 1] += change
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_stream_that_changed_is_found_and_the_other_is_not(kind: RiverKind) -> None:
    """Each stream has a detector of its own."""
    detectors = RiverDetectors(kind, 2, alpha=1e-4)
    detectors.see(values(1_000, change=0.8))
    assert detectors.alarmed.tolist() == [False, True]


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_those_of_river(kind: RiverKind) -> None:
    """The same stream, event by event, through river itself."""
    own = {"adwin": lambda: drift.ADWIN(delta=0.002), "kswin": lambda: drift.KSWIN(alpha=0.002, seed=3)}
    detector = own.get(kind, drift.PageHinkley)()
    column = values(900, change=0.2, seed=5)[:, 1]
    alarmed = []
    detectors = RiverDetectors(kind, 1, alpha=0.002, seed=3)
    seen = []
    for value in column.tolist():
        detector.update(value)
        alarmed.append(detector.drift_detected or (alarmed[-1] if alarmed else False))
        detectors.see(np.array([[value]]))
        seen.append(bool(detectors.alarmed[0]))
    assert seen == alarmed


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_value_is_no_event(kind: RiverKind) -> None:
    """Half of the events have no value of the first stream."""
    some = values(400)
    holes = np.insert(some, slice(0, 400), np.nan, axis=0)
    plain, with_holes = RiverDetectors(kind, 2), RiverDetectors(kind, 2)
    plain.see(some)
    with_holes.see(holes)
    assert plain.state() == with_holes.state()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stop", [0, 1, 37, 450, 620])
def test_stopped_and_gone_on_is_not_stopped(kind: RiverKind, stop: int) -> None:
    """Before anything came, within a window, and after an alarm: bit for bit."""
    some = values(900, change=0.6, seed=2)
    whole, stopped = (RiverDetectors(kind, 2, seed=4) for _ in range(2))
    whole.see(some)
    stopped.see(some[:stop])
    gone_on = RiverDetectors(kind, 2, seed=4)
    gone_on.restore(stopped.state())
    gone_on.see(some[stop:])
    assert gone_on.alarmed.tolist() == whole.alarmed.tolist()
    assert gone_on.state() == whole.state()


@pytest.mark.parametrize("kind", KINDS)
def test_begun_anew_it_is_as_it_was_at_first(kind: RiverKind) -> None:
    """On one stream; the other goes on."""
    detectors = RiverDetectors(kind, 2)
    detectors.see(values(900, change=0.8))
    detectors.restart(np.array([False, True]))
    assert not detectors.alarmed[1]
    fresh = RiverDetectors(kind, 1)
    more = values(200, seed=9)
    detectors.see(more)
    fresh.see(more[:, 1:])
    assert bool(detectors.alarmed[1]) == bool(fresh.alarmed[0])


def test_the_state_of_others_is_refused() -> None:
    """Another kind, another number of streams, and no state at all."""
    state = RiverDetectors("adwin", 2).state()
    for kind, n in (("kswin", 2), ("page-hinkley", 2), ("adwin", 3)):
        with pytest.raises(ValueError, match="another"):
            RiverDetectors(kind, n).restore(state)  # type: ignore[arg-type]
    for broken in (b"", b"no state", state[: len(state) // 2]):
        with pytest.raises(ValueError):  # noqa: PT011  whatever is broken says so in its own words
            RiverDetectors("adwin", 2).restore(broken)


@pytest.mark.parametrize("kind", KINDS)
def test_a_watch_that_is_taken_up_again_goes_on_with_them(kind: RiverKind) -> None:
    """A monitor that is restarted in the middle of a change finds it as early as one that was not."""
    random = np.random.default_rng(6)
    later = served(random, 300, LENS, start=300, of_inputs={"mean": 70.0})
    some = [one for one, _ in [*served(random, 300, LENS), *later]]
    whole, stopped = watch(detector=kind), watch(detector=kind)
    whole.see(some[:320])
    stopped.see(some[:320])
    taken = Watch(REFERENCE, task="shop", release=1, classes=CLASSES, watching=stopped._watching, state=stopped.state())
    assert [one.stream for one in taken.see(some[320:])] == [one.stream for one in whole.see(some[320:])]
    assert taken.state() == whole.state()
