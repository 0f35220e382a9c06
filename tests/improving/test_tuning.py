"""Tuning, on real data through real evaluations of dev."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace as changed

import merits
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver, Store
from merits.core.errors import UsageError
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.task import Task
from merits.improving.registry import improver_of, technique
from merits.improving.searching.importance import changes, importances
from merits.improving.tuning import Params, notes
from merits.testing.contracts.improver import ImproverContract, brief_of, drive, outcomes
from tests.improving.driving import searched

pytest.importorskip("optuna")

NO_NEEDS = merits.Needs()
SNIPS = Path(__file__).parents[3] / "shared" / "data" / "labelled" / "snips"


@pytest.fixture
def store() -> Store:
    """A store in memory."""
    return merits.open_store(":memory:")


def columns(data: object, n: int | None = None) -> list[dict[str, object]]:
    """The rows of one of scikit-learn's data sets."""
    rows = zip(data.data[:n], data.target[:n], strict=True)  # type: ignore[attr-defined]
    return [{"input": {f"f{j}": float(v) for j, v in enumerate(x)}, "target": f"class {y}"} for x, y in rows]


def estimator(path: str, name: str = "seed", **params: JSON) -> Candidate:
    """A scikit-learn estimator as a recipe."""
    return Candidate(name=name, kind="sklearn", params={"estimator": path, "params": params})


@pytest.fixture(scope="module")
def tumours() -> Task:
    """Wisconsin breast cancer, with a support vector machine whose parameters are bad."""
    from sklearn.datasets import load_breast_cancer

    seed = estimator("sklearn.svm.SVC", "svm", C=0.1, gamma=5.0)
    return merits.make_task(columns(load_breast_cancer()), name="tumours", candidates=[seed])


@pytest.fixture(scope="module")
def digits() -> Task:
    """600 digits of 8 by 8 pixels, with a regularisation that is far too strong."""
    from sklearn.datasets import load_digits

    seed = estimator("sklearn.linear_model.LogisticRegression", "linear", C=0.0005, max_iter=200)
    return merits.make_task(columns(load_digits(), 600), name="digits", candidates=[seed])


class TestContract(ImproverContract):
    """The contract, on candidates that can be tuned and one that cannot."""

    def make_improver(self) -> Improver:
        """Few trials, side by side."""
        return improver_of("tuning", {"trials": 12})

    def seeds(self) -> list[Candidate]:
        """A seed with a usual space, a scikit-learn pipeline, and a constant."""
        pipeline: list[JSON] = ["sklearn.preprocessing.StandardScaler", "sklearn.svm.LinearSVC"]
        return [
            Candidate(name="linear", kind="text-linear"),
            Candidate(name="svm", kind="sklearn", params={"pipeline": pipeline}),
            Candidate(name="always", kind="constant", params={"output": "good"}),
        ]


class TestContractOfGrids(TestContract):
    """The contract, on all points of a grid."""

    def make_improver(self) -> Improver:
        """Of one parameter."""
        return improver_of("tuning", {"sampler": "grid", "candidate": "svm", "space": {"C": [0.1, 1.0, 10.0]}})


def test_a_better_regularisation_of_digits_is_found(digits: Task, store: Store) -> None:
    """With nothing said but the candidate: what is usual for the estimator is searched."""
    found = searched(digits, improver_of("tuning", {"trials": 10}), store)
    best = found.kept[0]
    assert found.solved(best.name) > found.solved("linear") + 0.05
    assert changes(best, digits.candidates[0]).keys() == {"params.C"}
    assert best.params["params"]["C"] > 0.0005  # type: ignore[index,call-overload,operator]


@pytest.mark.parametrize("sampler", ["random", "tpe", "gp"])
def test_every_sampler_finds_a_better_machine(tumours: Task, store: Store, sampler: str) -> None:
    """The seed answers with the commoner class; gamma alone is what is wrong."""
    if sampler == "gp":
        pytest.importorskip("torch")
    found = searched(tumours, improver_of("tuning", {"sampler": sampler, "trials": 12}), store)
    assert found.solved(found.kept[0].name) > 0.9


