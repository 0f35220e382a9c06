"""Money beside the verdict: break-even points, the tornado, pay-back, machines, more examples, who is dominated."""

from __future__ import annotations

import dataclasses
import math

import msgspec
import numpy as np
import pytest

from merits.core.candidate import Price
from merits.core.decision import Decision
from merits.core.economics import Economics
from merits.core.evaluation import Evaluation
from merits.core.needs import Needs
from merits.deciding.decide import decide
from merits.deciding.hosting import first_paying, paying_for_good
from merits.deciding.money_words import money_words
from tests.deciding.evaluations import evaluation_of

N = 800
NEEDS = Needs(worth_of_solved=0.5, loss_of_wrong=0.1, volume_per_month=10_000.0)


def world(seed: int = 0, *, prices: dict[str, Price] | None = None, **rates: float) -> Evaluation:
    """Candidates that agree on half of the examples; `weak` costs 0.01 a case, `strong` 0.05."""
    generator = np.random.default_rng(seed)
    wanted = rates or {"weak": 0.65, "strong": 0.8}
    common = generator.random(N)
    solved = {
        name: np.where(generator.random(N) < 0.5, common, generator.random(N)) < rate for name, rate in wanted.items()
    }
    costs = {"weak": 0.01, "strong": 0.05}
    whole = evaluation_of(
        solved,
        cost={name: costs.get(name, 0.01) * generator.uniform(0.5, 1.5, N) for name in solved if name != "unpriced"},
        latency_s={name: generator.exponential(size=N) for name in solved},
        machine_s={name: (0.3 if name == "weak" else 0.0) * generator.uniform(0.5, 1.5, N) for name in solved},
    )
    given = prices or {}
    candidates = tuple(msgspec.structs.replace(c, price=given.get(c.name)) for c in whole.candidates)
    return dataclasses.replace(whole, candidates=candidates)


def money(evaluation: Evaluation, needs: Needs = NEEDS) -> Economics:
    economics = decide(evaluation, needs).economics
    assert economics is not None
    return economics


def winner(evaluation: Evaluation, needs: Needs) -> str:
    """Who brings most, as it looks."""
    standings = decide(evaluation, needs).standings
    return max(standings, key=lambda s: s.net_value_per_case.value if s.net_value_per_case else -math.inf).candidate


@pytest.mark.parametrize("field", ["worth_of_solved", "loss_of_wrong"])
def test_the_choice_turns_where_the_break_even_point_says(field: str) -> None:
    """Deciding again a little on either side names the two that it says."""
    whole = world()
    needs = msgspec.structs.replace(NEEDS, loss_of_wrong=0.0, worth_of_solved=0.15)
    named = {"worth_of_solved": "worth of a solved case", "loss_of_wrong": "loss of a wrong answer"}[field]
    point = next(p for p in money(whole, needs).break_evens if p.input == named)
    assert point.at.value is not None
    for factor, name in ((0.999, point.below), (1.001, point.above)):
        assert winner(whole, msgspec.structs.replace(needs, **{field: point.at.value * factor})) == name


def test_the_price_turns_the_choice_where_it_says() -> None:
    """The named one at that cost brings as much as the other: paired, so the same rows."""
    whole = world()
    economics = money(whole)
    assert economics.subject == "strong"
    point = next(p for p in economics.break_evens if p.input == "price of 1,000 cases of strong")
    for factor, name in ((0.999, "strong"), (1.001, "weak")):
        dearer = whole.cost.copy()
        dearer[1] *= point.at.value * factor / (1000.0 * dearer[1].mean())
        assert winner(dataclasses.replace(whole, cost=dearer), NEEDS) == name


def test_the_volume_turns_the_choice_where_it_says() -> None:
    """A one-off cost is earned back by enough cases."""
    whole = world(prices={"strong": Price(per_call=0.05, one_off=5000.0)})
    point = next(p for p in money(whole).break_evens if p.input == "volume a month")
    for factor, name in ((0.99, "weak"), (1.01, "strong")):
        assert winner(whole, msgspec.structs.replace(NEEDS, volume_per_month=point.at.value * factor)) == name


def test_what_is_better_and_cheaper_turns_at_no_worth() -> None:
    """There is no point to name, and none is made up."""
    whole = world()
    cheaper = dataclasses.replace(whole, cost=whole.cost[::-1].copy())
    inputs = {point.input for point in money(cheaper).break_evens}
    assert "worth of a solved case" not in inputs
    free = next(p for p in money(cheaper).break_evens if p.input.endswith("of weak"))
    assert free.at.value < 0.0
    assert "even if it were free" in free.text


