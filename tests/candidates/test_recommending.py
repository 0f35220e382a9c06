"""Recommenders: what each learns, that updates learn the same for less, and that users may be new."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from merits.candidates.recommending.recommender import RecommendingModel
from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Trainable
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import JSON
from merits.core.task import Example
from merits.testing.contracts.model import ModelContract

QUICK: dict[str, dict[str, JSON]] = {
    "popularity": {},
    "item-knn": {},
    "ease": {"regularisation": 5.0},
    "implicit-als": {"factors": 8, "regularisation": 1.0},
    "implicit-bpr": {"factors": 8, "iterations": 150, "learning_rate": 0.1},
    "recommender-sequential": {
        "width": 16,
        "layers": 1,
        "longest": 10,
        "epochs": 40,
        "learning_rate": 0.02,
        "patience": 10,
    },
}
PACKAGES = {"implicit-als": "implicit", "implicit-bpr": "implicit", "recommender-sequential": "torch"}
EXACT = ("popularity", "item-knn", "ease")  # an update is the same as learning anew
PERSONAL = [kind for kind in QUICK if kind != "popularity"]


def model(kind: str, *, seed: int = 0, **params: JSON) -> RecommendingModel:
    pytest.importorskip(PACKAGES.get(kind, "numpy"))
    recipe = Candidate(name=kind, kind=kind, params={"k": 5, **QUICK[kind], **params})
    found = load(recipe, LoadContext(task_kind="recommendation", env={}, seed=seed))
    assert isinstance(found, RecommendingModel)
    assert isinstance(found, Trainable)
    return found


def example(user: str, items: Sequence[str], start: int = 0, target: Sequence[str] = ()) -> Example:
    times = list(range(start, start + len(items) + len(target)))
    after = {"items": list(target), "times": times[len(items) :]} if target else None
    return Example(user, {"user": user, "items": list(items), "times": times[: len(items)]}, after, split="dev")


def two_tastes(n: int = 60, *, seed: int = 0) -> list[Example]:
    """Users who choose from one of two shelves of 12 items, and one item that everybody chooses."""
    random = np.random.default_rng(seed)
    found = []
    for user in range(n):
        shelf = "ab"[user % 2]
        items = [f"{shelf}{number}" for number in random.permutation(12)[:6]]
        found.append(example(str(user), ["common", *items[:4]], 10 * user, items[4:]))
    return found


def asked(found: RecommendingModel, *inputs: JSON) -> list[Any]:
    async def ask() -> list[Answer]:
        return list(await asyncio.gather(*(found.answer(input) for input in inputs)))

    return [answer.output for answer in asyncio.run(ask())]


def history(*items: str, user: str = "somebody new", **more: JSON) -> JSON:
    return {"user": user, "items": list(items), **more}


class _Recommends(ModelContract):
    kind: ClassVar[str]
    examples: ClassVar = tuple(two_tastes())
    inputs: ClassVar = (history("a1", "a2"), history(), history("b3", user="1"))
    odd: ClassVar = ("", None, {}, {"items": None}, {"items": ["nobody's"]}, {"items": [[], {}, 7, None]}, ["a1"])

    def make(self) -> RecommendingModel:
        return model(self.kind)


class TestPopularity(_Recommends):
    kind = "popularity"


class TestItemKnn(_Recommends):
    kind = "item-knn"


class TestEase(_Recommends):
    kind = "ease"


class TestAls(_Recommends):
    kind = "implicit-als"


class TestBpr(_Recommends):
    kind = "implicit-bpr"


class TestSequential(_Recommends):
    kind = "recommender-sequential"


@pytest.mark.parametrize("kind", PERSONAL)
def test_somebody_new_gets_what_goes_with_the_history_in_the_input(kind: str) -> None:
    """A user whom nobody knew when it was trained; names are not what it goes by."""
    found = model(kind)
    found.fit(two_tastes())
    for shelf, listed in zip("ab", asked(found, history("a1", "a2", "a3"), history("b1", "b2", "b3")), strict=True):
        assert sum(item.startswith(shelf) for item in listed) >= 4, listed


@pytest.mark.parametrize("kind", QUICK)
def test_who_has_no_history_gets_what_most_chose_and_nobody_what_he_has(kind: str) -> None:
    found = model(kind, k=100)
    found.fit(two_tastes())
    nothing, unknown, some = asked(found, history(), history("never seen"), history("common", "a1"))
    assert nothing[0] == unknown[0] == "common"
    assert len(nothing) == 25
    assert not {"common", "a1"} & set(some)
    assert len(some) == 23


@pytest.mark.parametrize("kind", QUICK)
def test_what_was_chosen_may_come_again_where_the_task_says_so(kind: str) -> None:
    found = model(kind, k=100)
    found.fit(two_tastes())
    assert len(asked(found, history("common", "a1", again=True))[0]) == 25


@pytest.mark.parametrize("kind", QUICK)
def test_the_same_seed_learns_the_same(kind: str) -> None:
    """Also while another model of the process draws numbers."""
    one, two = model(kind), model(kind)
    one.fit(two_tastes())
    if "torch" in sys.modules:
        sys.modules["torch"].rand(3)
    two.fit(two_tastes())
    inputs = [history(f"a{n}", f"b{n}") for n in range(12)]
    assert asked(one, *inputs) == asked(two, *inputs)


@pytest.mark.parametrize("kind", QUICK)
def test_an_update_brings_new_users_and_new_items(kind: str) -> None:
    """A third shelf that did not exist before is recommended to those who like it, and the others keep theirs."""
    found = model(kind)
    found.fit(two_tastes())
    for round in range(3):
        found.update(new_shelf(round))
    (third,) = asked(found, history("c1", "c2", "c3"))
    assert sum(item.startswith("c") for item in third) >= 3, third
    if kind != "popularity":
        (first,) = asked(found, history("a1", "a2", "a3"))
        assert sum(item.startswith("a") for item in first) >= 3, first


def new_shelf(round: int) -> list[Example]:
    random = np.random.default_rng(round)
    return [
        example(
            f"late-{round}-{user}", [f"c{n}" for n in random.permutation(12)[:7]], 10_000 + 1_000 * round + 10 * user
        )
        for user in range(30)
    ]


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize("params", [{}, {"half_life_days": 0.01}])
def test_these_updates_are_as_good_as_learning_anew(kind: str, params: dict[str, JSON]) -> None:
    """Known users choose more, new ones come, and new items."""
    if params and kind != "popularity":
        pytest.skip("only popularity forgets")
    first = two_tastes()
    more = [example("0", ["c1", "a9", "b1"], 10_000), example("late", ["c1", "c2"], 10_010)]
    updated, anew = model(kind, k=50, **params), model(kind, k=50, **params)
    updated.fit(first)
    updated.update(more[:1])
    updated.update(more[1:])
    anew.fit([*first, *more])
    inputs = [history(f"{shelf}{n}", "common") for shelf in "abc" for n in range(12)]
    for one, other in zip(asked(updated, *inputs), asked(anew, *inputs), strict=True):
        assert set(one) == set(other)
        assert one[:5] == other[:5]


def big(n: int, *, users: int, start: int, seed: int) -> list[Example]:
    """Histories of 40 of 1,500 items, some of which are much more common."""
    random = np.random.default_rng(seed)
    shares = 1.0 / np.arange(1, 1_501)
    shares /= shares.sum()
    return [
        example(
            str(user), [f"i{item}" for item in random.choice(1_500, 40, replace=False, p=shares)], start + 100 * user
        )
        for user in random.permutation(users)[:n].tolist()
    ]


@pytest.mark.parametrize("kind", QUICK)
def test_an_update_costs_a_fraction_of_learning_anew(kind: str) -> None:
    """One user in a hundred has new events: at most a third of the processor time, the best of three."""
    slow = kind == "recommender-sequential"
    found = model(kind, **({"epochs": 8} if slow else {}))
    first = big(400 if slow else 1_500, users=1_500, start=0, seed=0)
    fitting = _cpu_s(lambda: found.fit(first))
    updates = [big(4 if slow else 15, users=1_500, start=1_000_000 * (n + 1), seed=n + 1) for n in range(3)]
    updating = min(_cpu_s(lambda more=more: found.update(more)) for more in updates)
    assert updating < fitting / 3, (updating, fitting)


def _cpu_s(work: Any) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def test_a_recipe_may_learn_the_latest_events_by_updating() -> None:
    """So that a task can show what updates lose; for what is exact that is nothing."""
    first = two_tastes()
    anew, updated = model("ease", k=50), model("ease", k=50, updated_from=0.9)
    anew.fit(first)
    updated.fit(first)
    inputs = [history(f"a{n}", "common") for n in range(12)]
    assert [set(one) for one in asked(anew, *inputs)] == [set(one) for one in asked(updated, *inputs)]
    assert [one[:5] for one in asked(anew, *inputs)] == [one[:5] for one in asked(updated, *inputs)]


def test_item_knn_is_cosine_with_shrinkage() -> None:
    """The slow definition beside the fast one."""
    from merits.candidates.recommending.events import Numbering, events_of, matrix_of
    from merits.candidates.recommending.item_knn import ItemKnn
    from merits.candidates.recommending.recommender import Asked, Known

    users, items = Numbering(), Numbering()
    events = events_of(two_tastes(20), users, items)
    ranker = ItemKnn(neighbours=4, shrink=3.0)
    ranker.fit(Known(events, len(users), len(items)))
    x = matrix_of(events, len(users), len(items)).toarray()
    expected = np.zeros(len(items))
    for item in (0, 3):
        both = x[:, item] @ x
        near = both / (np.sqrt(x[:, item].sum() * x.sum(axis=0)) + 3.0)
        near[item] = 0.0
        best = np.lexsort((np.arange(len(items)), -near))[:4]
        expected[best] += near[best]
    assert ranker.scores([Asked(np.array([0, 3]), None)])[0] == pytest.approx(expected)


def test_ease_is_the_closed_form_of_the_paper() -> None:
    from merits.candidates.recommending.ease import Ease
    from merits.candidates.recommending.events import Numbering, events_of, matrix_of
    from merits.candidates.recommending.recommender import Asked, Known

    users, items = Numbering(), Numbering()
    events = events_of(two_tastes(20), users, items)
    ranker = Ease(7.0)
    ranker.fit(Known(events, len(users), len(items)))
    x = matrix_of(events, len(users), len(items)).toarray().astype(np.float64)
    inverse = np.linalg.inv(x.T @ x + 7.0 * np.eye(len(items)))
    weights = np.eye(len(items)) - inverse @ np.diag(1.0 / np.diag(inverse))
    row = np.zeros(len(items))
    row[[1, 4]] = 1.0
    assert ranker.scores([Asked(np.array([1, 4]), None)])[0] == pytest.approx(row @ weights, abs=1e-5)


def test_als_folds_a_history_in_as_the_library_does() -> None:
    implicit = pytest.importorskip("implicit")
    from merits.candidates.learner import one_thread
    from merits.candidates.recommending.als import Als, Params
    from merits.candidates.recommending.events import Numbering, events_of, matrix_of
    from merits.candidates.recommending.recommender import Asked, Known

    users, items = Numbering(), Numbering()
    events = events_of(two_tastes(20), users, items)
    ranker = Als(Params(factors=8), seed=3)
    with one_thread():
        ranker.fit(Known(events, len(users), len(items)))
        theirs = implicit.als.AlternatingLeastSquares(
            factors=8, regularization=5.0, alpha=1.0, random_state=3, num_threads=1, use_gpu=False
        )
        theirs.fit(matrix_of(events, len(users), len(items)), show_progress=False)
        one = matrix_of(events[events.user == 0], 1, len(items))
        expected = theirs.item_factors @ theirs.recalculate_user(0, one)
        mine = ranker.scores([Asked(events.item[events.user == 0], 0)])[0]
    assert mine == pytest.approx(expected, abs=1e-5)


def test_a_history_in_its_order_says_what_comes_next() -> None:
    """Everybody goes round a circle of items: what follows is sure, and only the order tells."""
    circle = [f"i{n}" for n in range(10)]
    rounds = [example(str(user), [circle[(user + step) % 10] for step in range(9)], 100 * user) for user in range(50)]
    found = model("recommender-sequential", k=1)
    found.fit(rounds)
    inputs = [history(circle[at], circle[(at + 1) % 10], circle[(at + 2) % 10]) for at in range(10)]
    right = [listed == [circle[(at + 3) % 10]] for at, listed in enumerate(asked(found, *inputs))]
    assert sum(right) >= 9


def test_the_loss_over_items_that_are_drawn_is_that_over_all_on_average(monkeypatch: pytest.MonkeyPatch) -> None:
    """With many items the softmax over all of them would not fit."""
    torch = pytest.importorskip("torch")
    from merits.candidates.recommending import attention

    random = torch.Generator().manual_seed(0)
    network = attention.NextItem(50, width=8, layers=1, longest=5, dropout=0.0, random=random)
    vectors, following = torch.randn((6, 5, 8), generator=random), torch.randint(0, 51, (6, 5), generator=random)
    over_all = float(attention.loss_of(network, vectors, following).detach())
    monkeypatch.setattr(attention, "_FULL", 5)
    monkeypatch.setattr(attention, "_NEGATIVES", 5_000)
    drawn = [float(attention.loss_of(network, vectors, following).detach()) for _ in range(5)]
    assert np.mean(drawn) == pytest.approx(over_all, rel=0.01)
    assert len(set(drawn)) == 5
    network.eval()  # what tells when to stop is not left to chance
    assert float(attention.loss_of(network, vectors, following).detach()) == over_all


def test_what_is_no_history_fails_alone() -> None:
    found = model("popularity")
    found.fit(two_tastes())

    async def ask() -> list[Answer | BaseException]:
        inputs = ("a text", history("a1"), {"user": "7"})
        return list(await asyncio.gather(*map(found.answer, inputs), return_exceptions=True))

    text, good, nothing = asyncio.run(ask())
    assert isinstance(good, Answer)
    for problem in (text, nothing):
        assert isinstance(problem, TypeError)
        assert "{user: ..., items: [...]}" in str(problem)


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(CandidateError, match="no event to learn from"):
        model("popularity").fit([example("0", [])])


def test_ease_says_what_to_take_for_too_many_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("merits.candidates.recommending.ease._MOST_ITEMS", 10)
    with pytest.raises(CandidateError, match=r"there are 25; it takes up to 10. Take item-knn or implicit-als"):
        model("ease").fit(two_tastes())


@pytest.mark.parametrize("kind", PACKAGES)
def test_a_missing_package_is_named_with_its_extra(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = QUICK[kind]
    monkeypatch.setitem(sys.modules, PACKAGES[kind], None)
    with pytest.raises(MissingExtra, match=r"pip install 'merits\[(recommendation|torch)\]'"):
        load(Candidate(name=kind, kind=kind, params=found), LoadContext(task_kind="recommendation", env={}))