def test_texts_are_tuned_too(store: Store) -> None:
    """Intents of the snips data; the seed reads single words of few characters with a strength that is far too low."""
    if not SNIPS.exists():
        pytest.skip("the snips data are not here")
    rows = []
    for file in sorted(SNIPS.glob("train_*.json.gz")):
        ((intent, cases),) = json.loads(gzip.decompress(file.read_bytes())).items()
        rows += [{"text": "".join(part["text"] for part in case["data"]), "label": intent} for case in cases[:40]]
    seed = Candidate(name="linear", kind="text-linear", params={"words": 0, "characters": 1, "strength": 0.001})
    task = merits.make_task(rows, name="intents", candidates=[seed])
    found = searched(task, improver_of("tuning", {"trials": 8}), store)
    assert found.solved(found.kept[0].name) > found.solved("linear") + 0.1


def test_a_grid_covers_all(tumours: Task, store: Store) -> None:
    """Every combination once, in an order that is drawn; without pruning each is asked everything at once."""
    space: dict[str, JSON] = {"C": [1.0, 10.0], "gamma": {"low": 0.001, "high": 0.1, "log": True}}
    found = searched(tumours, improver_of("tuning", {"sampler": "grid", "space": space, "prune": False}), store)
    tried = {tuple(one.params["params"].values()) for one in found.tried.values()}  # type: ignore[union-attr]
    expected = {(c, g) for c in (1.0, 10.0) for g in (0.001, 0.003162, 0.01, 0.03162, 0.1)}
    assert tried == expected
    assert all(trials.rows is None for trials in found.asked)


def test_a_search_that_is_begun_again_asks_the_same(tumours: Task, store: Store) -> None:
    """Stored answers replay it; another seed searches otherwise."""
    improver = improver_of("tuning", {"trials": 6, "space": {"gamma": {"low": 1e-4, "high": 1.0, "log": True}}})
    first, again = searched(tumours, improver, store), searched(tumours, improver, store)
    other = searched(tumours, improver, store, seed=1)
    ids = [[[one.id for one in trials.candidates] for trials in each.asked] for each in (first, again, other)]
    assert ids[0] == ids[1]
    assert ids[0] != ids[2]
    assert [one.id for one in first.kept] == [one.id for one in again.kept]


def test_a_trial_that_crashes_is_a_failed_trial(tumours: Task, store: Store) -> None:
    """scikit-learn refuses a C below 0 when it learns; the search goes on."""
    space: dict[str, JSON] = {"C": [-1.0, 1.0, 10.0], "gamma": [0.001]}
    found = searched(tumours, improver_of("tuning", {"space": space, "sampler": "tpe", "trials": 6}), store)
    crashed = [one for one in found.tried.values() if one.params["params"]["C"] == -1.0]  # type: ignore[index,call-overload]
    assert len(crashed) == 1
    assert len(found.kept) == 2
    assert not {one.id for one in crashed} & {one.id for one in found.kept}


def test_what_nobody_can_load_is_a_failed_trial_and_is_not_asked() -> None:
    """Neither words nor characters leave nothing to count: the recipe itself is wrong."""
    linear = Candidate(name="linear", kind="text-linear")
    improver = improver_of("tuning", {"space": {"words": [0, 1], "characters": [0, 2]}, "sampler": "grid"})
    rounds, _ = drive(improver, brief_of([linear]))
    asked = {(one.params["words"], one.params["characters"]) for each in rounds for one in each}
    assert asked == {(0, 2), (1, 0), (1, 2)}


def test_who_is_kept_was_asked_all_of_dev_in_one_question(tumours: Task, store: Store) -> None:
    """Asked piece by piece, a trial has no figure until it is asked everything: the rest is known by then."""
    found = searched(tumours, improver_of("tuning", {"trials": 6}), store)
    assert any(trials.rows is not None for trials in found.asked)
    whole = {one.name for trials in found.asked if trials.rows is None for one in trials.candidates}
    assert {one.name for one in found.kept} <= whole


def test_a_search_that_finds_nothing_better_keeps_nothing(tumours: Task, store: Store) -> None:
    """Worse values only."""
    task = merits.make_task(
        [{"input": e.input, "target": e.target} for e in tumours.examples],
        name="tumours",
        candidates=[estimator("sklearn.svm.SVC", "svm", C=100.0, gamma=0.002)],
    )
    found = searched(task, improver_of("tuning", {"space": {"gamma": [5.0, 50.0]}}), store)
    assert list(found.kept) == []