def test_without_a_worth_the_point_is_what_a_solved_case_must_be_worth() -> None:
    """Quality decides then; what a better one costs more is told in money."""
    economics = money(world(weak=0.72, strong=0.76), Needs())
    point = next(p for p in economics.break_evens if p.input == "worth of a solved case")
    assert point.now is None
    assert (point.below, point.above) == ("weak", "strong")
    assert economics.tornado == ()
    assert economics.payback is None


def test_no_price_means_no_economics_and_no_0() -> None:
    """None is not free."""
    whole = world()
    unpriced = dataclasses.replace(whole, priced=np.zeros(2, dtype=bool))
    assert decide(unpriced, Needs()).economics is None
    one = money(world(weak=0.65, strong=0.8, unpriced=0.9))
    assert "unpriced" not in {name for p in one.break_evens for name in (p.below, p.above)}
    assert one.payback is None or one.payback.evaluation_cost is None


def test_the_tornado_holds_all_else_and_puts_the_widest_first() -> None:
    """Half and twice where nobody said; measured shares at their 10 and 90 % points."""
    swings = {swing.input: swing for swing in money(world()).tornado}
    assert [s.size for s in swings.values()] == sorted((s.size for s in swings.values()), reverse=True)
    worth = swings["worth of a solved case"]
    assert (worth.basis, worth.low, worth.high) == ("half and twice", 0.25, 1.0)
    assert swings["share solved by strong"].basis == "measured"
    now = decide(world(), msgspec.structs.replace(NEEDS, worth_of_solved=0.25)).standing("strong").net_value_per_case
    assert worth.at_low.value == pytest.approx(now.value)


def test_a_declared_range_is_used_and_its_switch_is_named() -> None:
    """Within it another candidate leads: that is where the choice turns."""
    needs = msgspec.structs.replace(NEEDS, ranges={"worth_of_solved": (0.01, 1.0)})
    swing = next(s for s in money(world(), needs).tornado if s.input == "worth of a solved case")
    assert (swing.basis, swing.low, swing.high) == ("declared", 0.01, 1.0)
    assert (swing.leads_low, swing.leads_high) == ("weak", "strong")
    assert swing.switch is not None
    assert 0.01 < swing.switch.value < 1.0


def test_pay_back_is_what_is_paid_once_over_the_gain_a_month() -> None:
    """Against the candidate in use; the one-off cost is not counted twice by having been spread."""
    needs = msgspec.structs.replace(NEEDS, incumbent="weak")
    whole = world(prices={"strong": Price(per_call=0.05, one_off=5000.0)})
    back = money(whole, needs).payback
    plain = decide(world(), needs)
    gain = 10_000 * (
        plain.standing("strong").net_value_per_case.value - plain.standing("weak").net_value_per_case.value
    )
    assert (back.candidate, back.baseline) == ("strong", "weak")
    assert back.gain_per_month.value == pytest.approx(gain)
    assert back.investment == pytest.approx(5000.0 + whole.cost.sum())
    assert back.months.value == pytest.approx(back.investment / gain)
    assert back.return_on_investment.value == pytest.approx(12 * gain / back.investment - 1)


def test_what_may_never_pay_back_has_no_upper_end() -> None:
    """The gain may be nothing."""
    needs = msgspec.structs.replace(NEEDS, incumbent="weak", worth_of_solved=0.17)
    back = money(world(prices={"strong": Price(per_call=0.05, one_off=5000.0)}), needs).payback
    assert back.gain_per_month.low < 0 < back.gain_per_month.high
    assert back.months.high is None


def test_whole_machines_are_searched_not_divided() -> None:
    """Beside the slow definition: every volume tried."""
    generator = np.random.default_rng(0)
    for _ in range(60):
        rent, fixed = generator.uniform(10, 200), generator.choice([0.0, generator.uniform(0, 500)])
        capacity, saved = float(generator.integers(50, 500)), generator.uniform(0.01, 1.0)
        volumes = np.arange(1, 40_001)
        pays = saved * volumes >= np.ceil(volumes / capacity) * rent + fixed - 1e-9
        first, always = (
            float(found(*(np.array([x]) for x in (rent, fixed, capacity, saved)))[0])
            for found in (first_paying, paying_for_good)
        )
        if first < 40_000:
            assert volumes[pays][0] == math.ceil(first - 1e-9)
        elif not pays.any():
            assert first > 40_000
        if always < 40_000:
            assert pays[volumes >= always].all()


