"""Questions in batches: all answers come, in any order, whatever the provider does, and none is asked twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from merits.candidates.batching import Limits
from merits.candidates.openai_batches import OpenAIBatches
from merits.core.batching import Batching, Submission
from merits.core.candidate import Candidate
from merits.core.doors import Store
from merits.core.errors import BatchesOpen, ProviderError, UsageError
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status
from merits.core.task import Task
from merits.evaluating import evaluate
from merits.store import open_store
from merits.testing.provider import BatchFault, FakeBatches, FakeProvider
from tests.evaluating.making import Watcher, parity, task

SMALL = Candidate(name="small", kind="chat", params={"model": "small"})
QUICK = Batching(poll_s=0.02, grace_s=0.3)
Message = Mapping[str, object]


def even_or_odd(messages: Sequence[Message]) -> str:
    """The right answer."""
    return str(parity(str(messages[-1]["content"])).output)


@contextmanager
def provider(
    *faults: BatchFault, takes_s: float = 0.05, page: int = 20
) -> Iterator[tuple[FakeBatches, dict[str, str]]]:
    """The provider's batches, and the environment that leads there."""
    fake = FakeBatches(even_or_odd, takes_s=takes_s, faults=faults, page=page)
    with FakeProvider(even_or_odd, batches=fake) as server:
        yield fake, {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "sk-test-0123456789"}


def run(
    of: Task,
    env: Mapping[str, str],
    store: Store,
    *,
    batching: Batching | None = QUICK,
    candidates: Sequence[Candidate] = (SMALL,),
    watcher: Watcher | None = None,
) -> Evaluation:
    """One evaluation in batches."""
    return asyncio.run(evaluate(of, candidates, store=store, env=env, batching=batching, progress=watcher))


def about(*numbers: int) -> Callable[[Sequence[Message]], bool]:
    """Whether a request is about one of these numbers."""
    return lambda messages: int(str(messages[-1]["content"]).split()[-1]) in numbers


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(":memory:")
    yield opened
    opened.close()


def test_all_answers_come_and_say_that_they_were_billed_as_a_batch(store: Store) -> None:
    """Results come in any order; each finds its question."""
    with provider() as (fake, env):
        evaluation = run(task(40), env, store)
    assert evaluation.scored.all()
    assert evaluation.solved.all()
    assert len(fake.batches) == 1
    assert set(fake.n_asked().values()) == {1}
    answers = store.answers(evaluation.versions[0])
    assert {answer.usage.service_tier for answer in answers.values()} == {"batch"}
    assert {answer.usage.input_tokens for answer in answers.values()} != {0}
    assert [each.stage for each in store.submissions()] == ["collected"]


def test_running_again_asks_nothing(store: Store) -> None:
    """What is stored is stored, however it was asked."""
    with provider() as (fake, env):
        run(task(10), env, store)
        run(task(10), env, store)
        run(task(10), env, store, batching=None)
    assert len(fake.batches) == 1


def test_without_waiting_the_run_ends_and_the_next_one_collects(store: Store) -> None:
    """Submit in the evening, collect in the morning; nothing is sealed or decided before."""
    with provider(takes_s=0.3) as (fake, env):
        with pytest.raises(BatchesOpen, match=r"10 answers are on their way in batches \(small: batch_1\)") as caught:
            run(task(10), env, store, batching=Batching(wait=False))
        assert caught.value.exit_code == 3
        assert "at the latest: it collects them and asks nothing twice" in caught.value.next_step
        assert store.runs() == []
        evaluation = run(task(10), env, store)
    assert evaluation.scored.all()
    assert len(fake.batches) == 1


def test_what_is_in_flight_is_not_asked_one_by_one(store: Store) -> None:
    """Whoever forgets --batch would pay twice."""
    with provider(takes_s=60) as (_, env):
        with pytest.raises(BatchesOpen):
            run(task(10), env, store, batching=Batching(wait=False))
        with pytest.raises(UsageError, match=r"10 questions to 'small' are on their way in a batch.*Run with --batch"):
            run(task(10), env, store, batching=None)


