"""The limiter finds how much a provider bears, keeps what it is told, and never lets one call wait for ever."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter

import pytest

from merits.candidates.limiter import CEILING, Limiter, limiter_for
from merits.candidates.meter import AskFailed, Meter
from merits.core.answer import Answer, Failure, Usage
from merits.core.identity import JSON
from merits.core.limits import Limits
from merits.testing.provider.limits import Limits as Enforced
from merits.testing.provider.limits import Throttle
from tests.candidates.providers import Remote, ask, failures, now
from tests.candidates.virtual_time import in_no_time


def test_the_level_doubles_with_each_round_trip_up_to_the_ceiling() -> None:
    """A provider that bears everything is soon asked as much as one process keeps up with."""

    async def work() -> tuple[Remote, float]:
        model = Remote(latency_s=0.5)
        model.limiter.use(ceiling=CEILING)
        await ask(model, 4 + 8 + 16 + 32 + 64)
        return model, now()

    model, seconds = in_no_time(work())
    assert seconds == pytest.approx(2.5)
    assert 64 <= model.most_in_flight <= CEILING


def test_the_users_ceiling_is_never_passed() -> None:
    """`concurrency: 10` means ten."""

    async def work() -> Remote:
        model = Remote()
        model.limiter.use(ceiling=10)
        await ask(model, 500)
        return model

    assert in_no_time(work()).most_in_flight == 10


def test_time_outs_within_one_round_trip_cut_once() -> None:
    """A hundred calls that hang together are one piece of news."""
    time = 0.0
    limiter = Limiter(clock=lambda: time)
    limiter.heard(200, {})
    limiter.level, limiter.in_flight, limiter._round_trip_s = 100.0, 100, 1.0
    levels = []
    for _ in range(3):
        limiter.failed(timed_out=True)
        levels.append(round(limiter.level, 1))
    assert levels == [95.0, 95.0, 95.0]
    time = 10.0
    limiter.failed(timed_out=True)
    assert limiter.level < 91


def test_one_call_in_twenty_refused_at_random_costs_little() -> None:
    """It is no sign of overload: everything is answered, at hardly a lower rate."""

    async def work(share: float) -> tuple[list[Answer], float]:
        draw = random.Random(3)
        model = Remote(latency_s=0.5, refuses=lambda: draw.random() < share)
        return await ask(model, 12_000), now()

    answers, seconds = in_no_time(work(0.05))
    assert failures(answers) == 0
    assert seconds <= 1.2 * in_no_time(work(0.0))[1]


@pytest.mark.parametrize("tells", [True, False], ids=["told in headers", "not told"])
def test_an_enforced_limit_is_used_and_not_run_against(tells: bool) -> None:
    """At least nine tenths of the allowed rate and nothing lost; where the provider tells, hardly a refusal.

    Where it tells nothing, refusals are the only news.
    """
    limits = Enforced(requests=600, burst=0.02, told=tells)

    async def work() -> tuple[Remote, list[Answer], float]:
        model = Remote(latency_s=0.8, enforced=limits, tells=tells)
        return model, await ask(model, 1800), now()

    model, answers, seconds = in_no_time(work())
    assert failures(answers) == 0
    assert 1800 / seconds >= 0.9 * 10
    assert model.statuses[429] <= (10 if tells else 200)


@pytest.mark.parametrize("burst", [0.02, 1.0], ids=["even", "with a burst"])
@pytest.mark.parametrize("latency_s", [0.3, 0.8])
def test_a_rate_limit_that_nobody_told_is_found(burst: float, latency_s: float) -> None:
    """Few refusals, where growing by a call a round trip met it with 13 to 29 in a hundred; the rate is the limit's."""
    limits = Enforced(requests=1200, burst=burst, told=False)

    async def work() -> tuple[Remote, list[Answer], float]:
        model = Remote(latency_s=latency_s, enforced=limits, tells=False)
        return model, await ask(model, 6000), now()

    model, answers, seconds = in_no_time(work())
    assert failures(answers) == 0
    assert (6000 - 1200 * burst) / seconds >= 0.9 * 20
    assert model.statuses[429] <= 0.12 * model.statuses.total()


