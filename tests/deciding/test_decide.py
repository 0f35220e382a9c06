"""The verdict: what must always hold, whatever the numbers are."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from merits.core.decision import Decision
from merits.core.errors import RequirementError, UsageError
from merits.core.evaluation import Human, Labels
from merits.core.needs import Needs, Requirement
from merits.core.outcome import Status
from merits.deciding.decide import decide
from merits.deciding.reasons import REASONS
from tests.deciding.evaluations import evaluation_of, first

NINETY = Requirement(metric="accuracy", op=">=", bar=0.9)
SEVENTY = Requirement(metric="accuracy", op=">=", bar=0.7)


def codes(decision: Decision) -> set[str]:
    return {reason.code for reason in decision.reasons}


def test_a_clear_winner_is_adopted() -> None:
    """90 % against 60 % on 500 examples leaves no doubt."""
    decision = decide(evaluation_of({"good": first(450, 500), "poor": first(300, 500)}))
    assert (decision.verdict, decision.candidate) == ("adopt", "good")
    assert decision.standing("poor").relation == "worse"
    assert {"better", "worse"} <= codes(decision)


def test_identical_candidates_are_tied_and_the_cheaper_wins() -> None:
    """The same answers for a tenth of the price are the better buy."""
    solved = first(400, 500)
    decision = decide(evaluation_of({"dear": solved, "cheap": solved}, cost={"dear": 0.01, "cheap": 0.001}))
    assert (decision.verdict, decision.candidate) == ("adopt", "cheap")
    assert {s.relation for s in decision.standings} == {"leader", "tied"}


def test_a_tied_cheaper_one_is_taken_over_a_better_looking_one() -> None:
    """A lead of one example in 500 is no reason to pay ten times as much."""
    solved = {"dear": first(401, 500), "cheap": first(400, 500)}
    decision = decide(evaluation_of(solved, cost={"dear": 0.01, "cheap": 0.001}))
    assert decision.candidate == "cheap"
    assert decision.standing("dear").relation == "leader"
    assert "cheapest-of-the-tied" in codes(decision)


def test_where_a_case_has_a_worth_the_price_decides_only_as_part_of_it() -> None:
    """Ten times the price for 2 points more: worth it at 1 a case, though the two cannot be told apart."""
    solved = {"dear": first(410, 500), "cheap": np.roll(first(400, 500), 50)}
    evaluation = evaluation_of(solved, cost={"dear": 0.01, "cheap": 0.001})
    decision = decide(evaluation, Needs(worth_of_solved=1.0))
    assert (decision.candidate, decision.standing("cheap").relation) == ("dear", "tied")
    assert "worthiest-of-the-tied" in codes(decision)
    same = evaluation_of({"dear": first(410, 500), "cheap": first(410, 500)}, cost={"dear": 0.01, "cheap": 0.001})
    assert decide(same, Needs(worth_of_solved=1.0)).candidate == "cheap"


def test_costs_within_five_per_cent_are_equal_and_looks_decide() -> None:
    """Measured seconds vary from run to run; a verdict must not."""
    solved = {"a": first(410, 500), "b": np.roll(first(400, 500), 50)}
    assert decide(evaluation_of(solved, cost={"a": 0.0101, "b": 0.01})).candidate == "a"
    assert decide(evaluation_of(solved, cost={"a": 0.0111, "b": 0.01})).candidate == "b"


def test_whoever_certainly_misses_the_bar_and_solves_nothing_is_not_worth_it() -> None:
    """Sixteen in a row unsolved are enough against a bar of one half."""
    none = evaluation_of({"a": first(0, 16), "b": first(0, 16)})
    needs = Needs(requirements=(Requirement(metric="accuracy", op=">=", bar=0.5),))
    assert decide(none, needs).verdict == "none worth it"
    assert decide(none, Needs()).verdict == "undecided"


def test_ten_examples_adopt_no_constant_baseline() -> None:
    """Everything is tied on ten examples; that is no evidence that the free one is as good."""
    for k in (5, 7, 8):
        ev = evaluation_of({"model": first(k, 10), "commonest": first(5, 10)}, cost={"model": 0.01, "commonest": 0.0})
        decision = decide(ev)
        assert decision.verdict == "undecided"
        assert "more examples" in decision.next_step
        assert codes(decision) & {"tie-too-wide", "too-few-examples"}


def test_17_of_20_is_never_without_its_interval() -> None:
    """The point estimate alone would pass the bar."""
    decision = decide(evaluation_of({"only": first(17, 20)}), Needs(requirements=(SEVENTY,)))
    assert decision.verdict == "undecided"
    for text in (decision.summary, *(reason.text for reason in decision.reasons)):
        for place in range(len(text)):
            if text.startswith("85.0 %", place):
                assert text[place:].startswith("85.0 % [")
    assert "85.0 % [64.0–94.8 %]" in decision.summary


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("requirements", [(), (NINETY,)])
def test_854_errors_in_861_rows_are_undecided(alone: bool, requirements: tuple[Requirement, ...]) -> None:
    """Seven answers are not evidence, and 854 errors are not wrong answers."""
    status = np.full(861, Status.FAILED)
    status[:7] = Status.SCORED
    solved = {"broken": np.ones(861)} if alone else {"broken": np.ones(861), "fine": first(830, 861)}
    decision = decide(evaluation_of(solved, status={"broken": status}), Needs(requirements=requirements))
    assert decision.verdict == "undecided"
    assert "failures" in codes(decision)
    assert decision.standing("broken").n_failed == 854


def test_one_that_died_halfway_is_not_adopted_on_its_better_half() -> None:
    """What was never asked because the candidate was given up is no more an answer than what failed."""
    status = np.full(400, Status.MISSING)
    status[:150], status[150:170] = Status.SCORED, Status.FAILED
    ev = evaluation_of({"steady": first(300, 400), "died": first(145, 400)}, status={"died": status})
    decision = decide(ev)
    assert decision.verdict == "undecided"
    assert "230 were therefore never asked" in decision.summary


@pytest.mark.parametrize(("n", "verdict"), [(500, "none worth it"), (10, "undecided")])
def test_nobody_is_adopted_who_solves_nothing(n: int, verdict: str) -> None:
    """The cheapest of those that are equally useless is still useless."""
    decision = decide(evaluation_of({"a": first(0, n), "b": first(0, n)}))
    assert (decision.verdict, decision.candidate) == (verdict, "")
    assert "nothing-solved" in codes(decision)


def test_the_only_sure_one_of_the_tied_is_not_called_the_cheapest() -> None:
    """The dearer one is taken because it certainly meets the bar, and the reason says so."""
    bar = Requirement(metric="accuracy", op=">=", bar=0.75)
    ev = evaluation_of({"dear": first(330, 400), "cheap": first(312, 400)}, cost={"dear": 2.0, "cheap": 1.0})
    decision = decide(ev, Needs(requirements=(bar,)))
    assert (decision.verdict, decision.candidate) == ("adopt", "dear")
    if decision.standing("cheap").relation == "tied":
        assert "only-one-sure-of-the-tied" in codes(decision)
    assert "cheapest-of-the-tied" not in codes(decision)


def test_one_that_solved_nothing_is_not_the_cheapest_of_the_tied() -> None:
    """However wide the margin that is allowed, a useless candidate is no bargain."""
    ev = evaluation_of({"useful": first(3, 20), "useless": first(0, 20)}, cost={"useful": 2.0, "useless": 0.1})
    assert decide(ev, Needs(tie_margin=0.9)).candidate == "useful"


def test_one_that_solved_nothing_is_not_taken_for_being_quick() -> None:
    """Where all that are right are too slow, being quick and wrong is no merit."""
    ev = evaluation_of({"slow": first(180, 200), "quick": first(0, 200)}, latency_s={"slow": 3.0, "quick": 0.1})
    decision = decide(ev, Needs(requirements=(Requirement(metric="p95_latency", op="<=", bar=1.0),)))
    assert (decision.verdict, decision.candidate) == ("undecided", "")
    assert "nothing-solved" in codes(decision)


@pytest.mark.parametrize("cost", [np.nan, np.inf, -0.1])
def test_costs_that_are_no_money_are_an_error_that_names_the_candidate(cost: float) -> None:
    """A mean over one broken cost would be broken too, or wrong."""
    costs = np.where(np.arange(200) == 3, cost, 0.1)
    with pytest.raises(UsageError, match="a has 1 cost that"):
        decide(evaluation_of({"a": first(150, 200), "b": first(100, 200)}, cost={"a": costs, "b": 0.2}))


@pytest.mark.parametrize(
    "needs",
    [
        Needs(confidence=1.0),
        Needs(confidence=float("nan")),
        Needs(worth_of_solved=-1.0),
        Needs(loss_of_wrong=float("inf")),
        Needs(tie_margin=-0.1),
        Needs(requirements=(Requirement(metric="accuracy", op=">=", bar=0.9, confidence=1.0),)),
        Needs(requirements=(Requirement(metric="accuracy", op=">=", bar=float("nan")),)),
    ],
)
def test_needs_that_cannot_be_are_an_error_with_a_next_step(needs: Needs) -> None:
    """Not a verdict, and not a crash inside the arithmetic."""
    with pytest.raises(RequirementError) as raised:
        decide(evaluation_of({"a": first(150, 200), "b": first(100, 200)}), needs)
    assert raised.value.next_step.startswith("Give")


def test_what_is_worth_nothing_and_costs_nothing_is_not_adopted() -> None:
    """A net value of exactly 0 is not above 0."""
    ev = evaluation_of({"a": first(150, 200), "b": first(100, 200)}, cost={"a": 0.0, "b": 0.0})
    assert decide(ev, Needs(worth_of_solved=0.0)).verdict == "none worth it"


def test_policies_that_disagree_are_undecided_and_both_are_shown() -> None:
    """Whether a failure is a wrong answer is not for us to say."""
    status = np.full(400, Status.SCORED)
    status[300:] = Status.FAILED
    ev = evaluation_of({"flaky": np.ones(400), "steady": first(340, 400)}, status={"flaky": status})
    decision = decide(ev)
    assert decision.verdict == "undecided"
    assert "failures-matter" in codes(decision)
    assert set(decision.policies.values()) == {"adopt steady", "adopt flaky"}
    assert "Run again" in decision.next_step


def test_quality_counts_failures_one_way_and_the_other() -> None:
    """Both figures stand in the table."""
    status = np.full(100, Status.SCORED)
    status[:20] = Status.FAILED
    standing = decide(evaluation_of({"a": np.ones(100), "b": np.ones(100)}, status={"a": status})).standing("a")
    assert standing.quality is not None
    assert standing.quality_answered is not None
    assert (standing.quality.value, standing.quality.n) == (0.8, 100)
    assert (standing.quality_answered.value, standing.quality_answered.n) == (1.0, 80)


def test_unscored_and_missing_rows_are_in_no_figure() -> None:
    """A judge that crashed says nothing about the candidate."""
    status = np.full(100, Status.SCORED)
    status[:30], status[30:50] = Status.UNSCORED, Status.MISSING
    decision = decide(evaluation_of({"a": np.ones(100), "b": first(50, 100)}, status={"a": status}))
    standing = decision.standing("a")
    assert standing.quality is not None
    assert standing.quality.n == 50
    assert (standing.n_unscored, standing.n_missing) == (30, 20)
    assert {"many-unscored", "many-missing"} <= codes(decision)


def test_an_unknown_price_is_never_nought() -> None:
    """The unpriced one is not the cheapest, has no money figure, and is named."""
    solved = first(400, 500)
    decision = decide(evaluation_of({"priced": solved, "unpriced": solved}, cost={"priced": 0.01}))
    standing = decision.standing("unpriced")
    assert decision.candidate == "priced"
    assert (standing.cost_per_1000, standing.cost_per_solved, standing.net_value_per_case) == (None, None, None)
    assert "unknown-price" in codes(decision)
    assert "unpriced" in decision.next_step


def test_one_that_would_not_pay_even_for_free_needs_no_price() -> None:
    """60 % solved for nothing are worth less than 96 % for a cent."""
    ev = evaluation_of({"good": first(480, 500), "poor": first(300, 500), "near": first(478, 500)}, cost={"good": 0.01})
    decision = decide(ev, Needs(worth_of_solved=1.0, loss_of_wrong=1.0))
    texts = {reason.candidate: reason.text for reason in decision.reasons if reason.code == "unknown-price"}
    assert decision.candidate == "good"
    assert "even if it were free" in texts["poor"]
    assert "better buy" in texts["near"]
    assert "near" in decision.next_step
    assert "poor" not in decision.next_step


def test_a_known_price_of_nought_is_a_price() -> None:
    """A constant answer is free, and that is known."""
    standing = decide(evaluation_of({"free": first(50, 100)}, cost={"free": 0.0})).standing("free")
    assert standing.cost_per_solved is not None
    assert standing.cost_per_solved.value == 0.0


def test_without_prices_net_value_is_undecided() -> None:
    """Money is asked for, and no cost is known."""
    decision = decide(evaluation_of({"a": first(90, 100), "b": first(50, 100)}), Needs(worth_of_solved=1.0))
    assert decision.verdict == "undecided"
    assert "price" in decision.next_step


def test_a_cost_requirement_without_a_price_is_not_yet_known() -> None:
    """Neither met nor missed, and the next step is to give it."""
    needs = Needs(requirements=(Requirement(metric="cost_per_case", op="<=", bar=1.0),))
    decision = decide(evaluation_of({"a": first(90, 100)}), needs)
    (result,) = decision.standing("a").requirements
    assert (decision.verdict, result.met, result.estimate) == ("undecided", "not yet known", None)
    assert "price" in result.settle


def test_nobody_who_meets_the_bar_is_none_worth_it() -> None:
    """60 % of 500 certainly miss 90 %."""
    decision = decide(evaluation_of({"a": first(300, 500), "b": first(250, 500)}), Needs(requirements=(NINETY,)))
    assert decision.verdict == "none worth it"
    assert decision.candidate == ""
    assert {"all-fail", "requirement-not-met"} <= codes(decision)


def test_who_loses_money_is_not_worth_it() -> None:
    """Half right at a loss of ten for every wrong one."""
    needs = Needs(worth_of_solved=1.0, loss_of_wrong=10.0)
    decision = decide(evaluation_of({"a": first(250, 500)}, cost={"a": 0.1}), needs)
    assert decision.verdict == "none worth it"


def test_ten_of_ten_solved_is_not_yet_certain_to_pay() -> None:
    """All ten were solved, but one wrong in six would be a loss."""
    needs = Needs(worth_of_solved=1.0, loss_of_wrong=5.0)
    assert decide(evaluation_of({"a": np.ones(10)}, cost={"a": 0.01}), needs).verdict == "undecided"
    assert decide(evaluation_of({"a": np.ones(100)}, cost={"a": 0.01}), needs).verdict == "adopt"


def test_net_value_prefers_the_dearer_one_where_errors_cost() -> None:
    """Cost per solved case would always take the weak one; net value does not."""
    ev = evaluation_of({"weak": first(300, 500), "strong": first(480, 500)}, cost={"weak": 0.001, "strong": 0.05})
    decision = decide(ev, Needs(worth_of_solved=1.0, loss_of_wrong=1.0, volume_per_month=1000.0))
    assert decision.candidate == "strong"
    weak, strong = decision.standing("weak"), decision.standing("strong")
    assert weak.cost_per_solved is not None
    assert strong.cost_per_solved is not None
    assert (weak.cost_per_solved.value or 0) < (strong.cost_per_solved.value or 0)
    assert strong.net_value_per_case is not None
    assert strong.net_value_per_month is not None
    assert strong.net_value_per_case.value == pytest.approx(0.96 - 0.04 - 0.05)
    assert strong.net_value_per_month.value == pytest.approx(870.0)


def test_the_incumbent_stays_unless_beaten() -> None:
    """A tie is no reason to move; a lead is."""
    tie = {"old": np.roll(first(400, 500), 50), "new": first(410, 500)}
    decision = decide(evaluation_of(tie), Needs(incumbent="old"))
    assert (decision.verdict, decision.candidate) == ("keep", "old")
    assert "incumbent-stays" in codes(decision)
    lead = {"old": first(400, 500), "new": first(470, 500)}
    assert decide(evaluation_of(lead), Needs(incumbent="old")).candidate == "new"


def test_the_incumbent_goes_for_one_as_good_and_cheaper() -> None:
    """Within the tie margin, money decides."""
    solved = {"old": first(400, 500), "new": first(398, 500)}
    cheaper = evaluation_of(solved, cost={"old": 0.01, "new": 0.001})
    dearer = evaluation_of(solved, cost={"old": 0.01, "new": 0.1})
    assert decide(cheaper, Needs(incumbent="old")).candidate == "new"
    assert decide(dearer, Needs(incumbent="old")).verdict == "keep"
    assert decide(cheaper, Needs(incumbent="old", tie_margin=0.001)).verdict == "keep"


def test_an_incumbent_that_misses_the_bar_goes() -> None:
    """Being in use is no excuse."""
    ev = evaluation_of({"old": first(250, 500), "new": first(480, 500)})
    assert decide(ev, Needs(incumbent="old", requirements=(NINETY,))).candidate == "new"


def test_an_incumbent_that_was_not_evaluated_is_said() -> None:
    """It can be named in the needs of a task whose candidates changed."""
    decision = decide(evaluation_of({"a": first(450, 500), "b": first(300, 500)}), Needs(incumbent="gone"))
    assert decision.verdict == "adopt"
    assert "incumbent-not-assessed" in codes(decision)


def test_a_candidate_without_a_scored_row_is_left_out() -> None:
    """All failed: nothing is known of it, and the others are decided on."""
    status = np.full(500, Status.FAILED)
    ev = evaluation_of({"a": first(450, 500), "b": first(300, 500), "dead": np.ones(500)}, status={"dead": status})
    decision = decide(ev)
    assert decision.candidate == "a"
    assert decision.standing("dead").relation == "not assessed"
    assert decision.standing("dead").quality is None
    assert decision.n_compared == 2
    assert "not-assessed" in codes(decision)


def test_no_outcome_is_undecided() -> None:
    """Nothing in, nothing decided; and no rows at all is no crash."""
    everything_failed = evaluation_of({"a": np.ones(5)}, status={"a": np.full(5, Status.FAILED)})
    for evaluation in (everything_failed, evaluation_of({"a": np.ones(0)})):
        decision = decide(evaluation)
        assert (decision.verdict, decision.candidate) == ("undecided", "")
        assert "no-outcomes" in codes(decision)


def test_one_candidate_without_a_bar_cannot_be_judged() -> None:
    """There is nothing to compare it with."""
    assert "nothing-to-compare" in codes(decide(evaluation_of({"a": first(90, 100)})))
    assert decide(evaluation_of({"a": first(90, 100)}), Needs(requirements=(SEVENTY,))).verdict == "adopt"


def test_only_common_rows_are_compared() -> None:
    """A candidate that was asked the easy half only is not better for it."""
    easy, status = np.arange(400) < 200, np.full(400, Status.SCORED)
    status[200:] = Status.MISSING
    decision = decide(evaluation_of({"half": easy, "whole": easy}, status={"half": status}))
    standing = next(s for s in decision.standings if s.relation != "leader")
    assert standing.relation == "tied"
    assert standing.behind is not None
    assert (standing.behind.value, standing.behind.n) == (0.0, 200)


def test_groups_widen_what_is_shown() -> None:
    """The same counts in groups of ten are less evidence."""
    solved = {"a": np.repeat(np.arange(20) < 16, 10), "b": np.repeat(np.arange(20) < 13, 10)}
    alone = decide(evaluation_of(solved))
    grouped = decide(evaluation_of(solved, group=np.repeat(np.arange(20), 10)))
    assert alone.standing("b").relation == "worse"
    assert grouped.standing("b").relation == "tied"
    assert "groups" in grouped.standings[0].quality.method  # type: ignore[union-attr]


def test_perturbed_rows_are_not_decided_on() -> None:
    """What typos do to a candidate is another question than how good it is."""
    perturbations = np.array([""] * 100 + ["typos"] * 100)
    decision = decide(evaluation_of({"a": first(100, 200), "b": first(60, 200)}, perturbations=perturbations))
    quality = decision.standing("a").quality
    assert quality is not None
    assert (quality.value, quality.n) == (1.0, 100)


def test_looks_at_the_test_examples_are_recorded_and_said() -> None:
    """The best of many tries looks better than it is."""
    evaluation = evaluation_of({"a": first(450, 500), "b": first(300, 500)})
    assert "test-reused" not in codes(decide(evaluation, test_looks=1))
    decision = decide(evaluation, test_looks=6)
    assert decision.test_looks == 6
    assert "test-reused" in codes(decision)


def test_a_decision_on_development_examples_says_so() -> None:
    """What was tuned on them looks better on them."""
    evaluation = evaluation_of({"a": first(450, 500), "b": first(300, 500)})
    assert "not-on-test" not in codes(decide(evaluation))
    assert "not-on-test" in codes(decide(replace(evaluation, split="dev")))


def test_money_in_two_currencies_is_an_error() -> None:
    """1 EUR is not 1 USD, and we do not know the rate."""
    evaluation = evaluation_of({"a": first(50, 100)}, cost={"a": 0.1}, currency="USD")
    with pytest.raises(RequirementError, match=r"needs are in EUR, the costs in USD.*one currency"):
        decide(evaluation, Needs(worth_of_solved=1.0, currency="EUR"))
    assert decide(evaluation, Needs(requirements=(SEVENTY,), currency="EUR")).verdict


def test_a_decision_is_pure_and_json() -> None:
    """The same in, the same out; and it survives being written down."""
    evaluation = evaluation_of({"a": first(450, 500), "b": first(449, 500)}, cost={"a": 0.1})
    needs = Needs(requirements=(SEVENTY,), worth_of_solved=1.0, volume_per_month=10.0)
    first_one, second = decide(evaluation, needs), decide(evaluation, needs)
    assert first_one == second
    assert msgspec.json.decode(msgspec.json.encode(first_one), type=Decision) == first_one


def test_every_reason_that_is_given_is_explained() -> None:
    """`because` refuses a code that the table does not hold, so every code that can be given is explained."""
    from merits.deciding.reasons import because

    with pytest.raises(KeyError, match="add it to the table"):
        because("made-up", "")
    assert all(len(text) > 20 for text in REASONS.values())


def test_every_explained_reason_can_be_given() -> None:
    """The table holds nothing that no longer happens: each code stands in the source of `deciding`."""
    from pathlib import Path

    import merits.deciding

    folder = Path(merits.deciding.__file__).parent
    source = "".join(path.read_text() for path in folder.glob("*.py") if path.name != "reasons.py")
    assert {code for code in REASONS if f'"{code}"' not in source} == set()


def test_answers_that_are_no_label_are_said() -> None:
    """A chat model that talks instead of naming a label looks as if it knew nothing: the decision says why."""
    predicted = np.array([[0, 0, 0, 1], [0, 0, 0, -1], [-1, -1, 0, -1]], dtype=np.int32)
    labels = Labels(("card", "rate"), np.zeros(4, dtype=np.int32), predicted)
    solved = {"named": first(3, 4), "mostly": first(3, 4), "talks": np.arange(4) == 2}
    said = [reason for reason in decide(evaluation_of(solved, labels=labels)).reasons if reason.code == "off-list"]
    assert ["talks"] == [reason.candidate for reason in said]
    assert said[0].text.startswith("3 of 4 answers of talks are none of the labels")
    assert "few_shot" in said[0].text


def test_a_candidate_out_of_reach_is_mended_before_another_is_added() -> None:
    """A wrong key leaves one candidate: adding a further one would not help, and the next step says what does."""
    status = {"rented": np.full(5, Status.MISSING)}
    evaluation = evaluation_of({"common": first(3, 5), "rented": np.zeros(5)}, status=status)
    unasked = np.array([[False] * 5, [True] * 5])
    refused = replace(evaluation, unasked=unasked, facts={"given up on rented": "401: check OPENAI_API_KEY."})
    decision = decide(refused)
    assert "nothing-to-compare" in codes(decision)
    assert decision.next_step.startswith("Mend what keeps rented from being asked")


def test_whom_people_labelled_nothing_of_does_not_lead() -> None:
    """A judge that passes everything would make it look best, on no evidence of people at all."""
    n = 60
    said = np.array([[True] * n, [False] * n])
    judged = evaluation_of({"labelled": first(50, n), "unseen": np.ones(n)})
    decision = decide(replace(judged, human=Human(said, judged.solved & said)))
    assert decision.standing("labelled").relation == "leader"
    assert decision.verdict == "undecided"
