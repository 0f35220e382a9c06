"""Known truth: every interval and bound of `merits.stats` covers what it promises (the table is in `coverage.py`).

The long run prints the table (`make simulate`).
"""

from __future__ import annotations

import math
from collections import defaultdict

import pytest

from merits import stats
from tests.simulation.coverage import Case, cases

TABLE: dict[str, list[Case]] = defaultdict(list)
for _case in cases():
    TABLE[_case.function].append(_case)

_INTERVALS = (
    "Assisted",
    "Components",
    "Estimate",
    "Limits",
    "PairedDifferences",
    "tuple[float, float]",
    "tuple[float | None, float | None]",
)
ELSEWHERE = {
    "cohen_kappa": "has a simulation of its own: test_judges.py",
    "powered_mean": "has a simulation of its own: test_judges.py",
    "different_things": "has a simulation of its own: tests/stats/test_coverage.py",
    "effective_number": "has a simulation of its own: tests/stats/test_coverage.py",
    "slope": "has a simulation of its own: test_judges.py",
    "difference_bounds": "has a simulation of its own: test_gates.py",
    "clopper_pearson_bound": "gives one bound, which the table takes from both sides",
    "skewed_limits": "makes the interval of mean, which the table has",
}


def at_least(promised: float, runs: int) -> float:
    """The share of hits that is not plausible to fall short of if the promise is kept: 3.5 standard errors below."""
    return promised - 3.5 * math.sqrt(promised * (1 - promised) / runs) if runs else promised - 1e-9


def broken(case: Case, *, slow: bool) -> tuple[str, bool]:
    """The case's line of the table, and whether its promise is broken."""
    (low, high), runs = case.misses(slow=slow)
    kept = 1 - max(low, high) if case.each else 1 - low - high
    line = (
        f"{case.function:24} {case.where:34} n {case.n:5}  low end misses {low:6.3f}  high end misses {high:6.3f}  "
        f"covers {kept:.3f}, promised {case.covers}{' for each end' if case.each else ''}"
        f"{'' if runs else ' (exact)'}"
    )
    return line, kept < at_least(case.covers, runs)


@pytest.mark.parametrize("function", sorted(TABLE))
def test_interval_keeps_its_promise(function: str) -> None:
    """At every size and rate of the table; few draws, so only gross failures show: the long run has the rest."""
    found = [broken(case, slow=False) for case in TABLE[function] if case.runs]
    assert [line for line, bad in found if bad] == []


@pytest.mark.slow
@pytest.mark.parametrize("function", sorted(TABLE))
def test_interval_keeps_its_promise_everywhere(function: str) -> None:
    """The same with many draws, printed."""
    found = [broken(case, slow=True) for case in TABLE[function] if case.slow_runs or case.outcomes]
    print("\n" + "\n".join(line for line, _ in found))
    assert [line for line, bad in found if bad] == []


def test_no_interval_is_without_a_simulation() -> None:
    """Whatever of `merits.stats` returns an interval is in the table, or is said to be tested elsewhere, and where."""
    returns = {name: str(getattr(stats, name).__annotations__.get("return", "")) for name in _functions()}
    intervals = {name for name, kind in returns.items() if kind in _INTERVALS}
    assert sorted(intervals - set(TABLE) - set(ELSEWHERE)) == []
    assert sorted(set(TABLE) - set(_functions())) == []


def _functions() -> list[str]:
    return [name for name in stats.__all__ if callable(getattr(stats, name)) and name[0].islower()]