@pytest.mark.parametrize(
    ("per_minute", "latency_s", "tokens"), [(60, 3.0, 0), (600, 3.0, 0), (150, 1.0, 0), (0, 1.0, 60_000)]
)
def test_a_limit_that_nobody_told_is_used_where_latencies_are_long_and_spread(
    per_minute: int, latency_s: float, tokens: int
) -> None:
    """Requests or tokens a minute: nine tenths of the limit, where it was six, and under one call in ten refused."""
    draw = random.Random(5)
    limits = Enforced(per_minute or None, tokens or None, burst=0.05, told=False)
    per_s = per_minute / 60 or tokens / 6000
    n = round(600 * per_s)

    async def work() -> tuple[Remote, list[Answer], float]:
        latency = lambda: latency_s * draw.lognormvariate(0.0, 0.6)  # noqa: E731
        model = Remote(latency_s=latency, enforced=limits, tells=False, tokens=100)
        return model, await ask(model, n), now()

    model, answers, seconds = in_no_time(work())
    assert failures(answers) == 0
    assert n / seconds >= 0.88 * per_s
    assert model.statuses[429] <= 0.1 * model.statuses.total()


@pytest.mark.parametrize(("before", "after"), [(600, 200), (200, 600)])
def test_a_limit_that_changes_is_followed(before: int, after: int) -> None:
    """A provider lowers a limit when it is busy, and raises it when one has paid."""

    async def work() -> tuple[Remote, float]:
        model = Remote(latency_s=1.0, enforced=Enforced(before, burst=0.02, told=False), tells=False)
        await ask(model, before * 3)
        model.throttle = Throttle(Enforced(after, burst=0.02, told=False), now())
        start = now()
        await ask(model, after * 5)
        return model, now() - start

    model, seconds = in_no_time(work())
    assert 300 / seconds >= 0.85
    assert model.statuses[429] <= 0.1 * model.statuses.total()


def test_who_refused_everything_for_a_minute_is_soon_asked_as_before() -> None:
    """An outage is no limit."""

    async def work() -> float:
        model = Remote(latency_s=0.5, refuses=lambda: 30 < now() < 90, tells=False)
        model.limiter.use(ceiling=20)
        await ask(model, 40 * 230)
        return now()

    assert in_no_time(work()) < 90 + 200 + 60


@pytest.mark.parametrize("bears", [4, 8, 20])
@pytest.mark.parametrize("spread", [0.0, 0.6])
def test_a_limit_of_calls_at_once_that_nobody_told_is_found(bears: int, spread: float) -> None:
    """Where one more than it bears is refused at once, more is tried seldom: up to 27 calls in a hundred were."""
    draw = random.Random(5)
    mean_s = 0.5 * math.exp(spread**2 / 2)

    async def work() -> tuple[Remote, list[Answer], float]:
        model = Remote(latency_s=lambda: 0.5 * draw.lognormvariate(0.0, spread), bears=bears, tells=False)
        return model, await ask(model, bears * 300), now()

    model, answers, seconds = in_no_time(work())
    assert failures(answers) == 0
    assert bears * 300 / seconds >= 0.9 * bears / mean_s
    assert model.statuses[429] <= 0.1 * model.statuses.total()


def test_refusals_at_random_are_taken_for_no_limit() -> None:
    """One in ten: calls are not spaced for it, or not for long."""

    async def work() -> float:
        draw = random.Random(3)
        await ask(Remote(latency_s=0.5, refuses=lambda: draw.random() < 0.1), 4000)
        return now()

    assert 4000 / in_no_time(work()) > 25


def test_retry_after_holds_everybody_back() -> None:
    """Not only the call that was refused."""

    async def work() -> Remote:
        model = Remote(latency_s=0.1)
        model.limiter.heard(429, {"retry-after": "20"})
        await ask(model, 20)
        return model

    assert min(in_no_time(work()).answered_at) >= 20