# Words that go wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"space": {"strenght": [1.0, 2.0]}}, "has no parameter 'strenght'. Did you mean 'strength'"),
        ({"space": {"strength": [1.0, "much"]}}, "strength cannot be 'much': expected a number, found text"),
        ({"space": {"strength": {"low": 0.0, "high": 1.0}}}, "strength cannot be 0.0: expected a number > 0"),
        ({"space": {"strength": {"low": 3, "high": 1}}}, "low must be below high"),
        ({"space": {"strength": 3.0}}, "Write a list of choices"),
        ({"candidate": "linaer"}, "there is no candidate 'linaer'. Did you mean 'linear'"),
        ({"sampler": "grid", "trials": 5, "space": {"words": [1, 2], "characters": [2, 3, 4]}}, "has 6 points"),
        ({"objective": "net value"}, "nobody said what a solved case is worth"),
        ({"objective": "cheapest"}, "no requirement here says what must be met"),
        ({"objective": ["cost", "cost"]}, "name one objective twice"),
        ({"candidate": "always"}, "nothing is usually tuned of constant"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_asked(params: dict[str, JSON], said: str) -> None:
    """With the near miss where there is one."""
    seeds = [
        Candidate(name="linear", kind="text-linear"),
        Candidate(name="always", kind="constant", params={"output": "good"}),
    ]
    with pytest.raises(UsageError) as raised:
        next(improver_of("tuning", params)(brief_of(seeds)))
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"sampler": "tep"}, "Did you mean 'tpe'"),
        ({"trails": 3}, "Did you mean 'trials'"),
        ({"objective": "qualty"}, "Did you mean 'quality'"),
    ],
)
def test_a_wrong_parameter_of_tuning_names_the_near_miss(params: dict[str, JSON], said: str) -> None:
    """As in any recipe."""
    with pytest.raises(UsageError) as raised:
        improver_of("tuning", params)
    assert said in str(raised.value)


def test_a_parameter_of_an_estimator_names_its_near_miss() -> None:
    """What a class takes is known from its signature, in a pipeline too."""
    pipeline: list[JSON] = ["sklearn.preprocessing.StandardScaler", {"estimator": "sklearn.svm.SVC"}]
    svm = Candidate(name="svm", kind="sklearn", params={"pipeline": pipeline})
    brief = brief_of([svm])
    with pytest.raises(UsageError) as raised:
        next(improver_of("tuning", {"space": {"pipeline.1.params.gama": [1.0]}})(brief))
    assert "Did you mean 'pipeline.1.params.gamma'" in str(raised.value)
    trials = next(improver_of("tuning", {"space": {"gamma": [1.0, 2.0]}})(brief))
    assert trials.candidates[0].params["pipeline"][1]["params"].keys() == {"gamma"}  # type: ignore[index,call-overload]


def test_a_candidate_that_cannot_be_tuned_says_why() -> None:
    """And what could."""
    always = Candidate(name="always", kind="constant", params={"output": "good"})
    assert "give a space" in technique("tuning").why_not(brief_of([always]))
    assert technique("tuning").why_not(brief_of([always, Candidate(name="l", kind="text-linear")])) == ""
    told = Params(space={"output": ["good", "bad"]}, sampler="grid")
    assert technique("tuning").why_not(brief_of([always]), told) == ""
    with pytest.raises(UsageError, match="Did you mean 'always'"):
        technique("tuning").why_not(brief_of([always]), Params(candidate="alwasy", space={"output": ["good"]}))


# Several objectives and needs -----------------------------------------------------------------------------------------


def made_up(candidates: list[Candidate], like: Brief) -> Evaluation:
    """An evaluation in which more leaves answer better and cost more: solved and cost follow from the recipe."""
    made = outcomes(candidates, like.task)
    n = made.n_rows
    strength = np.array([float(one.params.get("strength", 1.0)) for one in candidates])[:, None]  # type: ignore[arg-type]
    share = np.clip(0.3 + 0.1 * strength, 0.0, 1.0)
    solved = np.arange(n)[None, :] / n < share
    return replace(made, solved=solved, value=solved.astype(float), cost=np.repeat(0.01 * strength, n, axis=1))