def test_a_candidate_that_knows_no_batches_is_asked_as_usual(store: Store) -> None:
    """A local one beside a remote one, in the same run."""
    watcher = Watcher()
    local = Candidate(name="always", kind="constant", params={"output": "even"})
    with provider() as (_, env):
        evaluation = run(task(10), env, store, candidates=(SMALL, local), watcher=watcher)
    assert evaluation.scored.all()
    assert evaluation.solved.mean(axis=1).tolist() == [1.0, 0.5]
    assert "always: cannot be asked in batches, so it is asked as usual" in watcher.notes


def test_the_local_candidate_is_asked_even_where_batches_are_not_waited_for(store: Store) -> None:
    """Its answers are stored, so that the run that collects has only that to do."""
    local = Candidate(name="always", kind="constant", params={"output": "even"})
    with provider(takes_s=60) as (_, env), pytest.raises(BatchesOpen):
        run(task(10), env, store, candidates=(SMALL, local), batching=Batching(wait=False))
    (version,) = {version for version in _versions(store) if store.answers(version)}
    assert len(store.answers(version)) == 10


def test_a_failed_request_is_a_failure_of_its_kind_and_the_others_count(store: Store) -> None:
    """Partial errors stand in a file of their own."""
    faults = (BatchFault("error", when=about(3), status=400), BatchFault("error", when=about(4), status=500))
    with provider(*faults) as (_, env):
        evaluation = run(task(10), env, store)
    assert np.flatnonzero(evaluation.failed[0]).tolist() == [3, 4]
    failures = [answer.failure for answer in store.answers(evaluation.versions[0]).values() if answer.failure]
    assert sorted(failure.kind for failure in failures) == ["bad_request", "server_error"]
    assert {failure.message for failure in failures} == {"400: This is a 400.", "500: This is a 500."}


def test_what_expired_is_asked_again(store: Store) -> None:
    """The provider did not get round to it within a day; it is not on the bill."""
    with provider(BatchFault("expire", when=about(1, 2, 3), times=3)) as (fake, env):
        evaluation = run(task(10), env, store)
    assert evaluation.scored.all()
    assert [len(batch.requests) for batch in fake.batches] == [10, 3]


def test_what_expires_again_and_again_fails(store: Store) -> None:
    """A run ends."""
    with provider(BatchFault("expire", when=about(1))) as (fake, env):
        evaluation = run(task(10), env, store)
    assert np.flatnonzero(evaluation.failed[0]).tolist() == [1]
    assert [len(batch.requests) for batch in fake.batches] == [10, 1, 1]


def test_what_is_in_no_result_is_asked_again(store: Store) -> None:
    """No question is lost because a provider left it out."""
    with provider(BatchFault("leave_out", when=about(5), times=1)) as (fake, env):
        evaluation = run(task(10), env, store)
    assert evaluation.scored.all()
    assert [len(batch.requests) for batch in fake.batches] == [10, 1]


def test_what_was_cancelled_is_missing_until_the_command_is_given_again(store: Store) -> None:
    """Whoever cancelled it at the provider did not want it submitted once more at once."""
    watcher = Watcher()
    with provider(BatchFault("cancel", when=about(0, 1), times=2)) as (fake, env):
        evaluation = run(task(10), env, store, watcher=watcher)
        assert np.flatnonzero(evaluation.status[0] == Status.MISSING).tolist() == [0, 1]
        assert any("2 were cancelled there" in note for note in watcher.notes)
        assert run(task(10), env, store).scored.all()
    assert [len(batch.requests) for batch in fake.batches] == [10, 2]


def test_a_batch_that_fails_its_validation_gives_the_candidate_up(store: Store) -> None:
    """A model that the provider does not take in batches, say: the reason is told, and nothing hangs."""
    with (
        provider(BatchFault("refuse")) as (_, env),
        pytest.raises(ProviderError, match=r"batch_1 was refused: model_not_found: The provided model"),
    ):
        run(task(10), env, store)
    assert [each.stage for each in store.submissions()] == ["void"]


