"""An answer that nobody timed tells nothing about latency: neither 0 seconds nor hours."""

from __future__ import annotations

import dataclasses

import numpy as np

from merits.core.needs import Needs
from merits.deciding.decide import decide
from merits.store.columns import pack, unpack
from merits.tasks.requirements import parse_requirement
from merits.testing.evaluations import tiny

NEEDS = Needs(requirements=(parse_requirement("p95_latency <= 800 ms @ 95%"),))


def test_a_latency_that_is_not_known_meets_no_bar_and_misses_none() -> None:
    """The same evaluation, timed and not."""
    timed = tiny(n=400)
    latency_s = np.full(timed.latency_s.shape, 0.1)
    timed = dataclasses.replace(timed, latency_s=latency_s)
    untimed = dataclasses.replace(timed, latency_s=0 * latency_s, untimed=np.ones(latency_s.shape, np.bool_))
    known, unknown = decide(timed, NEEDS).standings[0], decide(untimed, NEEDS).standings[0]
    assert known.latency_p95_s is not None
    assert unknown.latency_p95_s is None
    assert (known.requirements[0].met, unknown.requirements[0].met) == ("met", "not yet known")
    assert "answers of a batch tell no wait" in unknown.requirements[0].settle


def test_some_answers_that_were_timed_are_no_sample_of_all() -> None:
    """How they were asked decided which were timed."""
    evaluation = tiny(n=400)
    untimed = np.zeros(evaluation.status.shape, np.bool_)
    untimed[0, :10] = True
    one, other = decide(dataclasses.replace(evaluation, untimed=untimed), NEEDS).standings
    assert {one.candidate: one.latency_p95_s is None, other.candidate: other.latency_p95_s is None} == {
        evaluation.names[0]: True,
        evaluation.names[1]: False,
    }


def test_what_was_not_timed_is_stored() -> None:
    """A report drawn later is the same report."""
    evaluation = tiny()
    untimed = np.zeros(evaluation.status.shape, np.bool_)
    untimed[1, 2] = True
    kept: dict[str, bytes] = {}

    def keep(data: bytes) -> str:
        kept[str(len(kept))] = data
        return str(len(kept) - 1)

    header = pack(dataclasses.replace(evaluation, untimed=untimed), keep)
    again = unpack(header, kept.__getitem__).untimed
    assert again is not None
    assert np.array_equal(again, untimed)
    assert unpack(pack(evaluation, keep), kept.__getitem__).untimed is None
