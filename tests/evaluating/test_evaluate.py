"""Evaluating: asked once, stored before it is counted, scored without blaming anybody for what is not his fault."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from merits.candidates.meter import AskFailed
from merits.core.answer import Answer, Failure, Usage
from merits.core.candidate import Candidate
from merits.core.doors import AnswerKey, Store
from merits.core.errors import CandidateError, DiskFull, ProviderError, TaskError
from merits.core.identity import JSON
from merits.core.outcome import Score, Status
from merits.core.task import Example, ScorerSpec
from merits.deciding.decide import decide
from merits.evaluating import evaluate, plan
from merits.evaluating.scoring import Judge
from merits.scorers.python import as_spec
from merits.store import SqliteStore, open_store
from merits.testing.models import Constant, Failing, Fake, Flaky, OffList, Replying, Slow
from tests.evaluating.making import Learner, Watcher, named, parity, run, task


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(":memory:")
    yield opened
    opened.close()


def test_outcomes_stand_in_columns_in_the_order_of_candidates_and_examples(store: Store) -> None:
    """Everything later reads them by position."""
    of = task(6)
    evaluation = run(of, named(always=Constant("even"), right=Replying(parity), off=OffList()), store)
    assert evaluation.names == ("always", "right", "off")
    assert evaluation.examples.tolist() == [f"test{i}" for i in range(6)]
    assert evaluation.solved.tolist() == [[True, False] * 3, [True] * 6, [False] * 6]
    assert (evaluation.status == Status.SCORED).all()
    assert evaluation.labels is not None
    assert evaluation.labels.target.tolist() == [0, 1] * 3
    assert evaluation.labels.predicted.tolist() == [[0] * 6, [0, 1] * 3, [-1] * 6]
    assert (evaluation.task, evaluation.split, evaluation.scorer) == (of.id, "test", "label")
    assert (evaluation.latency_s > 0).all()


def test_an_off_list_answer_is_scored_and_not_solved(store: Store) -> None:
    """The model answered, unusably: that is its fault, and no failure."""
    evaluation = run(task(4), named(off=OffList()), store)
    assert (evaluation.status == Status.SCORED).all()
    assert not evaluation.solved.any()


@pytest.mark.parametrize("given", [{"even": -1.0, "odd": 2.0}, {"even": 0.9, "odd": 0.9}])
def test_odd_probabilities_are_no_record_and_the_answer_counts(store: Store, given: dict[str, float]) -> None:
    """What is stored once would otherwise end every later run as well."""

    def sure(input: JSON) -> Answer:
        return Answer(parity(input).output, probabilities=given, confidence=7.0)

    evaluation = run(task(), named(sure=sure), store)
    assert evaluation.solved.all()
    assert evaluation.labels is not None
    assert not evaluation.labels.probabilities
    assert not evaluation.confidence


def test_running_again_asks_nothing_and_says_the_same(store: Store) -> None:
    """Nothing is paid for twice."""
    model, of = Replying(parity), task()
    candidates = named(right=model)
    first = run(of, candidates, store)
    n_asked = len(model.asked)
    again = run(of, candidates, store)
    assert n_asked == len(model.asked) == 40
    assert np.array_equal(first.solved, again.solved)
    assert np.array_equal(first.latency_s, again.latency_s)
    assert again.facts["asked"] == "0"


def test_a_changed_scorer_scores_again_without_asking(store: Store) -> None:
    """Answers are facts, scores are opinions."""
    model = Constant("Even")
    candidates = named(c=model)
    assert run(task(4), candidates, store).solved.tolist() == [[True, False, True, False]]
    strict = run(task(4, scorers=[ScorerSpec("exact")]), candidates, store)
    assert not strict.solved.any()
    assert len(model.asked) == 4


def test_examples_that_were_added_are_the_only_ones_asked(store: Store) -> None:
    """Data grows; what was answered stays answered."""
    model = Replying(parity)
    candidates = named(right=model)
    run(task(10), candidates, store)
    model.asked.clear()
    run(task(12), candidates, store)
    assert sorted(map(str, model.asked)) == ["test 10", "test 11"]


def test_repeats_are_rows_of_their_own_in_one_group(store: Store) -> None:
    """A model that answers differently each time is asked several times; the answers are not independent."""
    model = Replying(parity)
    candidates = named(right=model)
    evaluation = run(task(3, repeats=2), candidates, store)
    assert len(model.asked) == 6
    assert evaluation.examples.tolist() == ["test0", "test0", "test1", "test1", "test2", "test2"]
    assert evaluation.repeats.tolist() == [0, 1] * 3
    assert evaluation.group.tolist() == [0, 0, 1, 1, 2, 2]
    run(task(3, repeats=3), candidates, store)
    assert len(model.asked) == 9


def test_duplicate_inputs_are_asked_once_and_scored_each(store: Store) -> None:
    """Two people label one text differently: one answer, two outcomes."""
    examples = [Example("a", "same 0", "even"), Example("b", "same 0", "odd"), Example("c", "other 1", "odd")]
    model = Replying(parity)
    evaluation = run(task(examples=examples), named(right=model), store)
    assert len(model.asked) == 2
    assert evaluation.solved.tolist() == [[True, False, True]]


def test_duplicates_are_no_evidence_of_their_own(store: Store) -> None:
    """30 questions, each in the data twenty times, show what 30 answers can show."""
    examples = [Example(f"{n}", f"test {n % 30}", "odd" if n % 2 else "even") for n in range(600)]
    evaluation = run(task(examples=examples), named(right=Replying(parity)), store)
    shown = decide(evaluation).standings[0].quality
    assert shown is not None
    assert (shown.n, shown.value) == (30, 1.0)
    assert shown.low is not None
    assert shown.low < 0.92


def test_groups_and_tags_of_the_examples_are_kept(store: Store) -> None:
    """Clusters widen intervals, tags are slices."""
    examples = [
        Example("a", "x 0", "even", group="mary", tags={"shop": "north"}),
        Example("b", "x 1", "odd"),
        Example("c", "x 2", "even", group="mary", tags={"shop": "south"}),
        Example("mary", "x 3", "odd"),
    ]
    evaluation = run(task(examples=examples), named(right=Replying(parity)), store)
    assert evaluation.group.tolist() == [0, 1, 0, 2]
    assert {name: texts.tolist() for name, texts in evaluation.tags.items()} == {"shop": ["north", "", "south", ""]}


def test_tokens_probabilities_and_confidence_are_columns(store: Store) -> None:
    """Costs and calibration are worked out from them."""

    def reply(input: object) -> Answer:
        usage = Usage(input_tokens=12, cache_read_tokens=3, output_tokens=1)
        return Answer("Even", {"EVEN": 0.75, "odd": 0.25}, 0.75, usage)

    evaluation = run(task(2), named(a=Constant("odd"), b=Replying(reply)), store)
    assert {name: counts.tolist() for name, counts in evaluation.tokens.items()} == {
        "input": [[0, 0], [12, 12]],
        "cache_read": [[0, 0], [3, 3]],
        "output": [[0, 0], [1, 1]],
    }
    assert evaluation.labels is not None
    assert {i: p.tolist() for i, p in evaluation.labels.probabilities.items()} == {1: [[0.75, 0.25]] * 2}
    assert {i: c.tolist() for i, c in evaluation.confidence.items()} == {1: [0.75, 0.75]}


# failures


def test_a_candidate_that_raises_now_and_then_has_failed_rows(store: Store) -> None:
    """Failed is not wrong."""

    def reply(input: object) -> Answer:
        if str(input).endswith("3"):
            raise ValueError("no threes")
        return parity(str(input))

    watcher = Watcher()
    evaluation = run(task(10), named(picky=Replying(reply)), store, watcher=watcher)
    assert np.flatnonzero(evaluation.failed[0]).tolist() == [3]
    assert evaluation.scored.sum() == 9
    assert evaluation.facts["failures of picky"] == "1 raised (ValueError: no threes)"
    assert watcher.totals == {"picky": (10, 1)}


def test_failures_are_asked_again_on_resume(store: Store) -> None:
    """What could not be asked may be askable tomorrow."""
    model, fine = Flaky("even", 1), Replying(parity)
    candidates = named(flaky=model, fine=fine)
    first = run(task(4), candidates, store)
    assert first.failed[0].all()
    assert first.facts["failures of flaky"].startswith("4 connection (")
    before = plan(task(4), candidates, store=store)
    assert [(p.n_to_ask, p.n_failed_before, p.n_stored) for p in before.parts] == [(4, 4, 0), (0, 0, 4)]
    again = run(task(4), candidates, store)
    assert again.scored.all()
    assert "failures of flaky" not in again.facts
    assert len(model.asked) == 8


def test_attempts_of_failed_rows_are_kept(store: Store) -> None:
    """A failed attempt may cost money."""
    problem = AskFailed(Failure("bad_request", "400"))
    evaluation = run(task(2), named(fine=Constant("even"), bad=Failing(problem)), store)
    assert evaluation.attempts.tolist() == [[1, 1], [1, 1]]
    assert evaluation.latency_s[1].tolist() == [0, 0]


@pytest.mark.parametrize("problem", [ConnectionRefusedError(), AskFailed(Failure("server_error", "503"))])
def test_where_a_provider_goes_down_nobody_is_worse_for_having_been_asked_less(
    problem: Exception, store: Store
) -> None:
    """What could not be asked is in no figure, and not among what a candidate failed on; neither while the provider is
    still down and the run is given again. Once it is up, the rest is asked.
    """
    answered, up_after = {"first": 0, "second": 0}, {"first": 60, "second": 40}

    def dying(name: str) -> Replying:
        def reply(input: JSON) -> Answer:
            if answered[name] == up_after[name]:
                raise problem
            answered[name] += 1
            return parity(input)

        return Replying(reply, concurrency=4, fingerprint=name)

    candidates = named(first=dying("first"), second=dying("second"))
    for _ in range(2):
        cut = run(task(200), candidates, store)
        assert cut.scored.sum(axis=1).tolist() == [60, 40]
        assert cut.unasked is not None
        assert np.array_equal(cut.unasked, ~cut.scored)
        decision = decide(cut, task(200).needs)
        assert not [reason for reason in decision.reasons if "better than" in reason.text]
        assert {reason.candidate for reason in decision.reasons if reason.code == "refused"} == {"first", "second"}
        said = "Not asked of 200 questions, for a provider refused or was down: 140 to first and 160 to second."
        assert said in decision.summary
    up_after |= {"first": 200, "second": 200}
    assert run(task(200), candidates, store).scored.all()


def test_a_candidate_whose_first_20_asks_fail_is_given_up(store: Store) -> None:
    """What can never be answered must not be tried 100,000 times."""
    broken, watcher = Failing(AskFailed(Failure("bad_request", "400: no such model")), concurrency=4), Watcher()
    evaluation = run(task(100), named(broken=broken, fine=Replying(parity)), store, watcher=watcher)
    assert 20 <= len(broken.asked) <= 24
    assert evaluation.scored[1].all()
    assert evaluation.failed[0].sum() + (evaluation.status[0] == Status.MISSING).sum() == 100
    assert watcher.notes == [
        "broken: given up, the first 20 asks all failed, the last one with: 400: no such model. "
        "What it did not answer counts as missing."
    ]
    assert evaluation.facts["given up on broken"].startswith("the first 20 asks all failed")


def test_a_wrong_key_stops_its_candidate_after_three_calls_and_not_the_run(store: Store) -> None:
    """One of ten: the others are evaluated, and the reader is told which key to check."""
    fine = {f"fine {n}": Replying(parity, fingerprint=str(n)) for n in range(9)}
    wrong, watcher = Failing(AskFailed(Failure("unauthorised", "401: wrong key"))), Watcher()
    evaluation = run(task(100), named(wrong=wrong, **fine), store, watcher=watcher)
    assert 3 <= len(wrong.asked) <= 8 + 3
    assert evaluation.scored[1:].all()
    assert watcher.notes == [
        "wrong: given up, 3 asks in a row were refused, the last one with: 401: wrong key. "
        "What it did not answer counts as missing."
    ]


def test_a_connection_that_is_lost_for_good_ends_the_asking(store: Store) -> None:
    """It answered at first; 20 lost connections in a row say that it no longer does."""
    count = iter(range(1000))

    def reply(input: object) -> Answer:
        if next(count) >= 10:
            raise ConnectionResetError("gone")
        return parity(str(input))

    model = Replying(reply, concurrency=1)
    evaluation = run(task(100), named(gone=model), store)
    assert len(model.asked) == 30
    assert (evaluation.status[0] == Status.SCORED).sum() == 10
    assert (evaluation.status[0] == Status.MISSING).sum() == 70


def test_failures_among_answers_do_not_end_the_asking(store: Store) -> None:
    """Half of the inputs are too long for it: that is data."""
    count = iter(range(1000))

    def reply(input: object) -> Answer:
        if next(count) % 2:
            raise ConnectionResetError("now and then")
        return parity(str(input))

    model = Replying(reply, concurrency=1)
    run(task(100), named(half=model), store)
    assert len(model.asked) == 100


def test_a_function_that_always_hangs_is_given_up_early_and_starves_nobody(store: Store) -> None:
    """Every hang takes a whole time-out and leaves a thread behind."""
    forever = threading.Event()

    def hanging(text: str) -> str:
        forever.wait()
        return "even"

    evaluation = run(task(60, timeout_s=0.05), named(hanging=hanging, fine=Replying(parity)), store)
    forever.set()
    assert evaluation.scored[1].all()
    assert (evaluation.status[0] == Status.FAILED).sum() == 5
    assert "the first 5 asks all hung" in evaluation.facts["given up on hanging"]


def test_when_no_candidate_can_be_asked_it_says_why(store: Store) -> None:
    """There is nothing to decide on."""
    one = Failing(AskFailed(Failure("unauthorised", "401: wrong key.")))
    two = Failing(ConnectionRefusedError("nobody listens"))
    with pytest.raises(
        ProviderError, match=r"no candidate could be asked\. one: 401: wrong key; two: .*nobody listens"
    ):
        run(task(50), named(one=one, two=two), store)
    assert store.evaluation(task(50).id, "test") is None


def test_one_candidate_that_was_answered_is_enough(store: Store) -> None:
    """The others are shown as failed."""
    evaluation = run(task(3), named(bad=Failing(ValueError("no")), fine=Constant("even")), store)
    assert evaluation.failed[0].all()


# scorers that fail


def test_a_scorer_that_raises_leaves_outcomes_unscored(store: Store) -> None:
    """A judge that crashed must not count against the candidate."""

    def judge(example: Example, answer: Answer) -> bool:
        if example.id == "test1":
            raise KeyError("rubric")
        return True

    evaluation = run(task(4, scorers=[as_spec(judge)]), named(c=Constant("even")), store)
    assert evaluation.status.tolist() == [[Status.SCORED, Status.UNSCORED, Status.SCORED, Status.SCORED]]
    assert evaluation.facts["unscored"].startswith("1, ")
    assert "rubric" in evaluation.facts["unscored"]


def test_a_score_that_is_no_number_leaves_outcomes_unscored() -> None:
    """NaN is refused: it is neither right nor wrong."""
    judge = Judge([("nan", lambda example, answer: Score(float("nan"), True))])
    assert judge.score(Example("a", "x"), Answer("y")) is None
    assert judge.unscored == {"the scorer gave the value nan, which is not between 0 and 1": 1}


def test_all_scorers_are_asked_and_the_first_decides(store: Store) -> None:
    """Others are shown beside it."""
    scorers = [ScorerSpec("label"), ScorerSpec("exact", name="letter by letter")]
    evaluation = run(task(4, scorers=scorers), named(c=Constant("Even")), store)
    assert evaluation.solved.tolist() == [[True, False, True, False]]
    assert {name: values.tolist() for name, values in evaluation.scores.items()} == {"letter by letter": [[0.0] * 4]}


def test_another_scorer_that_fails_somewhere_is_left_out_and_named(store: Store) -> None:
    """A hole in a column would have to be filled with a number that nobody scored."""

    def judge(example: Example, answer: Answer) -> bool:
        raise KeyError("rubric")

    evaluation = run(task(4, scorers=[ScorerSpec("label"), as_spec(judge)]), named(c=Constant("even")), store)
    assert evaluation.scored.all()
    assert dict(evaluation.scores) == {}
    assert "rubric" in evaluation.facts["scorer judge left out"]


# trainable candidates


def test_a_trainable_candidate_learns_from_dev_only(store: Store) -> None:
    """Whoever has seen the test examples is not tested."""
    model = Learner()
    evaluation = run(task(10), named(learner=model, fine=Constant("even")), store)
    assert model.lessons == [{f"dev{i}" for i in range(10)}]
    assert not evaluation.solved[0].any()


def test_on_dev_every_example_is_answered_by_a_model_that_has_not_seen_it(store: Store) -> None:
    """Cross-validation: otherwise tuning would reward learning by heart."""
    model = Learner()
    evaluation = run(task(20, folds=4), named(learner=model), store, split="dev")
    assert evaluation.scored.all()
    assert model.answered_known == 0
    assert len(model.lessons) == 4
    everything = {f"dev{i}" for i in range(20)}
    held_out = [everything - lesson for lesson in model.lessons]
    assert set.union(*held_out) == everything
    assert sum(map(len, held_out)) == 20
    assert evaluation.facts["cross-validation"] == "4 folds"


def test_nothing_is_trained_when_nothing_is_missing(store: Store) -> None:
    """Training is what takes long."""
    model = Learner()
    candidates = named(learner=model)
    for _ in range(2):
        run(task(10), candidates, store, split="test")
        run(task(10), candidates, store, split="dev")
        assert len(model.lessons) == 6


def test_another_target_to_learn_from_is_another_version(store: Store) -> None:
    """What it learned decides what it answers."""
    of = task(10)
    relabelled = tuple(Example(e.id, e.input, "odd", split=e.split) if e.id == "dev0" else e for e in of.examples)
    candidates = named(learner=Learner(), fixed=Constant("even"))
    one = plan(of, candidates, store=store)
    two = plan(task(examples=relabelled), candidates, store=store)
    assert one.parts[0].version != two.parts[0].version
    assert one.parts[1].version == two.parts[1].version


def test_dev_and_test_answers_of_a_trained_candidate_are_different_versions(store: Store) -> None:
    """On dev it learned from other examples than for test."""
    candidates = named(learner=Learner(), fixed=Constant("even"))
    on_test = plan(task(10), candidates, split="test", store=store)
    on_dev = plan(task(10), candidates, split="dev", store=store)
    assert on_test.parts[0].version != on_dev.parts[0].version
    assert on_test.parts[1].version == on_dev.parts[1].version


def test_another_fingerprint_is_another_version(store: Store) -> None:
    """The code behind a recipe may change."""
    model = Constant("even")
    candidates = named(c=model)
    before = plan(task(4), candidates, store=store).parts[0].version
    model._fingerprint = "changed"
    assert plan(task(4), candidates, store=store).parts[0].version != before


def test_a_candidate_that_cannot_be_trained_is_given_up(store: Store) -> None:
    """Its failure is data; the others go on."""

    class Untrainable(Learner):
        def fit(self, examples: object) -> None:
            raise ValueError("only one class")

    evaluation = run(task(4), named(bad=Untrainable(), fine=Constant("even")), store)
    assert (evaluation.status[0] == Status.MISSING).all()
    assert evaluation.facts["given up on bad"] == "it could not be trained: ValueError: only one class"


def test_without_dev_examples_a_trainable_candidate_says_what_is_missing(store: Store) -> None:
    """The next step is in the message."""
    examples = [Example("a", "x 0", "even"), Example("b", "x 1", "odd")]
    with pytest.raises(TaskError, match=r"'learner' learns from examples.*Give some examples the split dev"):
        run(task(examples=examples), named(learner=Learner()), store)


# what the user must change


def test_no_examples_in_the_split_is_said_so(store: Store) -> None:
    """An empty evaluation decides nothing."""
    with pytest.raises(TaskError, match="no examples in its dev split"):
        run(task(examples=[Example("a", "x 0", "even")]), named(c=Constant("even")), store, split="dev")


def test_two_candidates_of_one_name_are_refused(store: Store) -> None:
    """Reports speak of candidates by name."""
    twice = [*named(same=Constant("even")), *named(same=Constant("odd"))]
    with pytest.raises(CandidateError, match="two candidates are named 'same'"):
        run(task(4), twice, store)


def test_one_recipe_under_two_names_is_refused(store: Store) -> None:
    """It would be paid for twice."""
    twice = [Candidate(name=name, kind="constant", params={"output": "even"}) for name in "ab"]
    with pytest.raises(CandidateError, match="'a' and 'b' are the same recipe"):
        run(task(4), twice, store)


def test_no_candidates_are_refused(store: Store) -> None:
    """There is nothing to evaluate."""
    with pytest.raises(CandidateError, match="no candidate"):
        run(task(4), [], store)


def test_a_candidates_own_usage_error_ends_the_run(store: Store) -> None:
    """A prompt that names a column which is not there can never be right."""
    with pytest.raises(CandidateError, match="no column 'txt'"):
        run(task(4), named(c=Failing(CandidateError("no column 'txt'."))), store)


# durability


def test_what_is_counted_is_on_disk(store: Store) -> None:
    """Progress is a promise."""
    counted: list[tuple[int, int]] = []
    model = Slow("even", 0.002, concurrency=7)
    candidates = named(slow=model)
    version = plan(task(200), candidates, store=store).parts[0].version
    watcher = Watcher(lambda: counted.append((watcher.totals["slow"][0], len(store.answers(version)))))
    run(task(200), candidates, store, watcher=watcher)
    assert len(counted) > 1
    assert all(told <= on_disk for told, on_disk in counted)
    assert counted[-1] == (200, 200)
    assert watcher.is_finished
    assert model.at_once == 7


def test_ctrl_c_stores_what_was_answered(store: Store) -> None:
    """An interrupted run goes on where it stopped."""
    model = Slow("even", 0.01, concurrency=2)
    candidates = named(slow=model)

    async def interrupted() -> None:
        seen = asyncio.Event()
        running = asyncio.ensure_future(evaluate(task(500), candidates, store=store, progress=Watcher(seen.set)))
        await seen.wait()
        running.cancel()
        await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(interrupted())
    n_stored = plan(task(500), candidates, store=store).parts[0].n_stored
    assert 0 < n_stored < 500
    assert len(model.asked) - 2 <= n_stored  # only what was in flight is lost


def test_a_full_disk_ends_the_run_and_loses_nothing_that_was_counted(tmp_path: object) -> None:
    """Even when other candidates are slow to answer."""
    full = SqliteStore(f"{tmp_path}/store.sqlite")
    full._database.execute("PRAGMA max_page_count = 40")
    watcher = Watcher()
    candidates = named(long=Constant("even" + " " * 3000), slow=Slow("even", 60))
    with pytest.raises(DiskFull):
        run(task(2000), candidates, full, watcher=watcher)
    counted = watcher.totals.get("long", (0, 0))[0]
    full._database.execute("PRAGMA max_page_count = 4000")
    assert plan(task(2000), candidates, store=full).parts[0].n_stored >= counted
    full.close()


def test_asking_waits_for_the_disk(store: Store) -> None:
    """A fast candidate and a slow disk: memory stays bounded."""

    class SlowStore(SqliteStore):
        most = 0

        def add(self, records: object) -> None:
            threading.Event().wait(0.05)
            self.most = max(self.most, len(model.asked) - self.n)
            super().add(records)  # type: ignore[arg-type]
            self.n += len(records)  # type: ignore[arg-type]

        n = 0

    model = Constant("even")
    slow = SlowStore(":memory:")
    run(task(60_000), named(c=model), slow)
    assert slow.most < 30_000
    slow.close()


def test_candidates_go_side_by_side(store: Store) -> None:
    """One slow candidate does not hold up the others."""
    fast, slow = Constant("even"), Slow("even", 0.05, concurrency=1)
    finished: list[str] = []
    watcher = Watcher(lambda: finished.extend(n for n, t in watcher.totals.items() if t[0] == 20 and n not in finished))
    run(task(20), named(slow=slow, fast=fast), store, watcher=watcher)
    assert finished == ["fast", "slow"]


def test_models_are_closed_at_the_end_also_when_it_ends_badly(store: Store) -> None:
    """They may hold processes and connections."""
    fine = Constant("even")
    run(task(2), named(fine=fine), store)
    assert fine.closed
    other = Constant("odd")
    with pytest.raises(CandidateError):
        run(task(2), named(other=other, bad=Failing(CandidateError("wrong."))), store)
    assert other.closed


def test_a_model_that_cannot_be_closed_is_noted(store: Store) -> None:
    """Its answers are there."""

    class Stuck(Constant):
        async def close(self) -> None:
            raise OSError("still busy")

    watcher = Watcher()
    run(task(2), named(stuck=Stuck("even")), store, watcher=watcher)
    assert "a model could not be closed: OSError: still busy" in watcher.notes


def test_the_evaluation_is_sealed_into_the_store(store: Store) -> None:
    """A report can be drawn without evaluating."""
    of = task(4)
    evaluation = run(of, named(c=Constant("even")), store)
    sealed = store.evaluation(of.id, "test")
    assert sealed is not None
    assert np.array_equal(sealed.solved, evaluation.solved)
    assert sealed.facts == evaluation.facts
    assert [c.name for c in store.candidates()] == ["c"]


def test_facts_say_how_it_was_run(store: Store) -> None:
    """Whoever doubts the figures must be able to run it again."""

    async def at_a_known_time() -> dict[str, str]:
        candidates = named(c=Constant("even"))
        return dict((await evaluate(task(4, seed=7), candidates, store=store, clock=lambda: 0.0)).facts)

    facts = asyncio.run(at_a_known_time())
    assert facts["started"] == "1970-01-01 00:00:00 UTC"
    assert (facts["seed"], facts["asked"], facts["taken from the store"]) == ("7", "4", "0")
    assert {"merits", "python", "numpy", "platform", "data hash"} <= set(facts)


def test_a_plan_asks_nothing_and_trains_nothing(store: Store) -> None:
    """A dry run is free."""
    learner, plain = Learner(), Constant("even")
    made = plan(task(10), named(learner=learner, plain=plain), store=store)
    assert (made.n_to_ask, learner.lessons, learner.asked, plain.asked) == (20, [], [], [])
    assert str(made) == "learner: 10 to ask, 0 stored\nplain: 10 to ask, 0 stored"


async def test_a_plan_can_be_made_inside_a_running_event_loop(store: Store) -> None:
    """Notebooks run one."""
    assert plan(task(10), named(c=Constant("even")), store=store).n_to_ask == 10


def test_answers_are_stored_under_version_and_key(store: Store) -> None:
    """The key holds everything that can change an answer."""
    of, candidates = task(3), named(right=Replying(parity))
    evaluation = run(of, candidates, store)
    keys = [AnswerKey(input_hash) for input_hash in evaluation.input_hashes.tolist()]
    assert [store.answers(evaluation.versions[0])[key].output for key in keys] == ["even", "odd", "even"]


def test_fakes_are_models() -> None:
    """The tests above rest on them."""
    from merits.core.doors import Model, Trainable

    assert isinstance(Fake(), Model)
    assert isinstance(Learner(), Trainable)
