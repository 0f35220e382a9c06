"""The meter: what cannot be asked becomes data, what may pass is tried again, and seconds are measured in one place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from merits.candidates.batcher import Batcher
from merits.candidates.meter import AskFailed, Meter, failure_of
from merits.core.answer import Answer, Failure, Usage
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.secrets import register
from merits.testing.models import Constant, Failing, Fake, Flaky, Hanging, Replying, Slow


class Sleeps:
    """A sleep that only remembers."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def _clock(*ticks: float) -> Iterator[float]:
    yield from ticks


def _meter(model: Fake, *, retries: int = 3, timeout_s: float = 5.0, sleeps: Sleeps | None = None) -> Meter:
    return Meter(model, timeout_s=timeout_s, retries=retries, sleep=sleeps or Sleeps(), jitter=lambda: 1.0)


async def test_an_answer_passes_through_with_its_latency() -> None:
    """Seconds are measured here and nowhere else."""
    ticks = _clock(10.0, 10.5)
    meter = Meter(Constant("yes"), timeout_s=5, retries=0, clock=lambda: next(ticks))
    answer = await meter.answer("?")
    assert (answer.output, answer.latency_s, answer.usage.attempts) == ("yes", 0.5, 1)


async def test_latency_is_that_of_the_last_attempt() -> None:
    """Waiting between attempts says nothing about the model."""
    ticks = _clock(0.0, 7.0, 7.25)
    meter = Meter(Flaky("yes", 1), timeout_s=5, retries=1, clock=lambda: next(ticks), sleep=Sleeps())
    assert (await meter.answer("?")).latency_s == 0.25


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (TimeoutError(), "timeout"),
        (ConnectionRefusedError("refused"), "connection"),
        (MemoryError(), "out_of_memory"),
        (ValueError("bad"), "raised"),
        (AskFailed(Failure("unauthorised", "401")), "unauthorised"),
        (AskFailed(Failure("bad_request", "400")), "bad_request"),
    ],
)
async def test_exceptions_become_failures_of_the_right_kind(problem: Exception, kind: str) -> None:
    """Failed is not wrong: the kind decides what happens next."""
    answer = await _meter(Failing(problem)).answer("?")
    assert answer.failure is not None
    assert kind == answer.failure.kind
    assert answer.output is None


@pytest.mark.parametrize(
    ("problem", "asks"),
    [
        (ConnectionResetError(), 4),
        (TimeoutError(), 4),
        (AskFailed(Failure("rate_limited", "429")), 4),
        (AskFailed(Failure("server_error", "503")), 4),
        (AskFailed(Failure("unauthorised", "401")), 1),
        (AskFailed(Failure("bad_request", "400")), 1),
        (MemoryError(), 1),
        (ValueError(), 1),
    ],
)
async def test_only_what_may_pass_is_tried_again(problem: Exception, asks: int) -> None:
    """A refused key stays refused; asking again costs time and money."""
    model = Failing(problem)
    answer = await _meter(model, retries=3).answer("?")
    assert asks == len(model.asked) == answer.usage.attempts


async def test_a_model_that_recovers_is_answered_and_its_attempts_are_counted() -> None:
    """Each attempt may cost money, the failed ones too."""
    answer = await _meter(Flaky("yes", 2)).answer("?")
    assert (answer.output, answer.usage.attempts, answer.failure) == ("yes", 3, None)


async def test_waits_grow_exponentially() -> None:
    """A struggling server is given more and more time."""
    sleeps = Sleeps()
    await _meter(Failing(ConnectionResetError()), retries=8, sleeps=sleeps).answer("?")
    assert sleeps.seconds == [0.5, 1, 2, 4, 8, 16, 30, 30]


async def test_jitter_halves_a_wait_at_most() -> None:
    """Callers that failed together must not come back together."""
    sleeps = Sleeps()
    meter = Meter(Failing(ConnectionResetError()), timeout_s=5, retries=2, sleep=sleeps, jitter=lambda: 0.0)
    await meter.answer("?")
    assert sleeps.seconds == [0.25, 0.5]


async def test_retry_after_is_obeyed() -> None:
    """The provider knows best when it will answer again."""
    sleeps = Sleeps()
    problem = AskFailed(Failure("rate_limited", "429", retry_after_s=12.0))
    await _meter(Failing(problem), retries=2, sleeps=sleeps).answer("?")
    assert sleeps.seconds == [12.0, 12.0]


async def test_a_retry_after_of_an_hour_is_left_for_the_next_run() -> None:
    """Sitting still for an hour helps nobody: failures are asked again on resume."""
    sleeps = Sleeps()
    answer = await _meter(Failing(AskFailed(Failure("rate_limited", "quota", 3600.0))), sleeps=sleeps).answer("?")
    assert sleeps.seconds == []
    assert Failure("rate_limited", "quota", 3600.0) == answer.failure