def test_a_machine_of_ones_own_is_held_against_what_is_paid_by_the_case() -> None:
    """730 hours a month; its utilisation is what the volume makes of it, never assumed."""
    prices = {"weak": Price(machine_per_hour=1.0), "strong": Price(per_call=0.05)}
    needs = msgspec.structs.replace(NEEDS, worth_of_solved=0.2, loss_of_wrong=0.0)
    (own,) = money(world(prices=prices), needs).hosting
    assert (own.own, own.other, own.machine_per_month) == ("weak", "strong", 730.0)
    assert own.capacity.value == pytest.approx(730 * 3600 / 0.3, rel=0.05)
    plain = decide(world(prices=prices), needs)
    saved = plain.standing("weak").net_value_per_case.value - plain.standing("strong").net_value_per_case.value
    gain = saved + plain.standing("weak").cost_per_1000.value / 1000
    assert own.volume.value == pytest.approx(730.0 / gain)
    assert own.utilisation.value == pytest.approx(own.volume.value / own.capacity.value)
    assert own.volume.low < own.volume.value < own.volume.high
    busy = msgspec.structs.replace(needs, peak_load=4.0)
    (peak,) = money(world(prices=prices), busy).hosting
    assert peak.capacity.value == pytest.approx(own.capacity.value / 4)
    half = {**prices, "weak": Price(machine_per_hour=1.0, utilisation=0.5)}
    (idle,) = money(world(prices=half), needs).hosting
    assert idle.capacity.value == pytest.approx(own.capacity.value / 2)


def test_more_examples_are_labelled_only_where_they_bring_more_than_they_take() -> None:
    """Two close candidates and many cases: cheap labels pay, dear ones do not, unpriced ones nobody knows."""
    whole = world(weak=0.70, strong=0.78)
    needs = msgspec.structs.replace(NEEDS, volume_per_month=100_000.0)
    unknown = money(whole, needs).labelling
    assert unknown.best is None
    assert unknown.options == ()
    assert "price_of_label" in unknown.text
    cheap = money(whole, msgspec.structs.replace(needs, price_of_label=0.05)).labelling
    assert cheap.best is not None
    nets = [option.worth.low - option.price for option in cheap.options]
    assert cheap.best == cheap.options[int(np.argmax(nets))]
    dear = money(whole, msgspec.structs.replace(needs, price_of_label=1e6)).labelling
    assert dear.best is None
    assert "not worth" in dear.text
    assert all(option.worth.value <= cheap.perfect.high for option in cheap.options)


def test_the_price_of_more_examples_holds_labels_and_calls() -> None:
    """And no share of what is paid once."""
    whole = world(weak=0.70, strong=0.78, prices={"strong": Price(per_call=0.05, one_off=5000.0)})
    needs = msgspec.structs.replace(NEEDS, price_of_label=2.0)
    option = money(whole, needs).labelling.options[0]
    assert option.price == pytest.approx(option.n_more * (2.0 + whole.cost.mean(axis=1).sum()))


def places(evaluation: Evaluation) -> dict[str, tuple[str, str]]:
    return {p.candidate: (p.place, p.by) for p in money(evaluation, Needs()).positions}


def test_worse_dearer_and_slower_is_certainly_dominated() -> None:
    """In every dimension that was measured."""
    whole = world(weak=0.5, strong=0.8)
    whole = dataclasses.replace(
        whole, cost=whole.cost[::-1].copy(), latency_s=whole.latency_s * np.array([[3.0], [1.0]])
    )
    assert places(whole) == {"weak": ("certainly dominated", "strong"), "strong": ("on the frontier", "")}


def test_one_that_is_no_slower_as_far_as_is_known_is_only_possibly_dominated() -> None:
    """Equal waiting times cannot be shown to be equal: dominated in two of three is not dominated."""
    whole = world(weak=0.5, strong=0.8)
    whole = dataclasses.replace(whole, cost=whole.cost[::-1].copy())
    assert places(whole)["weak"] == ("possibly dominated", "strong")


def test_cheaper_against_better_are_both_on_the_frontier() -> None:
    """Each is certainly better in one."""
    assert {place for place, _ in places(world()).values()} == {"on the frontier"}


def test_the_same_price_by_call_is_equal_not_unknown() -> None:
    """What never differs in price does not stand in the way of being dominated."""
    whole = world(weak=0.5, strong=0.8)
    whole = dataclasses.replace(whole, cost=np.full((2, N), 0.01), latency_s=whole.latency_s * np.array([[3.0], [1.0]]))
    assert places(whole)["weak"][0] == "certainly dominated"


def test_an_unknown_price_dominates_nobody_and_is_dominated_by_nobody() -> None:
    """It may cost anything."""
    whole = world(weak=0.5, strong=0.8, unpriced=0.99)
    slow = dataclasses.replace(whole, latency_s=whole.latency_s * np.array([[5.0], [3.0], [1.0]]))
    found = places(slow)
    assert all(by != "unpriced" or place != "certainly dominated" for place, by in found.values())
    assert found["unpriced"][0] == "on the frontier"


