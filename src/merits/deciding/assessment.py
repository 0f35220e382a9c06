"""All that the verdict rests on, under one policy: who was assessed, who leads, who meets what."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from merits.core.decision import Met, RequirementResult
from merits.core.needs import Needs
from merits.deciding.cases import Cases
from merits.deciding.comparison import Comparison, compare
from merits.deciding.economics import gain_if_free, net_value
from merits.deciding.human import is_labelled, n_labelled
from merits.deciding.racing import replay
from merits.deciding.requirements import considered, facts, overall, required
from merits.deciding.values import objective_of
from merits.stats.powered import FEWEST_LABELS
from merits.stats.racing import Race

__all__ = ["Assessment", "assess"]


@dataclass(frozen=True)
class Assessment:
    """The candidates under one policy. Those in `members` can be compared; the others have no outcome or no price.

    `race` is the race by which they were asked, judged anew under these needs and this policy; None where everybody
    was asked everything.
    """

    cases: Cases
    needs: Needs
    members: tuple[int, ...]
    comparison: Comparison | None
    results: dict[int, tuple[RequirementResult, ...]]
    race: Race | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all candidates."""
        return self.cases.evaluation.names

    @cached_property
    def compared(self) -> Comparison:
        """The comparison; only asked for where there are members."""
        if self.comparison is None:
            raise LookupError("nothing was compared")
        return self.comparison

    def meets(self, k: int) -> Met:
        """Whether candidate k meets all requirements."""
        return overall(self.results[k])

    @cached_property
    def eligible(self) -> tuple[int, ...]:
        """The members that do not certainly miss a requirement."""
        return tuple(k for k in self.members if self.meets(k) != "not met")

    @cached_property
    def leader(self) -> int | None:
        """The eligible member with the best objective (any member, when none is eligible); then cheaper, then first.

        Where people labelled answers, a candidate with hardly any label is compared with nobody, so it cannot lead.
        """
        among = self.eligible or self.members
        among = tuple(k for k in among if k in self.standing) or among
        if is_labelled(self.cases):
            among = tuple(k for k in among if n_labelled(self.cases, k) >= FEWEST_LABELS) or among
        return min(among, key=self._rank) if among else None

    @cached_property
    def tied(self) -> tuple[int, ...]:
        """The leader and the eligible members that are not certainly worse than it, nor out of the race."""
        leader = self.leader
        if leader is None:
            return ()
        among = [k for k in self.eligible if k in self.standing and not self.compared.better(leader, k)]
        return tuple(k for k in self.eligible if k == leader or k in among)

    def relation(self, k: int) -> Literal["leader", "tied", "worse", "dropped", "not assessed"]:
        """How candidate k stands to the leader; "dropped" is who left a race and is not shown to be worse besides."""
        if k not in self.members or self.leader is None:
            return "not assessed"
        if k == self.leader:
            return "leader"
        if self.compared.better(self.leader, k):
            return "worse"
        return "tied" if k in self.standing else "dropped"

    @cached_property
    def standing(self) -> tuple[int, ...]:
        """The members that may be the best on future traffic by a race; all of them where there was none."""
        return self.members if self.race is None else tuple(k for k in self.members if self.race.ahead[k])

    def misses_gate(self, k: int) -> bool:
        """Whether k was taken out of a race because it certainly misses a requirement."""
        gates = None if self.race is None else self.race.gates
        return gates is not None and bool(gates.missed[k])

    def may_beat_unpriced(self, k: int) -> bool:
        """Whether candidate k, which has no price, could be the better buy than the leader if it cost little."""
        if self.leader is None or k in self.members:
            return self.relation(k) == "tied"
        level = self.needs.confidence
        if self.meets(k) == "not met":
            return False
        free = gain_if_free(self.cases, k, self.needs, level)
        lead = net_value(self.cases, self.leader, self.needs, level)
        if free is None or free.high is None or lead is None or lead.low is None:
            return True
        return free.high > lead.low

    @property
    def margin(self) -> float:
        """The largest loss that may be left open, in the objective's unit."""
        return self.needs.tie_margin * self.compared.scale

    @property
    def incumbent(self) -> int | None:
        """The candidate in use today, if it was assessed."""
        name = self.needs.incumbent
        return self.names.index(name) if name in self.names and self.names.index(name) in self.members else None

    def _rank(self, k: int) -> tuple[float, float, int]:
        cost = self.cases.mean_cost(k)
        return (-round(self.compared.means[k], 12), float("inf") if cost is None else cost, k)


def assess(cases: Cases, needs: Needs) -> Assessment:
    """The assessment of all candidates under the policy of the cases."""
    members = cases.assessed
    if objective_of(needs) == "net value":
        members = tuple(k for k in members if cases.evaluation.priced[k])
    n_considered = considered(cases, needs)
    raced = cases.evaluation.raced
    return Assessment(
        cases=cases,
        needs=needs,
        members=members,
        comparison=compare(cases, needs, members) if members else None,
        race=None if raced is None else replay(cases.evaluation, raced, needs, cases.policy),
        results={
            k: required(cases, needs, k, n_considered) if k in cases.assessed else facts(cases, needs, k)
            for k in range(len(cases.evaluation.candidates))
        },
    )
