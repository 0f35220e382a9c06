"""What guides a search is what is decided by, as far as both know it."""

from __future__ import annotations

import numpy as np

import merits
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.values import net_values
from merits.improving.searching.objectives import of_a_candidate, value_of, values_by_row
from merits.testing.evaluations import tiny


def test_the_net_value_of_a_search_is_that_of_a_decision() -> None:
    """Row by row, where nothing is reviewed, abstained from or has a loss of its own."""
    evaluation = tiny()
    needs = merits.Needs(worth_of_solved=2.0, loss_of_wrong=0.7, price_of_waiting=0.1, free_wait_s=0.01)
    cases = Cases(evaluation, POLICIES[0])
    expected = net_values(cases, needs)
    for k in range(len(evaluation.names)):
        found = of_a_candidate(evaluation, k)
        ours = values_by_row("net value", found, needs)
        assert np.allclose(expected[k][found.due], ours[found.due])
        assert value_of("quality", found, needs) == cases.solved[k][found.due].mean()