def run_made_up(params: dict[str, JSON], needs: merits.Needs = NO_NEEDS) -> tuple[list[Candidate], list[Candidate]]:
    """What was tried and what was kept, where quality and cost rise with `strength`."""
    seed = Candidate(name="linear", kind="text-linear", params={"strength": 1.0})
    brief = brief_of([seed])
    brief = replace(brief, task=changed(brief.task, needs=needs), evaluation=made_up([seed], brief))
    generator = improver_of("tuning", {"space": {"strength": [1.0, 2.0, 3.0, 4.0, 5.0]}, **params})(brief)
    tried: list[Candidate] = []
    try:
        trials = next(generator)
        while True:
            tried += trials.candidates
            trials = generator.send(made_up(list(trials.candidates), brief))
    except StopIteration as end:
        return tried, list(end.value)


def strengths(candidates: list[Candidate]) -> list[JSON]:
    """What was tuned."""
    return [one.params["strength"] for one in candidates]


def test_two_objectives_give_those_that_none_beats_in_both() -> None:
    """Quality and cost both rise: all are on the front, and its ends and middle are kept."""
    _, kept = run_made_up({"objective": ["quality", "cost"], "keep": 3})
    assert sorted(strengths(kept)) in ([2.0, 3.0, 5.0], [2.0, 4.0, 5.0])


def test_the_cheapest_that_meets_the_needs_is_found() -> None:
    """Accuracy of 0.6 or more takes a strength of 3; more of it only costs more."""
    needs = merits.Needs(requirements=(merits.Requirement("accuracy", ">=", 0.6),))
    _, kept = run_made_up({"objective": "cheapest", "keep": 1}, needs)
    assert strengths(kept) == [3.0]


def test_a_bar_on_the_cost_holds_the_best_quality_back() -> None:
    """The best that may be used, not the best."""
    needs = merits.Needs(requirements=(merits.Requirement("cost_per_case", "<=", 0.04),))
    _, kept = run_made_up({"keep": 1}, needs)
    assert strengths(kept) == [4.0]


def test_the_highest_net_value_is_looked_for_where_a_solved_case_has_a_worth() -> None:
    """0.1 more of cases solved is worth 0.02, and costs 0.01: all of it pays. At 0.05 none does."""
    assert strengths(run_made_up({"keep": 1}, merits.Needs(worth_of_solved=0.2))[1]) == [5.0]
    assert strengths(run_made_up({"keep": 1}, merits.Needs(worth_of_solved=0.05))[1]) == []


def test_what_of_the_needs_does_not_guide_the_search_is_said() -> None:
    """A recall of one class is judged when it is decided."""
    brief = brief_of([Candidate(name="linear", kind="text-linear")])
    bars = (merits.Requirement("recall", ">=", 0.8, of="bad"), merits.Requirement("p95_latency", "<=", 1.0))
    brief = replace(brief, task=changed(brief.task, needs=merits.Needs(requirements=bars)))
    told = notes(Params(), brief)
    assert told[0].startswith("linear: strength, words, characters, balanced; 30 trials")
    assert [note for note in told if "does not guide" in note] == [
        "recall[bad] >= 0.8 does not guide the search; it is judged on test."
    ]


# Importance -----------------------------------------------------------------------------------------------------------


def test_the_parameter_that_matters_is_the_important_one(tumours: Task, store: Store) -> None:
    """Read off the recipes afterwards: gamma ruins the machine, the cache's size does nothing."""
    space: dict[str, JSON] = {"gamma": {"low": 1e-4, "high": 10.0, "log": True}, "cache_size": [100, 200, 400]}
    found = searched(
        tumours, improver_of("tuning", {"space": space, "sampler": "random", "trials": 16, "prune": False}), store
    )
    history = [(one, found.solved(name)) for name, one in found.tried.items()]
    shares = importances(history)
    assert next(iter(shares)) == "params.gamma"
    assert shares["params.gamma"] > 0.7
    assert sum(shares.values()) == pytest.approx(1.0)
    assert importances(history[:5]) == {}