@pytest.mark.parametrize(
    ("limits", "per_s"),
    [(Limits(requests_per_minute=300), 5.0), (Limits(tokens_per_minute=6000), 10.0)],
    ids=["requests", "tokens"],
)
def test_the_users_limits_are_kept_and_used(limits: Limits, per_s: float) -> None:
    """No minute holds more than was allowed (and what one second may bring), and none much less."""

    async def work() -> Remote:
        model = Remote(latency_s=0.3)
        model.limiter.use(limits=limits)
        await ask(model, int(per_s * 180))
        return model

    at = in_no_time(work()).answered_at
    for start in (0.0, 30.0, 90.0):
        n = sum(start <= moment < start + 60 for moment in at)
        assert 0.9 * 60 * per_s <= n <= 61 * per_s + CEILING * 0.1


def test_a_small_server_of_ones_own_is_not_asked_faster_than_it_answers() -> None:
    """Its measured latency would otherwise be that of our own queue."""

    async def work() -> tuple[Remote, float]:
        model = Remote(latency_s=0.5, slots=4)
        await ask(model, 1000)
        return model, now()

    model, seconds = in_no_time(work())
    assert model.most_in_flight <= 32
    assert 4 <= model.limiter.level <= 13
    assert seconds <= 1.05 * 1000 * 0.5 / 4


def test_a_hang_is_found_out_in_seconds_and_answered_the_second_time() -> None:
    """It costs ten seconds of one place in flight, not a minute."""

    async def work() -> tuple[list[Answer], float]:
        asked: Counter[JSON] = Counter()

        class Hanging(Remote):
            async def answer(self, input: JSON) -> Answer:
                asked[input] += 1
                if input == 900 and asked[input] == 1:
                    await asyncio.sleep(3600)
                return await super().answer(input)

        return await ask(Hanging(latency_s=0.5), 1000), now()

    answers, seconds = in_no_time(work())
    assert failures(answers) == 0
    assert seconds < 25
    late = [answer.usage for answer in answers if answer.usage.attempts > 1]
    assert late == [Usage(input_tokens=10, attempts=2, unmetered=1)]


def test_what_hangs_from_the_beginning_is_found_out_as_soon() -> None:
    """Nobody knew then how long an answer takes; the deadline of who waits already is brought forward."""

    async def work() -> tuple[list[Answer], float]:
        asked: Counter[JSON] = Counter()

        class Hanging(Remote):
            async def answer(self, input: JSON) -> Answer:
                asked[input] += 1
                if input == 0 and asked[input] == 1:
                    await asyncio.sleep(3600)
                return await super().answer(input)

        return await ask(Hanging(latency_s=0.5), 500), now()

    answers, seconds = in_no_time(work())
    assert failures(answers) == 0
    assert seconds < 20


def test_a_slow_answer_is_waited_for_longer_each_time() -> None:
    """What takes half a minute by its nature must not be cut off at ten seconds for ever."""

    async def work() -> Answer:
        model = Remote(latency_s=0.1)
        await ask(model, 100)
        model.latency_s = 35.0
        return (await ask(model, 1))[0]

    answer = in_no_time(work())
    assert (answer.output, answer.usage.attempts) == ("yes", 3)


class Loading(Remote):
    """Replies to nothing before `ready_at`, as a server that loads a model."""

    ready_at = float("inf")

    async def answer(self, input: JSON) -> Answer:
        await asyncio.sleep(max(0.0, self.ready_at - now()) if self.ready_at != float("inf") else 10_000)
        return await super().answer(input)


def test_who_never_replies_is_tried_twice_and_not_until_the_deadline() -> None:
    """Two to three minutes by default, and not ten."""

    async def work() -> tuple[list[Answer], float]:
        model = Loading()
        return await ask(model, 4), now()

    answers, seconds = in_no_time(work())
    assert failures(answers) == 4
    assert 8 <= sum(answer.usage.attempts for answer in answers) <= 10
    assert 120 <= seconds < 190


