"""The batcher: batches are gathered, seconds are honest, and nothing that one input does hurts another."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import pytest

from merits.candidates.batcher import Batcher, in_thread
from merits.candidates.meter import Meter
from merits.candidates.turns import Turns
from merits.core.answer import Answer, Usage
from merits.core.doors import Model, Trainable
from merits.core.identity import JSON
from merits.core.task import Example


async def _outputs(model: Batcher, inputs: Sequence[JSON]) -> list[JSON | str]:
    answers = await asyncio.gather(*(model.answer(input) for input in inputs), return_exceptions=True)
    await model.close()
    return [a.output if isinstance(a, Answer) else type(a).__name__ for a in answers]


async def test_concurrent_calls_are_gathered_into_batches() -> None:
    """A local model is fast in batches only."""
    sizes = []

    def batch(inputs: Sequence[JSON]) -> list[Answer]:
        sizes.append(len(inputs))
        return [Answer(input) for input in inputs]

    model = Batcher(batch, batch_size=32, fingerprint="f", timeout_s=5)
    assert list(range(100)) == await _outputs(model, range(100))
    assert sizes == [32, 32, 32, 4]


async def test_each_caller_gets_its_own_answer_with_its_share_of_the_time() -> None:
    """The machine is paid by the hour, so a batch's seconds are shared out."""

    def batch(inputs: Sequence[JSON]) -> list[Answer]:
        time.sleep(0.04)
        return [Answer(input, usage=Usage(output_tokens=3)) for input in inputs]

    model = Batcher(batch, batch_size=4, fingerprint="f", timeout_s=5)
    answers = await asyncio.gather(*(model.answer(n) for n in range(4)))
    await model.close()
    assert [a.output for a in answers] == [0, 1, 2, 3]
    assert all(a.latency_s == pytest.approx(4 * a.usage.machine_s) for a in answers)
    assert all(0.04 <= a.latency_s < 0.4 for a in answers)
    assert [a.usage.output_tokens for a in answers] == [3] * 4


async def test_waiting_for_a_turn_is_not_in_the_latency() -> None:
    """A candidate must not look slow because another one was computing."""

    def work(input: JSON) -> Answer:
        time.sleep(0.05)
        return Answer("done")

    models = [Batcher.each(work, fingerprint="f", timeout_s=5) for _ in range(6)]
    answers = await asyncio.gather(*(model.answer("x") for model in models for _ in range(2)))
    assert max(a.latency_s for a in answers) < 0.15


async def test_an_input_that_raises_fails_alone_one_by_one() -> None:
    """One malformed row must not cost the others of its batch."""

    def work(input: JSON) -> Answer:
        if input == 2:
            raise ValueError("two")
        return Answer(input)

    assert await _outputs(Batcher.each(work, fingerprint="f", timeout_s=5), range(4)) == [0, 1, "ValueError", 3]


async def test_an_input_that_raises_fails_alone_in_a_batch() -> None:
    """A batch that raises as a whole is tried one by one, which finds the culprit."""

    def batch(inputs: Sequence[JSON]) -> list[Answer]:
        if 2 in inputs:
            raise ValueError("two")
        return [Answer(input) for input in inputs]

    model = Batcher(batch, batch_size=8, fingerprint="f", timeout_s=5)
    assert await _outputs(model, range(4)) == [0, 1, "ValueError", 3]


async def test_an_exception_among_the_answers_is_that_inputs_failure() -> None:
    """The documented way for a batch to say which input failed."""

    def batch(inputs: Sequence[JSON]) -> list[Answer | Exception]:
        return [MemoryError("big") if input == 1 else Answer(input) for input in inputs]

    model = Batcher(batch, batch_size=8, fingerprint="f", timeout_s=5)
    assert await _outputs(model, range(3)) == [0, "MemoryError", 2]


