"""What trials are ranked by: what they show on dev, less what they are known to have learned from these very rows."""

from __future__ import annotations

import msgspec
import pytest

from merits.core.candidate import Candidate
from merits.core.estimate import Estimate
from merits.core.identity import JSON
from merits.core.improvement import MEMORISED
from merits.core.needs import Needs
from merits.searching.ranking import memorised_by, records_of
from merits.testing.contracts.improver import outcomes, task_of


@pytest.mark.parametrize(
    ("needs", "of_quality"), [(Needs(), 1.0), (Needs(worth_of_solved=2.0, loss_of_wrong=1.0), 3.0)]
)
def test_what_is_memorised_does_not_count(needs: Needs, of_quality: float) -> None:
    """In quality, or in what quality is worth; what is shown of it stays what was measured."""
    task = msgspec.structs.replace(task_of(200), needs=needs)
    plain = Candidate(name="plain", kind="constant", params={"output": "yes"})
    learned = msgspec.structs.replace(plain, name="learned", metadata={MEMORISED: 0.25})
    first, second = (records_of(outcomes([one], task), needs, "t", 0.0, 0)[0] for one in (plain, learned))
    assert first.value - second.value == pytest.approx(0.25 * of_quality)
    assert first.quality == second.quality


@pytest.mark.parametrize(("said", "known"), [(0.1, 0.1), (-1.0, 0.0), (7, 1.0), ("much", 0.0), (None, 0.0)])
def test_only_a_share_is_memorised(said: JSON, known: float) -> None:
    """Metadata is the user's: whatever else stands there is nothing."""
    assert (
        memorised_by(Candidate(name="a", kind="constant", params={"output": "a"}, metadata={MEMORISED: said})) == known
    )


def test_the_gain_on_dev_is_told_without_what_is_memorised() -> None:
    """Else it would be far from what is left of it on test."""
    from merits.searching.gains import _without

    gain = Estimate(value=0.1, low=0.05, high=None, level=0.95, n=100, unit="points", method="paired")
    less = _without(gain, 0.08)
    assert (round(less.value or 0.0, 6), round(less.low or 0.0, 6), less.high) == (0.02, -0.03, None)
    assert _without(gain, 0.0) is gain