@pytest.mark.parametrize("ready_at", [55.0, 100.0])
def test_a_server_that_loads_its_model_first_is_waited_for(ready_at: float) -> None:
    """And so is one that takes almost a minute for each answer."""

    async def work() -> list[Answer]:
        model = Loading()
        model.ready_at = ready_at
        return await ask(model, 20)

    assert failures(in_no_time(work())) == 0


def test_a_model_that_takes_almost_a_minute_is_asked_to_the_end() -> None:
    async def work() -> list[Answer]:
        return await ask(Remote(latency_s=58.0), 40)

    assert failures(in_no_time(work())) == 0


def test_the_deadline_of_an_example_holds_for_all_its_attempts_and_waits() -> None:
    """A provider that refuses for an hour must not hold a run for an hour."""

    async def work() -> tuple[Answer, float]:
        model = Remote(refuses=lambda: True, tells=False)
        meter = Meter(model, timeout_s=60, retries=50, deadline_s=45, clock=now)
        return await meter.answer("?"), now()

    answer, seconds = in_no_time(work())
    assert answer.failure is not None
    assert answer.failure.message.endswith("(not tried again: deadline_s is 45)")
    assert 10 < seconds <= 45


def test_waiting_for_a_turn_is_not_on_the_deadline() -> None:
    """With ten requests a minute the last of a hundred waits ten minutes for its turn."""

    async def work() -> list[Answer]:
        model = Remote(latency_s=0.1)
        model.limiter.use(limits=Limits(requests_per_minute=10))
        return await ask(model, 200)

    assert failures(in_no_time(work())) == 0


def test_who_is_cancelled_while_waiting_leaves_no_hole() -> None:
    """A given-up candidate that shares a limiter must not take turns with it."""

    async def work() -> None:
        limiter = Limiter(clock=now)
        limiter.use(ceiling=1)
        assert limiter.take()
        waiting = [asyncio.ensure_future(limiter.turn()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        limiter.left()
        waiting[1].cancel()  # its turn has come, and it does not know yet
        await asyncio.sleep(0)
        await asyncio.wait_for(waiting[2], 1)
        limiter.left()
        assert limiter.in_flight == 0

    in_no_time(work())


def test_hedging_starts_a_second_attempt_and_counts_both() -> None:
    """Off by default, because both may be on the bill."""

    async def work() -> tuple[Answer, float, Remote]:
        model = Remote(latency_s=0.1)
        slow = iter([30.0])

        class Once(Remote):
            async def answer(self, input: JSON) -> Answer:
                await asyncio.sleep(next(slow, 0.0))
                return await super().answer(input)

        model = Once(latency_s=0.1)
        answers = await ask(model, 1, hedge_after_s=1.0)
        return answers[0], now(), model

    answer, seconds, model = in_no_time(work())
    assert seconds == pytest.approx(1.1)
    assert (answer.output, answer.usage.attempts, answer.usage.unmetered) == ("yes", 2, 1)
    assert model.limiter.in_flight == 0


def test_two_hedged_failures_are_two_attempts() -> None:
    """Both calls were made, whatever came of them."""

    async def work() -> Answer:
        class Failing(Remote):
            async def answer(self, input: JSON) -> Answer:
                await asyncio.sleep(2)
                raise AskFailed(Failure("bad_request", "400"))

        return (await ask(Failing(), 1, hedge_after_s=1.0))[0]

    answer = in_no_time(work())
    assert answer.failure is not None
    assert (answer.failure.kind, answer.usage.attempts) == ("bad_request", 2)


def test_the_same_model_at_the_same_address_is_limited_once() -> None:
    """Two prompts for one model share its provider's limit; two models do not."""
    one = limiter_for("https://host/v1", "m")
    assert limiter_for("https://host/v1", "m") is one
    assert limiter_for("https://host/v1", "n") is not one
    assert limiter_for("https://other/v1", "m") is not one