def test_robustness_counts_where_it_was_measured() -> None:
    """The drop is paired: the same examples, as they are and perturbed."""
    n = 400
    generator = np.random.default_rng(0)
    clean = generator.random((2, n)) < 0.9
    noisy = np.stack([clean[0] & (generator.random(n) < 0.95), clean[1] & (generator.random(n) < 0.6)])
    whole = evaluation_of(
        {"firm": np.r_[clean[0], noisy[0]], "frail": np.r_[clean[1], noisy[1]]},
        cost={"firm": 0.01, "frail": 0.01},
        perturbations=np.r_[np.full(n, ""), np.full(n, "typos")],
    )
    whole = dataclasses.replace(whole, examples=np.tile(whole.examples[:n], 2))
    economics = money(whole, Needs())
    assert economics.dimensions == ("quality", "cost", "latency", "robustness")
    drops = {p.candidate: p.drop for p in economics.positions}
    assert drops["firm"].value == pytest.approx((clean[0] & ~noisy[0]).mean())
    assert drops["firm"].high < drops["frail"].low
    assert {p.candidate: p.place for p in economics.positions}["firm"] == "on the frontier"


# The verdict's words and its probabilities ------------------------------------------------------------------------


def test_probabilities_of_being_best_sum_to_one_and_the_verdict_says_its_own() -> None:
    """Of those that may be chosen."""
    decision = decide(world(weak=0.60, strong=0.80), NEEDS)
    assert sum(s.p_best.value for s in decision.standings) == pytest.approx(1.0)
    assert decision.p_right == decision.standing(decision.candidate).p_best
    assert "The probability that it is the best of them is" in decision.summary


def test_identical_candidates_have_the_same_probability_and_no_winner() -> None:
    """Tied is tied."""
    solved = np.random.default_rng(0).random(200) < 0.8
    decision = decide(evaluation_of({"a": solved, "b": solved, "c": ~solved}, cost={"a": 0.1, "b": 0.1, "c": 0.1}))
    first, second, third = (s.p_best.value for s in decision.standings)
    assert first == second == pytest.approx(0.5)
    assert third == 0.0
    assert decision.standing("b").relation == "tied"


def test_one_named_among_the_tied_is_right_if_no_other_is_better_by_more_than_the_margin() -> None:
    """That is what was accepted for the price; its chance of being the very best is another number."""
    decision = decide(world(weak=0.76, strong=0.78), Needs())
    assert decision.candidate == "weak"
    assert decision.p_right.value > decision.standing("weak").p_best.value
    assert "that no other is better by more than the tie margin" in decision.summary


def test_no_probability_is_said_to_be_certain() -> None:
    """A count of draws cannot show 100 %."""
    decision = decide(world(weak=0.3, strong=0.9), NEEDS)
    assert decision.p_right.value == 1.0
    assert "above 99.9 %" in decision.summary
    assert "100.0 % [" not in money_words(decision.p_right, decision.p_right, None)


def test_at_most_two_sentences_are_added() -> None:
    """The paragraph stays a paragraph."""
    decision = decide(world(), NEEDS)
    words = money_words(decision.p_right, decision.p_right, decision.economics)
    assert words.count(". ") <= 1


def test_the_same_outcomes_give_the_same_decision() -> None:
    """Draws and all: identity is of the content."""
    decisions: list[Decision] = [decide(world(), NEEDS) for _ in range(2)]
    assert decisions[0].id == decisions[1].id


def test_what_turns_nothing_as_it_looks_but_may_has_a_lower_end_only() -> None:
    """Dearer and looking no better: from some worth on it may still be the better one."""
    n = 60
    base = np.arange(n) < 45
    other = base.copy()
    other[[0, 50]] = [False, True]
    whole = evaluation_of({"cheap": base, "dear": other}, cost={"cheap": 0.01, "dear": 0.06})
    needs = Needs(worth_of_solved=0.2)
    point = next(p for p in money(whole, needs).break_evens if p.input == "worth of a solved case")
    assert (point.below, point.above) == ("cheap", "dear")
    assert point.at.value is None
    assert point.at.low > 0.2
    assert point.at.high is None
    assert "As it looks no worth of a solved case" in point.text


def test_one_candidate_alone_has_no_curve() -> None:
    """There is nobody to meet, however much is paid once."""
    alone = world(weak=0.7, prices={"weak": Price(per_call=0.01, one_off=5000.0)})
    economics = money(alone, NEEDS)
    assert economics.curves == ()
    assert economics.break_evens == ()
