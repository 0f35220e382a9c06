"""Requirements on a worst slice, a drop, another candidate and a fact: each met, not met and not yet known."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from numpy.typing import ArrayLike

from merits.core.decision import Decision, RequirementResult
from merits.core.errors import RequirementError
from merits.core.evaluation import Evaluation, Labels
from merits.core.identity import JSON
from merits.core.needs import Needs, Requirement
from merits.core.outcome import Status
from merits.deciding.decide import decide
from merits.stats import clopper_pearson_bound
from merits.tasks.requirements import parse_requirement
from tests.deciding.evaluations import evaluation_of, first


def judged(evaluation: Evaluation, text: str, *, of: int = 0, incumbent: str = "") -> RequirementResult:
    """What became of a requirement, as it is written, for one candidate."""
    needs = Needs(requirements=(parse_requirement(text),), incumbent=incumbent)
    return decide(evaluation, needs).standings[of].requirements[0]


def in_slices(**solved: tuple[int, int]) -> Evaluation:
    """One candidate that solved so many of so many in each language."""
    right = np.concatenate([first(k, n) for k, n in solved.values()])
    tags = np.repeat(list(solved), [n for _, n in solved.values()])
    return evaluation_of({"a": right}, tags={"language": tags})


# The worst slice -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fr", "met"), [((98, 100), "met"), ((60, 100), "not met"), ((85, 100), "not yet known"), ((3, 3), "not yet known")]
)
def test_the_worst_slice_is_met_missed_or_open(fr: tuple[int, int], met: str) -> None:
    """A good mean hides nobody, and a slice of three is too small to know."""
    assert judged(in_slices(en=(980, 1000), fr=fr), "worst_slice(accuracy by language) >= 0.8").met == met


def test_a_slice_too_small_to_know_says_so() -> None:
    """Which, how many there are, and how many more it takes: as a number too."""
    found = judged(in_slices(en=(980, 1000), fr=(3, 3)), "worst_slice(accuracy by language) >= 0.8")
    said = re.match(r"About (\d+) more examples of language fr, which has 3, would show", found.settle)
    assert said is not None, found.settle
    assert int(said[1]) == found.more_examples
    enough = 3 + int(said[1])
    assert judged(in_slices(en=(980, 1000), fr=(enough, enough)), found.requirement.text).met == "met"
    assert found.estimate is not None
    assert found.estimate.low == pytest.approx(float(clopper_pearson_bound(3, 3, 0.95, side="low")))


def test_a_slice_without_an_answer_leaves_the_low_end_open() -> None:
    """Nothing is known of it, so nothing is known of the worst."""
    evaluation = in_slices(en=(98, 100), fr=(50, 50))
    status = evaluation.status.copy()
    status[0, 100:] = Status.UNSCORED
    found = judged(replace(evaluation, status=status), "worst_slice(accuracy by language) >= 0.8")
    assert (found.met, found.estimate and found.estimate.low) == ("not yet known", None)
    assert "no answer to judge in language fr" in found.settle


def test_any_metric_has_a_worst_slice() -> None:
    """Recall of a class, a percentile of latency, a cost."""
    target = np.tile([0, 1], 300).astype(np.int32)
    predicted = np.where((np.arange(600) >= 400) & (np.arange(600) % 4 == 1), 0, target).astype(np.int32)
    tags = {"plan": np.where(np.arange(600) < 400, "paid", "free")}
    evaluation = evaluation_of(
        {"a": predicted == target},
        labels=Labels(("fine", "fraud"), target, predicted[None, :]),
        tags=tags,
        latency_s={"a": np.where(np.arange(600) < 400, 0.1, 3.0)},
        cost={"a": np.where(np.arange(600) < 400, 0.01, 0.05)},
    )
    assert judged(evaluation, "recall[fraud] >= 0.75").met == "met"
    by_plan = judged(evaluation, "worst_slice(recall[fraud] by plan) >= 0.75")
    assert by_plan.met == "not met"
    assert by_plan.estimate is not None
    assert by_plan.estimate.value == 0.5
    assert "plan free" in by_plan.estimate.method
    assert judged(evaluation, "worst_slice(p95_latency by plan) <= 2 s").met == "not met"
    assert judged(evaluation, "worst_slice(p95_latency by plan) <= 4 s").met == "met"
    dear = judged(evaluation, "worst_slice(cost_per_case by plan) <= 0.02 USD")
    assert dear.estimate is not None
    assert (dear.met, dear.estimate.value) == ("not met", pytest.approx(0.05))


def test_the_short_and_the_long_form_are_one() -> None:
    """`worst_slice[language]` is the share solved by language."""
    evaluation = in_slices(en=(80, 100), fr=(70, 90))
    short, long = (
        judged(evaluation, f"{view} >= 0.7") for view in ("worst_slice[language]", "worst_slice(accuracy by language)")
    )
    assert short.estimate == long.estimate


# A drop ----------------------------------------------------------------------------------------------------------


def perturbed(clean: ArrayLike, noisy: ArrayLike, **more: ArrayLike) -> Evaluation:
    """Every example as it is and with typos; the perturbed rows stand in another order."""
    one, other = np.asarray(clean), np.asarray(noisy)
    n = len(one)
    evaluation = evaluation_of(
        {"a": np.concatenate([one, other[::-1]])},
        perturbations=np.repeat(["", "typos"], [n, n]),
        group=np.r_[np.arange(n), np.arange(n)[::-1]],
        **more,
    )
    names = np.array([f"e{i}" for i in range(n)])
    return replace(evaluation, examples=np.concatenate([names, names[::-1]]))


@pytest.mark.parametrize(("lost", "met"), [(0, "met"), (60, "not met"), (11, "not yet known")])
def test_a_drop_is_met_missed_or_open(lost: int, met: str) -> None:
    """500 examples, 450 solved as they are."""
    clean = first(450, 500)
    found = judged(perturbed(clean, clean & (np.arange(500) >= lost)), "drop(accuracy under typos) <= 3 points")
    assert found.met == met
    assert found.estimate is not None
    assert (found.estimate.value, found.estimate.n) == (pytest.approx(lost / 500), 500)
    assert (found.more_examples is None) == (met != "not yet known")


def test_a_drop_is_paired_on_the_same_examples() -> None:
    """What was lost and won on the same examples makes the bound, not how hard the examples are."""
    generator = np.random.default_rng(0)
    clean = generator.random(400) < 0.5
    alike = judged(perturbed(clean, clean), "drop[typos] <= 3 points")
    shuffled = judged(perturbed(clean, generator.permutation(clean)), "drop[typos] <= 3 points")
    assert (alike.met, shuffled.met) == ("met", "not yet known")


def test_perturbed_rows_are_in_no_other_figure() -> None:
    """The quality of a candidate is that on the examples as they are."""
    decision = decide(perturbed(first(90, 100), first(10, 100)), Needs())
    quality = decision.standings[0].quality
    assert quality is not None
    assert quality.value == 0.9


def test_a_drop_in_recall_is_on_the_examples_of_the_class() -> None:
    """Half of the fraud is missed under typos, which the accuracy hardly shows."""
    target = np.tile(np.arange(400) % 10 == 0, 2).astype(np.int32)
    predicted = target.copy()
    predicted[400:][target[400:] == 1] = np.tile([0, 1], 20)
    evaluation = replace(
        evaluation_of(
            {"a": predicted == target}, perturbations=np.repeat(["", "typos"], 400), group=np.tile(np.arange(400), 2)
        ),
        examples=np.tile(np.array([f"e{i}" for i in range(400)]), 2),
        labels=Labels(("fine", "fraud"), target, predicted[None, :]),
    )
    found = judged(evaluation, "drop(recall[fraud] under typos) <= 10 points")
    assert found.estimate is not None
    assert (found.met, found.estimate.value, found.estimate.n) == ("not met", 0.5, 40)


def test_without_perturbed_rows_a_drop_is_open() -> None:
    """And what to do is said; no number of examples is."""
    found = judged(evaluation_of({"a": first(90, 100)}), "drop[typos] <= 3 points")
    assert (found.met, found.estimate, found.more_examples) == ("not yet known", None, None)
    assert "no answers there" in found.settle


# Another candidate -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lost", "met"), [(0, "met"), (40, "not met"), (8, "not yet known")])
def test_non_inferiority_is_met_missed_or_open(lost: int, met: str) -> None:
    """Of 500, the incumbent solves 450 and the other so many fewer."""
    evaluation = evaluation_of({"new": first(450 - lost, 500), "rules": first(450, 500)})
    found = judged(evaluation, "non-inferior to incumbent by 2 pt", incumbent="rules")
    assert found.met == met
    assert found.estimate is not None
    assert (found.estimate.value, found.estimate.unit) == (pytest.approx(-lost / 500), "points")
    if met == "not yet known":
        assert found.more_examples is not None
        assert found.settle.startswith(f"About {found.more_examples:,} more examples would show")


def test_the_incumbent_itself_is_trivially_non_inferior() -> None:
    """It needs no evidence for that, and says so."""
    evaluation = evaluation_of({"new": first(45, 50), "rules": first(45, 50)})
    found = judged(evaluation, "non-inferior to incumbent by 1 pt", of=1, incumbent="rules")
    assert (found.met, found.found) == ("met", "it is rules itself")
    assert found.evidence == "it is rules itself"


def test_a_rival_that_was_not_assessed_leaves_it_open() -> None:
    """With what would settle it: evaluating that one."""
    evaluation = evaluation_of({"new": first(45, 50)})
    found = judged(evaluation, "non-inferior to rules by 1 pt")
    assert (found.met, found.estimate) == ("not yet known", None)
    assert "Evaluate rules and new on the same examples" in found.settle
    broken = evaluation_of({"new": first(45, 50), "rules": first(0, 50)}, status={"rules": np.full(50, Status.FAILED)})
    assert judged(broken, "non-inferior to rules by 1 pt").met == "not yet known"


def test_only_common_examples_are_compared() -> None:
    """One that stopped halfway (a race drops it) is compared on what both have."""
    status = np.full(400, Status.SCORED)
    status[100:] = Status.MISSING
    evaluation = evaluation_of({"new": first(400, 400), "rules": first(400, 400)}, status={"rules": status})
    found = judged(evaluation, "non-inferior to rules by 10 pt")
    assert found.estimate is not None
    assert found.estimate.n == 100


def test_a_scorer_can_be_required_not_to_be_worse() -> None:
    """By its name, on the same examples."""
    base = np.linspace(0.5, 0.9, 200)
    tone = np.stack([base + np.random.default_rng(0).normal(0.0, 0.05, 200), base])
    evaluation = evaluation_of({"a": first(150, 200), "b": first(150, 200)}, scores={"tone": tone})
    assert judged(evaluation, "tone non-inferior to b by 0.02").met == "met"


# Facts -----------------------------------------------------------------------------------------------------------


def saying(metadata: dict[str, JSON], *, status: int = Status.SCORED, name: str = "a") -> Evaluation:
    evaluation = evaluation_of({name: first(90, 100)}, status={name: np.full(100, status)})
    (candidate,) = evaluation.candidates
    return replace(evaluation, candidates=(msgspec.structs.replace(candidate, metadata=metadata),))


@pytest.mark.parametrize(
    ("text", "metadata", "met"),
    [
        ("licence in [MIT, Apache-2.0]", {"licence": "mit"}, "met"),
        ("licence in [MIT, Apache-2.0]", {"license": "Apache-2.0"}, "met"),
        ("licence in [MIT, Apache-2.0]", {"licence": "GPL-3.0"}, "not met"),
        ("licence in [MIT, Apache-2.0]", {}, "not yet known"),
        ("on-premises", {"on_premises": True}, "met"),
        ("on-premises", {"on-premises": "no"}, "not met"),
        ("on-premises", {"on-premises": None}, "not yet known"),
        ("region in [eu]", {"region": ["eu", "us"]}, "not met"),
        ("region in [eu, us]", {"region": ["eu", "us"]}, "met"),
        ("region not in [cn]", {"region": ["eu", "us"]}, "met"),
        ("region != us", {"region": ["eu", "us"]}, "not met"),
        ("parameters = 7", {"parameters": 7}, "met"),
    ],
)
def test_a_fact_is_met_missed_or_not_said(text: str, metadata: dict[str, JSON], met: str) -> None:
    """Exactly, whatever was measured."""
    found = judged(saying(metadata), text)
    assert (found.met, found.estimate, found.more_examples) == (met, None, None)
    assert (found.settle != "") == (met == "not yet known")
    assert found.found.startswith(found.requirement.metric)


def test_what_is_not_said_is_settled_by_saying_it() -> None:
    """And costs nothing."""
    found = judged(saying({}), "licence in [MIT]")
    assert found.settle == "Say it in the recipe of a: metadata: {licence: ...}; nothing is asked again."


def decided(texts: list[str], evaluation: Evaluation) -> Decision:
    return decide(evaluation, Needs(requirements=tuple(parse_requirement(text) for text in texts)))


def test_facts_are_told_in_the_words_of_the_decision() -> None:
    """No "None" where there is no estimate."""
    kept = decided(["licence in [MIT]", "accuracy >= 0.7"], saying({"licence": "MIT"}))
    assert kept.verdict == "adopt"
    assert "licence in [MIT] (licence: MIT)" in kept.summary
    out = decided(["licence in [MIT]"], saying({"licence": "GPL"}))
    assert out.verdict == "none worth it"
    assert "does not meet licence in [MIT]: licence: GPL." in " ".join(r.text for r in out.reasons)
    unsaid = decided(["licence in [MIT]"], saying({}))
    assert unsaid.verdict == "undecided"
    assert "metadata: {licence: ...}" in unsaid.next_step
    for decision in (kept, out, unsaid):
        assert "None" not in decision.summary.replace("None of", "")
        assert all("None" not in reason.text for reason in decision.reasons)


def test_one_that_a_fact_rules_out_need_not_be_asked() -> None:
    """Its row says why, not that it should be run again; and the others are not corrected for it."""
    evaluation = evaluation_of(
        {"free": first(90, 100), "closed": first(95, 100)}, status={"closed": np.full(100, Status.MISSING)}
    )
    free, closed = evaluation.candidates
    evaluation = replace(
        evaluation,
        candidates=(
            msgspec.structs.replace(free, metadata={"licence": "MIT"}),
            msgspec.structs.replace(closed, metadata={"licence": "closed"}),
        ),
    )
    decision = decided(["licence in [MIT]", "accuracy >= 0.8"], evaluation)
    assert (decision.verdict, decision.candidate) == ("adopt", "free")
    of_closed = [reason.code for reason in decision.reasons if reason.candidate == "closed"]
    assert of_closed == ["ruled-out"]
    assert [r.met for r in decision.standing("closed").requirements] == ["not met"]
    estimate = decision.standing("free").requirements[1].estimate
    assert estimate is not None
    assert "corrected" not in estimate.method


def test_where_facts_rule_out_everybody_none_is_worth_it() -> None:
    """Without a single question."""
    evaluation = saying({"licence": "GPL"}, status=Status.MISSING)
    decision = decided(["licence in [MIT]"], evaluation)
    assert (decision.verdict, decision.reasons[0].code) == ("none worth it", "all-fail")


# What cannot be judged -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        (Requirement("accuracy", ">=", 0.8, by="langage"), "no slices 'langage' here. Did you mean 'language'?"),
        (Requirement("accuracy", "<=", 0.1, under="typo"), "nothing is asked under 'typo' here. Did you mean 'typos'?"),
        (Requirement("p95_latency", "<=", 0.1, under="typos"), "no drop that is measured"),
        (Requirement("accuracy", ">=", 0.1, under="typos"), "wrong direction"),
        (Requirement("accuracy", "<=", 0.1, against="a"), "wrong direction"),
        (Requirement("accuracy", ">=", 0.1, by="language", against="a"), "two things at once"),
        (Requirement("accuracy", ">=", -0.1, against="incumbent"), "the needs name no incumbent"),
        (Requirement("licence", "in"), "no value is given"),
        (Requirement("accuracy", "in", values=("high",)), "accuracy is measured"),
        (Requirement("licenc", "in", values=("MIT",)), "no candidate says 'licenc'"),
    ],
)
def test_views_that_cannot_be_judged_say_what_to_write(requirement: Requirement, said: str) -> None:
    """Before anything is decided."""
    evaluation = perturbed(
        first(40, 50),
        first(40, 50),
    )
    evaluation = replace(
        evaluation,
        tags={"language": np.full(100, "en")},
        candidates=(msgspec.structs.replace(evaluation.candidates[0], metadata={"licence": "MIT"}),),
    )
    with pytest.raises(RequirementError, match=re.escape(said)):
        decide(evaluation, Needs(requirements=(requirement,)))


def test_a_stored_requirement_of_before_reads_as_ever() -> None:
    """Its fields have grown with defaults."""
    text = b'{"metric": "recall", "op": ">=", "bar": 0.8, "of": "fraud"}'
    assert msgspec.json.decode(text, type=Requirement) == Requirement("recall", ">=", 0.8, "fraud")