async def test_the_deadline_holds_for_each_attempt() -> None:
    """A connection that never answers must not hold a worker for ever."""
    model = Hanging()
    answer = await _meter(model, timeout_s=0.02, retries=1).answer("?")
    assert answer.failure == Failure("timeout", "TimeoutError: no answer within 0.02 s")
    assert len(model.asked) == 2


async def test_the_first_attempt_takes_no_longer_than_the_deadline_of_the_example() -> None:
    """A deadline of half a second is not kept by an attempt that may take a minute."""
    meter = Meter(Hanging(), timeout_s=60.0, deadline_s=0.02, retries=5, sleep=Sleeps())
    async with asyncio.timeout(10):
        answer = await meter.answer("?")
    assert answer.failure is not None
    assert answer.failure.message.startswith("TimeoutError: no answer within 0.02 s")
    assert answer.usage.attempts == 1


async def test_a_local_timeout_is_not_tried_again() -> None:
    """The same code given the same input hangs again, and each try leaves a thread behind."""
    import threading

    forever, asked = threading.Event(), []

    def work(input: object) -> Answer:
        asked.append(input)
        forever.wait()
        return Answer("late")

    answer = await Meter(Batcher.each(work, fingerprint="f", timeout_s=0.05), timeout_s=0.05, retries=3).answer("?")
    forever.set()
    assert answer.failure is not None
    assert (answer.failure.kind, len(asked)) == ("timeout", 1)


async def test_a_failure_that_is_returned_counts_like_one_that_is_raised() -> None:
    """Both are documented ways to say it."""
    model = Replying(lambda input: Answer(failure=Failure("server_error", "502")))
    answer = await _meter(model, retries=2).answer("?")
    assert (answer.failure.kind if answer.failure else None, len(model.asked)) == ("server_error", 3)


async def test_tokens_of_the_answer_are_kept_through_retries() -> None:
    """Only the number of attempts is the meter's."""
    tries = iter([ConnectionResetError(), None])

    def reply(input: object) -> Answer:
        problem = next(tries)
        if problem is not None:
            raise problem
        return Answer("yes", usage=Usage(input_tokens=7))

    answer = await _meter(Replying(reply)).answer("?")
    assert Usage(input_tokens=7, attempts=2) == answer.usage


async def test_secrets_never_reach_the_message() -> None:
    """Failures are stored and shown."""
    register("sk-very-secret-value")
    answer = await _meter(Failing(ValueError("401 for sk-very-secret-value"))).answer("?")
    assert answer.failure is not None
    assert answer.failure.message == "ValueError: 401 for ***"


async def test_long_messages_are_cut() -> None:
    """A provider may answer with a page of HTML."""
    assert len(failure_of(ValueError("x" * 10_000)).message) == 500


async def test_a_message_that_is_no_text_is_made_one() -> None:
    """A lone surrogate cannot be written to any store or page."""
    assert failure_of(ValueError("half \ud800")).message == "ValueError: half ?"


async def test_the_users_own_mistake_is_raised() -> None:
    """A candidate that cannot be right is no data point: the user must be told."""
    with pytest.raises(CandidateError, match="no column"):
        await _meter(Failing(CandidateError("no column 'txt'."))).answer("?")


async def test_cancellation_passes_through() -> None:
    """Ctrl-C must work."""
    task = asyncio.ensure_future(_meter(Slow("x", 60)).answer("?"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    "answer",
    [
        Answer(object()),  # type: ignore[arg-type]
        Answer({"a": {1j}}),  # type: ignore[dict-item]
        Answer("x", probabilities={"x": float("nan")}),
        Answer("x", probabilities={"x": "high"}),  # type: ignore[dict-item]
        Answer("x", confidence=float("inf")),
        Answer("x", confidence="high"),  # type: ignore[arg-type]
        Answer("half a character: \ud800"),
        Answer("x", model=7),  # type: ignore[arg-type]
    ],
)
async def test_what_cannot_be_stored_is_a_failure(answer: Answer) -> None:
    """Better one failed answer than a run lost when it is written."""
    got = await _meter(Replying(lambda input: answer)).answer("?")
    assert got.failure is not None
    assert got.failure.kind == "raised"


@pytest.mark.parametrize("output", ["", "naïve 東京 🙂", None, 0, -1.5, True, [1, {"a": None}], {"": []}], ids=str)
async def test_whatever_is_json_passes(output: JSON) -> None:
    """Raw means raw."""
    assert (await _meter(Constant(output)).answer("?")).output == output


async def test_a_model_that_does_not_return_an_answer_is_told_how() -> None:
    """The commonest mistake of whoever writes a model."""

    class Wrong(Fake):
        async def _reply(self, input: object) -> Answer:
            return "positive"  # type: ignore[return-value]

    answer = await _meter(Wrong()).answer("?")
    assert answer.failure is not None
    assert "returned a str, not an Answer" in answer.failure.message