def test_a_full_queue_makes_the_batches_smaller(store: Store) -> None:
    """OpenAI limits the tokens that wait at a time: large evaluations go there in parts."""
    with provider(BatchFault("queue_full", most=6)) as (fake, env):
        evaluation = run(task(20), env, store)
    assert evaluation.scored.all()
    assert [len(batch.requests) for batch in fake.batches if not batch.refused] == [5, 5, 5, 5]
    assert set(fake.n_asked().values()) == {1}


def test_more_than_a_batch_may_hold_goes_into_several(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """50,000 requests and 200 MB at OpenAI."""
    monkeypatch.setattr(OpenAIBatches, "limits", Limits(n_requests=4, n_bytes=700))
    with provider() as (fake, env):
        evaluation = run(task(10), env, store)
    assert evaluation.scored.all()
    assert max(len(batch.requests) for batch in fake.batches) <= 4
    assert len(fake.batches) > 2
    assert all(len(fake.files[batch.file]) <= 700 for batch in fake.batches)


def test_a_question_that_is_too_long_for_a_batch_fails_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are asked."""
    from merits.core.task import Example

    examples = [Example(f"{n}", f"{'long ' * (100 * (n == 2))}{n}", "even" if n % 2 == 0 else "odd") for n in range(5)]
    monkeypatch.setattr(OpenAIBatches, "limits", Limits(n_requests=10, n_bytes=700))
    with provider() as (_, env):
        evaluation = run(task(examples=examples), env, store)
    assert np.flatnonzero(evaluation.failed[0]).tolist() == [2]


@pytest.mark.parametrize("kind", ["lose_reply", "unavailable"])
def test_a_batch_whose_reply_was_lost_is_looked_for_and_not_submitted_again(store: Store, kind: str) -> None:
    """Whether a 503 or a cut connection means that it was accepted cannot be known: only the list tells."""
    with provider(BatchFault(kind, times=1)) as (fake, env):  # type: ignore[arg-type]
        evaluation = run(task(10), env, store)
    assert evaluation.scored.all()
    assert len(fake.batches) == 1
    assert set(fake.n_asked().values()) == {1}


def test_a_list_that_is_behind_is_waited_for(store: Store) -> None:
    """What was accepted a moment ago may not be listed yet."""
    with provider(BatchFault("lose_reply", times=1), BatchFault("unlisted", seconds=0.15)) as (fake, env):
        assert run(task(10), env, store).scored.all()
    assert len(fake.batches) == 1


@pytest.mark.parametrize("dialect", ["chat", "anthropic"])
def test_a_list_that_begins_with_the_oldest_is_gone_through_too(store: Store, dialect: str) -> None:
    """Some who copied the endpoints list that way; what was accepted must not be taken for lost, and paid twice."""
    import time

    now = [time.time() - 7200]
    fake = FakeBatches(even_or_odd, page=1, oldest_first=True, clock=lambda: now[0])
    asked = Candidate(name="m", kind=dialect, params={"model": "m", "labels": False})
    with FakeProvider(even_or_odd, batches=fake) as server:
        env = {
            "OPENAI_BASE_URL": server.base_url,
            "OPENAI_API_KEY": "k",
            **_anthropic({"OPENAI_BASE_URL": server.base_url}),
        }
        for n in (3, 4):
            run(task(n), env, open_store(":memory:"), candidates=(asked,))
        now[0] = time.time()
        fake.fail(BatchFault("lose_reply", times=1))
        assert run(task(10), env, store, candidates=(asked,)).scored.all()
    assert [len(batch.requests) for batch in fake.batches] == [3, 4, 10]


def test_the_list_is_gone_through_page_by_page(store: Store) -> None:
    """Others use the same account."""
    with provider(page=2) as (fake, env):
        for n in range(5):
            asked = f'"body": {{"messages": [{{"content": "theirs {n}"}}]}}'
            other = f'{{"custom_id": "other-{n}", "method": "POST", "url": "u", {asked}}}'
            fake.files[f"other-{n}"] = other.encode()
        run(task(6), env, store)
        version = store.submissions()[0].version
        mine = store.submissions()[0]
        from merits.testing.provider.http import Call

        for n in range(5):
            body = f'{{"input_file_id": "other-{n}", "metadata": {{"theirs": "yes"}}}}'.encode()
            assert fake.answer(Call("POST", "/v1/batches", "", {}, body)).status == 200
        found = asyncio.run(_find(env, mine))
    assert version
    assert found == "batch_1"


async def _find(env: Mapping[str, str], submission: Submission) -> str:
    from merits.candidates.batching import Batchable
    from merits.candidates.registry import LoadContext, load

    model = load(SMALL, LoadContext(env=env))
    batches = cast(Batchable, model).batches()
    assert batches is not None
    try:
        return (await batches.find(submission, frozenset())).batch
    finally:
        await model.close()


def test_results_that_end_in_the_middle_are_read_again(store: Store) -> None:
    """A cut connection costs time, not money."""
    with provider(BatchFault("cut_results", times=1)) as (fake, env):
        evaluation = run(task(40), env, store)
    assert evaluation.scored.all()
    assert len(fake.batches) == 1


def test_a_wrong_key_gives_the_candidate_up_at_once(store: Store) -> None:
    """Not after a day of waiting."""
    fake = FakeBatches(even_or_odd)
    with FakeProvider(even_or_odd, api_key="right", batches=fake) as server:
        env = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "sk-wrong-0123456789"}
        with pytest.raises(ProviderError, match="its batch was refused: 401") as caught:
            run(task(10), env, store)
    assert caught.value.next_step == "Check the API key and the candidate's parameters, or run without --batch."
    assert "sk-wrong" not in str(caught.value)
    assert fake.batches == []


def test_a_batch_that_the_provider_does_not_know_is_not_asked_again_while_it_may_run(store: Store) -> None:
    """Another account's key sees no batches of the first: submitting again would pay twice."""
    with provider(takes_s=60) as (fake, env):
        with pytest.raises(BatchesOpen):
            run(task(10), env, store, batching=Batching(wait=False))
        fake.batches.clear()
        with pytest.raises(ProviderError) as caught:
            run(task(10), env, store)
        assert fake.batches == []
    assert caught.value.found == (
        "10 answers in batches could not be collected (small: batch_1: the provider does not know batch_1, which it "
        "accepted: 404: No batch found with id 'batch_1'); nothing is decided yet."
    )
    assert caught.value.next_step.startswith("Use the key and the address that it was submitted with.")


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("kind", ["chat", "anthropic"])
def test_a_key_that_no_longer_works_is_told_and_the_right_one_collects(store: Store, kind: str, wait: bool) -> None:
    """The answers wait at the provider: who is told that they are on their way would wait for ever."""
    fake = FakeBatches(even_or_odd, takes_s=0.05)
    asked = Candidate(name="m", kind=kind, params={"model": "m", "labels": False})
    batching = Batching(wait=wait, poll_s=0.02)
    with FakeProvider(even_or_odd, api_key="sk-right-0123456789", batches=fake) as server:

        def env(key: str) -> dict[str, str]:
            who = "OPENAI" if kind == "chat" else "ANTHROPIC"
            return {f"{who}_BASE_URL": server.base_url, f"{who}_API_KEY": key}

        right, wrong = env("sk-right-0123456789"), env("sk-wrong-0123456789")
        with pytest.raises(BatchesOpen):
            run(task(10), right, store, candidates=(asked,), batching=Batching(wait=False))
        with pytest.raises(ProviderError) as caught:
            run(task(10), wrong, store, candidates=(asked,), batching=batching)
        assert "10 answers in batches could not be collected (m: " in caught.value.found
        assert "its provider could not be asked about batches: 401: Incorrect API key provided." in caught.value.found
        assert caught.value.next_step.startswith("Check the API key. Then give the same command again: it collects")
        assert run(task(10), right, store, candidates=(asked,)).scored.all()
    assert [len(batch.requests) for batch in fake.batches] == [10]


def test_one_candidate_whose_batch_is_unreachable_tells_so_beside_one_that_waits(store: Store) -> None:
    """Its reason is what somebody can act on; nothing is decided without it, and nothing is asked twice."""
    other = Candidate(name="claude", kind="anthropic", params={"model": "c", "labels": False})
    with provider(takes_s=60) as (fake, where):
        env = {**where, **_anthropic(where)}
        both = (SMALL, other)
        with pytest.raises(BatchesOpen):
            run(task(10), env, store, candidates=both, batching=Batching(wait=False))
        kept = list(fake.batches)
        fake.batches[:] = [batch for batch in kept if batch.dialect == "openai"]
        with pytest.raises(ProviderError, match=r"10 answers in batches could not be collected \(claude: msgbatch_"):
            run(task(10), env, store, candidates=both, batching=Batching(wait=False))
        fake.batches[:], fake.takes_s = kept, 0.0
        assert run(task(10), env, store, candidates=both).scored.all()
    assert [len(batch.requests) for batch in fake.batches] == [10, 10]


def test_answers_to_examples_that_are_gone_are_stored_all_the_same(store: Store) -> None:
    """They are paid for, and the example may come back."""
    with provider(takes_s=0.1) as (fake, env):
        with pytest.raises(BatchesOpen):
            run(task(10), env, store, batching=Batching(wait=False))
        evaluation = run(task(6), env, store)
        assert evaluation.scored.all()
        assert len(store.answers(evaluation.versions[0])) == 10
        assert run(task(10), env, store).scored.all()
    assert len(fake.batches) == 1


def test_latency_of_batched_answers_is_not_recorded(store: Store) -> None:
    """They came when they came: that is nobody's wait."""
    with provider() as (_, env):
        evaluation = run(task(10), env, store)
    assert not evaluation.latency_s.any()


def test_repeats_are_questions_of_their_own(store: Store) -> None:
    """Asked three times, answered three times."""
    with provider() as (fake, env):
        evaluation = run(task(5, repeats=3), env, store)
    assert evaluation.scored.all()
    assert set(fake.n_asked().values()) == {3}
    assert len(fake.batches) == 1


def _versions(store: Store) -> set[str]:
    from merits.store import SqliteStore

    assert isinstance(store, SqliteStore)
    return {row[0] for row in store._database.execute("SELECT version FROM versions")}


def test_a_store_of_before_batches_is_used_as_it_is(tmp_path: Path) -> None:
    """Nobody has to convert anything."""
    import sqlite3

    path = tmp_path / "store.sqlite"
    open_store(path).close()
    database = sqlite3.connect(path)
    database.execute("DROP TABLE submissions")
    database.commit()
    database.close()
    reader = open_store(path, write=False)
    assert list(reader.submissions()) == []
    reader.close()
    writer = open_store(path)
    with provider() as (_, env):
        assert run(task(4), env, writer).scored.all()
    writer.close()


CLAUDE = Candidate(name="claude", kind="anthropic", params={"model": "claude", "labels": False})
FAULTS: tuple[tuple[tuple[BatchFault, ...], list[int], list[int]], ...] = (
    ((), [40], []),
    ((BatchFault("error", when=about(3)), BatchFault("error", when=about(4), status=529)), [40], [3, 4]),
    ((BatchFault("expire", when=about(1, 2), times=2),), [40, 2], []),
    ((BatchFault("expire", when=about(1)),), [40, 1, 1], [1]),
    ((BatchFault("leave_out", when=about(5), times=1),), [40, 1], []),
    ((BatchFault("lose_reply", times=1),), [40], []),
    ((BatchFault("unavailable", times=1),), [40], []),
    ((BatchFault("lose_reply", times=1), BatchFault("unlisted", seconds=0.15)), [40], []),
    ((BatchFault("cut_results", times=1),), [40], []),
)


def _anthropic(env: Mapping[str, str]) -> dict[str, str]:
    return {"ANTHROPIC_BASE_URL": env["OPENAI_BASE_URL"], "ANTHROPIC_API_KEY": "sk-test-0123456789"}


@pytest.mark.parametrize(("faults", "sizes", "failed"), FAULTS)
def test_anthropics_batches_end_as_openais(
    store: Store, faults: Sequence[BatchFault], sizes: list[int], failed: list[int]
) -> None:
    """Each question is answered or failed, whatever happened, and was in no two batches that were begun."""
    with provider(*faults) as (fake, env):
        evaluation = run(task(40), _anthropic(env), store, candidates=(CLAUDE,))
    assert [len(batch.requests) for batch in fake.batches] == sizes
    assert np.flatnonzero(evaluation.failed[0]).tolist() == failed
    assert (evaluation.scored[0] | evaluation.failed[0]).all()
    answers = store.answers(evaluation.versions[0]).values()
    kinds = [answer.failure.kind for answer in answers if answer.failure]
    assert sorted(kinds) == ({0: [], 1: ["timeout"], 2: ["bad_request", "server_error"]}[len(failed)])
    assert {answer.usage.service_tier for answer in answers if not answer.failure} == {"batch"}


def test_another_batch_of_the_same_size_is_not_taken_for_ours(store: Store) -> None:
    """Anthropic's list does not say whose a batch is: only its results do."""
    import json

    from merits.testing.provider.http import Call

    with provider(BatchFault("unavailable", times=1)) as (fake, env):
        asked = [{"role": "user", "content": "theirs 1"}]
        theirs = {"requests": [{"custom_id": f"t{n}", "params": {"messages": asked}} for n in range(10)]}
        call = Call("POST", "/v1/messages/batches", "", {}, json.dumps(theirs).encode())
        assert fake.answer(call).status == 503
        assert fake.answer(call).status == 200
        fake.fail(BatchFault("unavailable", times=1))
        evaluation = run(task(10), _anthropic(env), store, candidates=(CLAUDE,))
    assert evaluation.solved.all()
    assert len(fake.batches) == 2
    assert {submission.batch for submission in store.submissions() if submission.batch} == {"msgbatch_2"}


def test_what_a_filter_refuses_is_an_answer(store: Store) -> None:
    """As when it is asked alone: the model was asked, and said no."""
    from merits.candidates.openai_batches import result_of

    line = (
        b'{"custom_id": "a-0", "error": null, "response": {"status_code": 400, "body": {"error": '
        b'{"code": "content_filter", "message": "filtered"}}}}'
    )
    result = result_of(line)
    assert (result.what, result.refused, result.failure) == ("answered", "filtered", None)


def test_the_plan_says_what_is_on_its_way(store: Store) -> None:
    """So that --dry-run does not announce it as money to be spent."""
    from merits.evaluating import plan

    with provider(takes_s=60) as (_, env):
        with pytest.raises(BatchesOpen):
            run(task(10), env, store, batching=Batching(wait=False))
        (part,) = plan(task(12), [SMALL], store=store, env=env).parts
    assert (part.n_to_ask, part.n_in_flight) == (12, 10)


@pytest.mark.parametrize("kind", ["chat", "anthropic"])
def test_the_bill_of_batches_is_the_providers_to_the_cent(store: Store, kind: str) -> None:
    """Failures, expiries and cached, written and thought tokens included; a system prompt is counted as when alone."""
    from merits.core.candidate import Price
    from merits.evaluating.billing import bill_of

    price = Price(
        input_per_million=3.0,
        output_per_million=15.0,
        cache_read_per_million=0.3,
        cache_write_per_million=3.75,
        cache_write_1h_per_million=6.0,
        audio_output_per_million=64.0,
        batch_factor=0.5,
    )
    faults = (
        BatchFault("error", when=about(3), status=500),
        BatchFault("expire", when=about(1, 2), times=2),
        BatchFault("cancel", when=about(7), times=1),
        BatchFault("lose_reply", times=1),
    )
    fake = FakeBatches(even_or_odd, takes_s=0.05, faults=faults)
    asked = Candidate(name="m", kind=kind, params={"model": "m", "system": "Be brief now."}, price=price)
    with FakeProvider(
        even_or_odd,
        batches=fake,
        rates=price,
        cached_tokens=1,
        cache_write_tokens=2,
        cache_write_1h_tokens=1,
        reasoning_tokens=5,
        spoken_tokens=7,
    ) as server:
        env = {f"{name}_{what}": server.base_url if what == "BASE_URL" else "sk-test-0123456789"
               for name in ("OPENAI", "ANTHROPIC") for what in ("BASE_URL", "API_KEY")}  # fmt: skip
        evaluation = run(task(40), env, store, candidates=(asked,))
        run(task(40), env, store, candidates=(asked,))  # asks what failed and what was cancelled again
        ledger = server.ledger
    (row,) = bill_of(evaluation, store).rows
    assert row.cost == pytest.approx(ledger.money, abs=1e-12)
    assert ledger.money
    assert row.n_attempts == ledger.n_requests
    assert row.tokens["input"] == ledger.tokens["input"]
    assert sum(row.tokens.values()) == sum(ledger.tokens.values())
    assert ledger.n_batched == ledger.n_billed == 39
    assert ledger.batched == ledger.tokens


@pytest.mark.parametrize(("kind", "told"), [("chat", "audio_output"), ("anthropic", "cache_write_1h")])
def test_a_batch_counts_and_costs_what_each_question_does_alone(kind: str, told: str) -> None:
    """Anthropic's system prompt too, its writes for an hour and OpenAI's sound: the two bills agree to the cent."""
    from merits.core.candidate import Price
    from merits.evaluating.billing import bill_of

    price = Price(
        input_per_million=3.0,
        output_per_million=15.0,
        cache_write_per_million=3.75,
        cache_write_1h_per_million=6.0,
        audio_output_per_million=64.0,
    )
    asked = Candidate(name="m", kind=kind, params={"model": "m", "system": "Be brief now."}, price=price)
    ledgers = []
    for batching in (None, QUICK):
        with FakeProvider(
            even_or_odd,
            batches=FakeBatches(even_or_odd, takes_s=0.01),
            rates=price,
            cache_write_tokens=1,
            cache_write_1h_tokens=2,
            spoken_tokens=7,
        ) as server:
            env = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "k"}
            opened = open_store(":memory:")
            evaluation = run(task(10), {**env, **_anthropic(env)}, opened, candidates=(asked,), batching=batching)
            (row,) = bill_of(evaluation, opened).rows
            opened.close()
            ledgers.append(server.ledger)
        assert row.tokens == {name: n for name, n in server.ledger.tokens.items() if n}
        if batching is None:
            assert row.cost == pytest.approx(server.ledger.money, abs=1e-12)
    alone, batched = ledgers
    assert alone.tokens == batched.tokens
    assert alone.tokens[told] == (70 if kind == "chat" else 20)
    assert (alone.n_batched, batched.n_batched) == (0, 10)


@pytest.mark.parametrize("kind", ["chat", "anthropic"])
def test_a_batch_that_its_provider_lost_is_asked_again_once_it_must_be_over(kind: str) -> None:
    """After a day no provider works on it; what was answered of it in time is kept and not asked again."""
    import time

    opened, asked = open_store(":memory:"), Candidate(name="m", kind=kind, params={"model": "m", "labels": False})
    with provider(takes_s=60) as (fake, where):
        env = {**where, **_anthropic(where)}
        with pytest.raises(BatchesOpen):
            run(task(10), env, opened, candidates=(asked,), batching=Batching(wait=False))
        (lost,) = fake.batches
        fake.batches.clear()
        with pytest.raises(ProviderError, match=f"does not know {lost.id}, which it accepted: 404"):
            run(task(10), env, opened, candidates=(asked,))
        assert fake.batches == []
        fake.takes_s = 0.05
        later = evaluate(
            task(10), (asked,), store=opened, env=env, batching=QUICK, clock=lambda: time.time() + 26 * 3600
        )
        assert asyncio.run(later).scored.all()
    assert [len(batch.requests) for batch in fake.batches] == [10]
    assert [each.stage for each in opened.submissions()] == ["void", "collected"]
    opened.close()
