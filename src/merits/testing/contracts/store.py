"""What every `Store` must do. Subclass `StoreContract`, say how to make one, and pytest runs the suite."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from pathlib import Path

import msgspec
import numpy as np
import pytest

from merits.core.answer import Answer, Failure, Usage
from merits.core.batching import Submission
from merits.core.candidate import Candidate, Price
from merits.core.decision import Decision
from merits.core.doors import AnswerKey, Refreshed, Store, StoredAnswer
from merits.core.needs import Needs
from merits.core.secrets import register
from merits.testing.evaluations import tiny

__all__ = ["StoreContract", "decision", "stored"]


def stored(key: str | AnswerKey, output: str = "yes", *, version: str = "v1", failed: bool = False) -> StoredAnswer:
    """A stored answer for tests; a failure when `failed`.

    >>> stored("k").key
    AnswerKey(input_hash='k', repeat=0, perturbation='')
    """
    answer = Answer(failure=Failure("timeout", output)) if failed else Answer(output)
    return StoredAnswer(version, AnswerKey(key) if isinstance(key, str) else key, answer, 0.0)


def decision(summary: str, *, task: str = "t" * 32) -> Decision:
    """A decision for tests, with nothing in it but a summary.

    >>> decision("Keep what you have.").verdict
    'undecided'
    """
    return Decision(
        verdict="undecided",
        candidate="",
        candidate_id="",
        summary=summary,
        reasons=(),
        standings=(),
        what_would_change_it="",
        next_step="",
        policies={},
        objective="quality",
        needs=Needs(),
        task=task,
        task_name="t",
        split="test",
        currency="USD",
        n_examples=0,
        n_compared=0,
        test_looks=0,
        level=0.95,
    )


class StoreContract(ABC):
    """The contract suite of the `Store` door.

    `make_store` gives a fresh, empty store. `reopen` gives one on what an earlier store of the same folder kept, or
    None for a store that keeps nothing once it is closed.
    """

    @abstractmethod
    def make_store(self, folder: Path) -> Store:
        """A fresh, empty store that may keep its files in the folder."""

    def reopen(self, folder: Path) -> Store | None:
        """A second store on the same content; None when there is no such thing."""
        return None

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        """The store under test."""
        return self.make_store(tmp_path)

    def test_a_new_store_is_empty(self, store: Store) -> None:
        """Whoever asks before anything was stored gets nothing, not an error."""
        assert dict(store.answers("v1")) == {}
        assert list(store.paid("v1")) == []
        assert not store.refreshing("v1")
        assert list(store.candidates()) == []
        assert store.evaluation("t", "test") is None
        assert list(store.decisions("t")) == []
        store.close()

    def test_an_answer_comes_back_as_it_was(self, store: Store) -> None:
        """Answers are facts, kept raw."""
        answers = [
            Answer("plain"),
            Answer(None),
            Answer({"a": [1, 2.5, True, None, "é\u0000\u2028"]}),
            Answer("ham", {"ham": 0.75, "egg": 0.25}, 0.75, Usage(input_tokens=3, machine_s=0.5, attempts=2), 0.125),
            Answer(failure=Failure("rate_limited", "429", 12.0), usage=Usage(attempts=4)),
            Answer("x", model="gpt-x-2026"),
        ]
        keys = [AnswerKey(f"k{n}") for n in range(len(answers))]
        store.add([StoredAnswer("v1", key, answer, 1.5) for key, answer in zip(keys, answers, strict=True)])
        assert store.answers("v1") == dict(zip(keys, answers, strict=True))
        store.close()

    def test_every_part_of_the_key_tells_answers_apart(self, store: Store) -> None:
        """The key holds everything that can change an answer."""
        keys = [
            AnswerKey("0" * 32),
            AnswerKey("0" * 31 + "1"),
            AnswerKey("0" * 32, 1),
            AnswerKey("0" * 32, 0, "typos"),
            AnswerKey("A" * 32),
            AnswerKey("a" * 32),
            AnswerKey("no hash at all"),
            AnswerKey(""),
        ]
        store.add([stored(key, str(n)) for n, key in enumerate(keys)])
        assert {key: answer.output for key, answer in store.answers("v1").items()} == {
            key: str(n) for n, key in enumerate(keys)
        }
        store.close()

    def test_versions_are_strangers(self, store: Store) -> None:
        """Another training set, another code: another version, other answers."""
        store.add([stored("k", "one", version="v1"), stored("k", "two", version="v2")])
        assert [store.answers(v)[AnswerKey("k")].output for v in ("v1", "v2")] == ["one", "two"]
        assert dict(store.answers("v3")) == {}
        store.close()

    @pytest.mark.parametrize("n_keys", [0, 1, 3, 2000])
    def test_only_the_keys_asked_for_come_back(self, store: Store, n_keys: int) -> None:
        """A report shows ten answers of a million; unknown keys are left out."""
        store.add([stored(f"k{n}") for n in range(2100)])
        wanted = [AnswerKey(f"k{n}") for n in range(n_keys)]
        assert set(store.answers("v1", [*wanted, AnswerKey("unknown")])) == set(wanted)
        store.close()

    def test_the_first_answer_counts(self, store: Store) -> None:
        """It was paid for, and scores rest on it."""
        store.add([stored("k", "first")])
        store.add([stored("k", "second"), stored("k", "oops", failed=True)])
        assert store.answers("v1")[AnswerKey("k")].output == "first"
        store.close()

    def test_an_answer_replaces_a_failure(self, store: Store) -> None:
        """Failures are asked again on resume."""
        store.add([stored("k", "down", failed=True)])
        store.add([stored("k", "still down", failed=True)])
        failure = store.answers("v1")[AnswerKey("k")].failure
        assert failure is not None
        assert failure.message == "still down"
        store.add([stored("k", "up")])
        assert store.answers("v1")[AnswerKey("k")] == Answer("up")
        store.close()

    def test_an_answer_replaces_a_refusal_and_a_failure_does_not(self, store: Store) -> None:
        """A refusal is an answer: it counts until it is asked again with success."""
        refused = Answer("I cannot help with that.", refused=True)
        store.add([StoredAnswer("v1", AnswerKey("k"), refused, 0.0)])
        store.add([stored("k", "down", failed=True)])
        assert store.answers("v1")[AnswerKey("k")] == refused
        store.add([stored("k", "well then")])
        store.add([StoredAnswer("v1", AnswerKey("k"), refused, 0.0)])
        assert store.answers("v1")[AnswerKey("k")].output == "well then"
        store.close()

    def test_after_a_refresh_only_new_answers_count(self, store: Store) -> None:
        """Old and new are never mixed, not even where the new one failed or is not there yet."""
        store.add([stored("k", "old"), stored("l", "old"), stored("m", "old"), stored("k", "old", version="v2")])
        store.add([Refreshed("v1", AnswerKey(key), at) for key, at in (("k", 7.0), ("l", 7.0))])
        assert set(store.answers("v1")) == {AnswerKey("m")}
        store.add([stored("k", "new"), stored("l", "down", failed=True), stored("k", "newer")])
        answers = store.answers("v1", [AnswerKey("k"), AnswerKey("l")])
        assert answers[AnswerKey("k")].output == "new"
        assert answers[AnswerKey("l")].failure is not None
        assert store.answers("v2")[AnswerKey("k")].output == "old"
        store.close()

    def test_a_refresh_goes_on_until_its_end_is_stored(self, store: Store) -> None:
        """Its end changes no answer; after it a further one may begin."""
        k, typos = AnswerKey("k"), AnswerKey("0" * 32, 1, "typos")
        store.add([Refreshed("v1", k, 7.0), Refreshed("v1", typos, 7.0), stored("k", "new")])
        assert store.refreshing("v1") == {k, typos}
        assert not store.refreshing("v2")
        store.add([Refreshed("v1", k, 8.0, ended=True)])
        assert store.refreshing("v1") == {typos}
        assert store.answers("v1")[k].output == "new"
        assert [paid.answer.output for paid in store.paid("v1")] == ["new"]
        store.add([Refreshed("v1", k, 9.0)])
        assert store.refreshing("v1") == {k, typos}
        assert not store.answers("v1")
        store.close()

    def test_all_that_was_ever_paid_can_be_read(self, store: Store) -> None:
        """The bill holds failures that were asked again, and answers that were refreshed or came twice."""
        added = [
            stored("k", "down", failed=True),
            stored("k", "up"),
            stored("k", "up again"),
            StoredAnswer("v1", AnswerKey("0" * 32, 1, "typos"), Answer("no", refused=True), 3.5),
        ]
        store.add([*added, Refreshed("v1", AnswerKey("k"), 4.0), stored("k", "theirs", version="v2")])
        store.add([stored("k", "new")])
        assert list(store.paid("v1")) == [*added, stored("k", "new")]
        assert [paid.answer.output for paid in store.paid("v2")] == ["theirs"]
        store.close()

    def test_a_candidate_has_its_latest_name_and_price(self, store: Store) -> None:
        """Renaming and re-pricing ask nothing again."""
        old = Candidate(name="old", kind="chat", params={"model": "m"}, parts=(Candidate(name="p", kind="x"),))
        new = msgspec.structs.replace(old, name="new", price=Price(per_call=1.0))
        store.add([old, Candidate(name="other", kind="constant")])
        store.add([new])
        assert sorted(c.name for c in store.candidates()) == ["new", "other"]
        assert {c.id: c for c in store.candidates()}[old.id] == new
        store.close()

    def test_an_evaluation_comes_back_as_it_was(self, store: Store) -> None:
        """A report drawn later is the same report."""
        evaluation = tiny(n=9)
        store.add([evaluation])
        again = store.evaluation(evaluation.task, "test")
        assert again is not None
        _same(again, evaluation)
        assert store.evaluation(evaluation.task, "dev") is None
        store.close()

    def test_the_latest_evaluation_counts(self, store: Store) -> None:
        """One run after the other; each is kept."""
        for number in range(3):
            store.add([tiny(n=4, facts={"run": str(number)})])
        store.add([tiny(task="u" * 32, facts={"run": "another task"})])
        latest = store.evaluation("t" * 32, "test")
        assert latest is not None
        assert latest.facts == {"run": "2"}
        store.close()

    def test_every_run_can_be_listed_and_read_again(self, store: Store) -> None:
        """Runs are compared with each other, so the earlier ones are kept, and found by their number."""
        assert list(store.runs()) == []
        assert store.run(1) is None
        for number in range(2):
            store.add([tiny(n=4, facts={"run": str(number)})])
        store.add([tiny(task="u" * 32, n=5)])
        runs = store.runs()
        assert [run.number for run in runs] == [1, 2, 3]
        assert [run.task for run in runs] == ["t" * 32, "t" * 32, "u" * 32]
        assert runs[0].candidates == ("steady", "brokén")
        assert (runs[0].task_name, runs[0].split) == ("tiny", "test")
        times = [run.at for run in runs if run.at is not None]
        assert times == sorted(times)
        for run, facts in zip(runs, ({"run": "0"}, {"run": "1"}), strict=False):
            again = store.run(run.number)
            assert again is not None
            _same(again, tiny(n=4, facts=facts))
        store.close()

    def test_decisions_come_back_oldest_first(self, store: Store) -> None:
        """How often the test examples were looked at is read off them."""
        for summary in ("first", "second"):
            store.add([decision(summary)])
        store.add([decision("another task", task="u" * 32)])
        assert [d.summary for d in store.decisions("t" * 32)] == ["first", "second"]
        store.close()

    def test_the_latest_stage_of_a_submission_counts(self, store: Store) -> None:
        """A run that was killed finds what is in flight, and asks none of it again."""
        keys = (AnswerKey("k1"), AnswerKey("k2", 1))
        store.add([Submission(id="a", version="v1", stage="intended", at=1.0, keys=keys)])
        store.add([Submission(id="b", version="v1", stage="intended", at=2.0, keys=keys[:1])])
        store.add([Submission(id="c", version="v2", stage="intended", at=3.0, keys=keys)])
        store.add([Submission(id="a", version="v1", stage="sent", at=4.0, file="file-1")])
        store.add([Submission(id="a", version="v1", stage="accepted", at=5.0, batch="batch-1")])
        first, second = store.submissions("v1")
        assert (first.id, first.stage, first.keys, first.file, first.batch) == (
            "a", "accepted", keys, "file-1", "batch-1",
        )  # fmt: skip
        assert (second.id, second.stage, second.keys) == ("b", "intended", keys[:1])
        assert list(store.submissions("v3")) == []
        assert [each.id for each in store.submissions()] == ["a", "b", "c"]
        store.close()

    def test_records_of_all_kinds_go_in_together(self, store: Store) -> None:
        """`add` takes whatever there is, also nothing."""
        store.add([])
        store.add([stored("k"), Candidate(name="c", kind="constant"), tiny(), decision("d")])
        assert len(store.answers("v1")) == len(store.candidates()) == len(store.decisions("t" * 32)) == 1
        assert store.evaluation("t" * 32, "test") is not None
        store.close()

    def test_what_is_no_record_is_refused_and_nothing_is_kept(self, store: Store) -> None:
        """All or nothing: half a group would be a lie about what was stored."""
        with pytest.raises(TypeError):
            store.add([stored("k"), "no record"])  # type: ignore[list-item]
        assert dict(store.answers("v1")) == {}
        store.add([stored("k")])
        assert len(store.answers("v1")) == 1
        store.close()

    def test_many_threads_add_and_read(self, store: Store) -> None:
        """Serving writes from many threads; nothing is lost."""
        problems: list[BaseException] = []

        def work(number: int) -> None:
            try:
                for n in range(20):
                    store.add([stored(f"{number}/{n}")])
                    assert AnswerKey(f"{number}/{n}") in store.answers("v1")
            except BaseException as problem:  # noqa: BLE001 (a thread's failure must fail the test)
                problems.append(problem)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []
        assert len(store.answers("v1")) == 160
        store.close()

    def test_secrets_are_not_kept(self, store: Store) -> None:
        """A provider may repeat the key in its error, a model in its answer."""
        register("sk-contract-0123456789")
        store.add([stored("a", "refused: sk-contract-0123456789, api_key=hunter2000", failed=True)])
        store.add(
            [stored("b", "your key is sk-contract-0123456789; password: sesame"), decision("sk-contract-0123456789")]
        )
        answers = store.answers("v1")
        failure = answers[AnswerKey("a")].failure
        assert failure is not None
        assert failure.message == "refused: ***, api_key=***"
        assert answers[AnswerKey("b")].output == "your key is ***; password: sesame"
        assert store.decisions("t" * 32)[0].summary == "***"
        store.close()

    def test_closing_twice_is_fine(self, store: Store) -> None:
        """Whoever cleans up does not ask who did before."""
        store.close()
        store.close()

    def test_what_was_added_is_there_after_reopening(self, tmp_path: Path) -> None:
        """When `add` returns, the records are on disk."""
        store = self.make_store(tmp_path)
        store.add([stored("k"), Candidate(name="c", kind="constant"), tiny(), decision("d")])
        store.close()
        again = self.reopen(tmp_path)
        if again is None:
            pytest.skip("this store keeps nothing once it is closed")
        assert again.answers("v1")[AnswerKey("k")].output == "yes"
        assert [c.name for c in again.candidates()] == ["c"]
        assert again.evaluation("t" * 32, "test") is not None
        assert len(again.decisions("t" * 32)) == 1
        again.close()


def _same(one: object, other: object) -> None:
    """Asserts that two evaluations, or parts of them, say the same."""
    if isinstance(one, np.ndarray):
        assert isinstance(other, np.ndarray)
        assert one.dtype.kind == other.dtype.kind
        assert np.array_equal(one, other)
    elif isinstance(one, dict):
        assert isinstance(other, dict)
        assert set(one) == set(other)
        for name in one:
            _same(one[name], other[name])
    elif hasattr(one, "__dataclass_fields__"):
        for name in one.__dataclass_fields__:
            _same(getattr(one, name), getattr(other, name))
    else:
        assert one == other