@pytest.mark.parametrize("problem", [StopIteration(), SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
async def test_exceptions_that_asyncio_treats_specially_are_ordinary_failures(problem: BaseException) -> None:
    """A model that calls sys.exit must not end the evaluation, and StopIteration cannot be set on a future."""

    def work(input: JSON) -> Answer:
        raise problem

    assert await _outputs(Batcher.each(work, fingerprint="f", timeout_s=5), ["x"]) == ["RuntimeError"]


async def test_a_batch_of_the_wrong_length_fails_and_says_so() -> None:
    """Answers that cannot be paired with inputs are worth nothing."""
    model = Batcher(lambda inputs: [Answer("only one")] * 3, batch_size=8, fingerprint="f", timeout_s=5)
    with pytest.raises(TypeError, match="gave 3 answers to 2 inputs"):
        await asyncio.gather(model.answer(1), model.answer(2))
    await model.close()


async def test_something_that_is_not_an_answer_fails_and_says_so() -> None:
    """The commonest mistake of whoever writes a model."""
    model = Batcher.each(lambda input: "positive", fingerprint="f", timeout_s=5)  # type: ignore[arg-type,return-value]
    with pytest.raises(TypeError, match="gave a str, not an Answer"):
        await model.answer("x")
    await model.close()


async def test_a_hanging_input_fails_alone_and_the_rest_go_on_in_a_new_thread() -> None:
    """A function that never returns cannot be stopped, but it must not stop the others."""
    forever = threading.Event()

    def work(input: JSON) -> Answer:
        if input == 1:
            forever.wait()
        return Answer(input)

    model = Batcher.each(work, fingerprint="f", timeout_s=0.1)
    assert await _outputs(model, range(4)) == [0, "TimeoutError", 2, 3]
    forever.set()


async def test_answers_before_a_hanging_one_are_not_lost() -> None:
    """They were finished."""
    forever = threading.Event()
    asked: list[JSON] = []

    def work(input: JSON) -> Answer:
        asked.append(input)
        if input == 3:
            forever.wait()
        return Answer(input)

    outputs = await _outputs(Batcher.each(work, fingerprint="f", timeout_s=0.1), range(6))
    forever.set()
    assert outputs == [0, 1, 2, "TimeoutError", 4, 5]
    assert asked == [0, 1, 2, 3, 4, 5]


async def test_a_hanging_batch_fails_and_the_next_one_is_answered() -> None:
    """A batch cannot be told apart from the outside: it fails as one."""
    forever = threading.Event()

    def batch(inputs: Sequence[JSON]) -> list[Answer]:
        if 0 in inputs:
            forever.wait()
        return [Answer(input) for input in inputs]

    model = Batcher(batch, batch_size=2, fingerprint="f", timeout_s=0.1)
    assert await _outputs(model, range(4)) == ["TimeoutError", "TimeoutError", 2, 3]
    forever.set()


async def test_hanging_models_do_not_starve_the_others() -> None:
    """More models hang than there are turns; a turn is lent when a step takes too long."""
    forever = threading.Event()

    def hang(input: JSON) -> Answer:
        forever.wait()
        return Answer("late")

    broken = [Batcher.each(hang, fingerprint="h", timeout_s=60) for _ in range((os.cpu_count() or 1) + 1)]
    waiting = [asyncio.ensure_future(model.answer("x")) for model in broken]
    await asyncio.sleep(0)
    good = Batcher.each(lambda input: Answer("here"), fingerprint="g", timeout_s=5)
    answer = await asyncio.wait_for(good.answer("x"), 20)
    assert answer.output == "here"
    forever.set()
    await asyncio.gather(*waiting)


async def test_a_cancelled_call_is_not_computed() -> None:
    """Whoever no longer waits must not cost the others time."""
    asked: list[JSON] = []
    entered, go_on = threading.Event(), threading.Event()

    def work(input: JSON) -> Answer:
        asked.append(input)
        entered.set()
        go_on.wait(5)
        return Answer(input)

    model = Batcher.each(work, fingerprint="f", timeout_s=5, batch_size=4)
    calls = [asyncio.ensure_future(model.answer(n)) for n in range(3)]
    await in_thread(lambda: entered.wait(5))
    calls[1].cancel()
    await asyncio.sleep(0)
    go_on.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(results[1], asyncio.CancelledError)
    assert asked == [0, 2]
    await model.close()


async def test_calls_cancelled_while_they_wait_are_left_out_of_batches() -> None:
    """After Ctrl-C nothing more is computed."""
    batches: list[list[JSON]] = []
    go_on = threading.Event()

    def batch(inputs: Sequence[JSON]) -> list[Answer]:
        batches.append(list(inputs))
        go_on.wait(5)
        return [Answer(input) for input in inputs]

    model = Batcher(batch, batch_size=2, fingerprint="f", timeout_s=5)
    calls = [asyncio.ensure_future(model.answer(n)) for n in range(9)]
    await asyncio.sleep(0.01)
    for call in calls[2:8]:
        call.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*calls, return_exceptions=True)
    assert batches == [[0, 1], [8]]
    await model.close()


async def test_finished_answers_do_not_wait_for_a_slow_batch() -> None:
    """What is finished is stored: a killed run loses little."""
    go_on = threading.Event()

    def work(input: JSON) -> Answer:
        time.sleep(0.03)
        if input == 2:
            go_on.wait(5)
        return Answer(input)

    model = Batcher.each(work, fingerprint="f", timeout_s=10)
    calls = [asyncio.ensure_future(model.answer(n)) for n in range(3)]
    first = await asyncio.wait_for(calls[0], 5)
    assert first.output == 0
    assert not calls[2].done()
    go_on.set()
    await asyncio.gather(*calls)


def test_a_batcher_outlives_the_loop_it_was_first_called_from() -> None:
    """An interrupted evaluation leaves callers behind; the next one starts afresh."""
    forever = threading.Event()

    def work(input: JSON) -> Answer:
        if input == "hang":
            forever.wait()
        return Answer(input)

    model = Batcher.each(work, fingerprint="f", timeout_s=30)

    async def interrupted() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(model.answer("hang"), 0.05)

    asyncio.run(interrupted())
    assert asyncio.run(model.answer("fine")).output == "fine"
    forever.set()


def test_it_is_trainable_only_with_a_fit() -> None:
    """Training data is part of a version only for what learns from it."""
    plain = Batcher.each(Answer, fingerprint="f", timeout_s=1)
    seen: list[Example] = []
    trained = Batcher.each(Answer, fingerprint="f", timeout_s=1, fit=seen.extend)
    assert isinstance(plain, Model)
    assert not isinstance(plain, Trainable)
    assert isinstance(trained, Trainable)
    trained.fit([Example("1", "a", "b")])
    assert [example.id for example in seen] == ["1"]


async def test_close_releases_once_and_may_be_called_twice() -> None:
    """The contract of `Model.close`."""
    released = []
    model = Batcher.each(Answer, fingerprint="f", timeout_s=1, close=lambda: released.append(1))
    await model.answer("x")
    await model.close()
    await model.close()
    assert released == [1]


def test_nothing_starts_at_import_or_construction() -> None:
    """Threads at import surprise whoever forks."""
    before = threading.active_count()
    Batcher.each(Answer, fingerprint="f", timeout_s=1)
    assert before == threading.active_count()


def test_a_hanging_model_does_not_keep_the_process_alive() -> None:
    """Ctrl-C must end the program even when a model never returns."""
    script = """
import asyncio, threading
from merits.candidates.batcher import Batcher
async def main():
    model = Batcher.each(lambda input: threading.Event().wait(), fingerprint="f", timeout_s=0.1)
    try:
        await model.answer("x")
    except TimeoutError:
        print("timed out")
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "timed out"


async def test_the_meter_and_the_batcher_answer_many_inputs_in_order_of_asking() -> None:
    """The whole path of a local model, thousands of times."""
    meter = Meter(Batcher.each(Answer, fingerprint="f", timeout_s=5), timeout_s=5, retries=3)
    answers = await asyncio.gather(*(meter.answer(n) for n in range(5000)))
    assert list(range(5000)) == [a.output for a in answers]


def test_turns_go_to_whoever_waits_longest() -> None:
    """Otherwise the thread that gives back takes again at once."""
    turns, order = Turns(1), list[str]()
    first = turns.take()

    def work(name: str) -> None:
        turn = turns.take()
        order.append(name)
        turn.give_back()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for waiting, thread in enumerate(threads, start=1):
        thread.start()
        while len(turns._waiting) < waiting:
            time.sleep(0.001)
    first.give_back()
    for thread in threads:
        thread.join(5)
    assert order == ["a", "b", "c"]


async def test_an_exception_in_a_thread_reaches_the_caller() -> None:
    """`in_thread` runs fits: what they raise must be seen."""

    def work() -> None:
        raise ValueError("one class only")

    with pytest.raises(ValueError, match="one class only"):
        await in_thread(work)


def test_models_that_have_others_learn_do_not_wait_for_one_another() -> None:
    """More of them than there are turns: each held its own, and waited for another one for what it is made of."""

    def made() -> Batcher:
        inner = Batcher(lambda inputs: [], batch_size=1, fingerprint="inner", timeout_s=10, fit=lambda examples: None)

        def fit(examples: Sequence[Example]) -> None:
            time.sleep(0.05)  # until all have begun
            inner.fit(examples)

        return Batcher(lambda inputs: [], batch_size=1, fingerprint="outer", timeout_s=10, fit=fit)

    threads = [threading.Thread(target=made().fit, args=([],), daemon=True) for _ in range(4 * (os.cpu_count() or 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert not any(thread.is_alive() for thread in threads)
