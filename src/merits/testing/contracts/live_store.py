"""What every `LiveStore` must do. Subclass `LiveStoreContract`, say how to make one, and pytest runs the suite."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from merits.core.answer import Answer, Failure, Usage
from merits.core.candidate import Candidate
from merits.core.doors import LiveStore
from merits.core.errors import StoreError
from merits.core.identity import JSON
from merits.core.live import Alert, AlertMark, ApiKey, Arm, Checkpoint, Feedback, LiveRecord, Rollout, Served
from merits.core.needs import Needs
from merits.core.release import ContentPolicy, Promise, Release
from merits.core.secrets import register

__all__ = ["LiveStoreContract", "release", "served"]

_changed = msgspec.structs.replace


def served(
    request: str, output: JSON = "ham", *, task: str = "tickets", arm: Arm = "champion", at: float = 1.0
) -> Served:
    """A served request for tests.

    >>> served("r1").answer.output
    'ham'
    """
    answer = Answer(output, usage=Usage(input_tokens=3), latency_s=0.25)
    return Served(request=request, task=task, release=1, arm=arm, at=at, input_hash="0" * 32, answer=answer)


def release(version: int, *, task: str = "tickets", reason: str = "") -> Release:
    """A release for tests, of a candidate that always says "ham".

    >>> release(2).model
    'merits/tickets@2'
    """
    return Release(
        task="t" * 32,
        task_name=task,
        version=version,
        kind="classification",
        candidate=Candidate(name="ham", kind="constant", params={"output": "ham"}),
        candidate_version="v1",
        promise=Promise(metric="label"),
        needs=Needs(),
        scorers=(),
        classes=("egg", "ham"),
        content=ContentPolicy(keep=True),
        made_at=0.0,
        merits="0.1.0",
        reason=reason,
    )


class LiveStoreContract(ABC):
    """The contract suite of the `LiveStore` door.

    `open` gives a store on what was kept at the folder's place, which is new for each test. `shared` is whether several
    of them see the same content.
    """

    shared = True

    @abstractmethod
    def open(self, folder: Path, *, write: bool = True) -> LiveStore:
        """A store whose place belongs to this folder alone."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[LiveStore]:
        """The store under test."""
        store = self.open(tmp_path)
        yield store
        store.close()

    def test_feedback_up_to_a_number_is_what_was_known_then(self, store: LiveStore) -> None:
        """What somebody counted before and what came since are told apart, however often it was said."""
        said = Feedback(request="r1", task="tickets", at=1.0, source="label", target="ham")
        store.add([served("r1"), said])
        seen = store.feedback("tickets")[-1].number
        store.add([said])
        assert len(store.feedback_on(["r1"])["r1"]) == 2
        assert len(store.feedback_on(["r1"], upto=seen)["r1"]) == 1
        assert not store.feedback_on(["r1"], upto=seen - 1).get("r1")

    def test_a_new_store_is_empty(self, store: LiveStore) -> None:
        """Whoever asks before anything was served gets nothing, not an error."""
        assert not [*store.served("tickets"), *store.feedback("tickets")]
        assert not {**store.find(["r"]), **store.feedback_on(["r"]), **store.find([])}
        assert store.last_number("tickets") == store.forget("tickets", 1e12) == 0
        assert not [*store.tasks(), *store.releases("tickets"), *store.rollouts("tickets")]
        assert not [*store.keys(), *store.alerts("tickets"), *store.marks("tickets")]
        assert store.checkpoint("tickets", "drift") is None
        assert store.spent("k1", 0.0) == 0.0
        store.add([])

    def test_what_was_served_comes_back_as_it_was(self, store: LiveStore) -> None:
        """It is the evidence for the next decision."""
        records = [
            served("r1"),
            Served(
                request="r2",
                task="tickets",
                release=3,
                arm="shadow",
                at=1.5,
                input_hash="a" * 32,
                answer=Answer("ham", {"ham": 0.75, "egg": 0.25}, 0.75, Usage(output_tokens=2, machine_s=0.5), 0.125),
                cost=0.001,
                currency="EUR",
                input={"text": "é\u2028", "n": [1, 2.5, None, True]},
                seen={"length": 12.0, "language": "fr", "gone": None},
                embedding=(0.5, -0.25),
                user="u1",
                key="k1",
                fallback=1,
                seconds=0.3,
            ),
            _changed(served("r3"), answer=Answer(failure=Failure("timeout", "no answer in 2 s", 1.0))),
        ]
        store.add(records)
        assert [record for _, record in store.served("tickets")] == records

    def test_readers_go_on_from_the_last_number(self, store: LiveStore) -> None:
        """Monitoring reads on as it comes, never the whole past."""
        store.add([served(f"r{n}") for n in range(5)])
        store.add([served("other", task="another")])
        store.add([served("r5")])
        first = store.served("tickets", most=4)
        assert [each.record.request for each in first] == ["r0", "r1", "r2", "r3"]
        rest = store.served("tickets", after=first[-1].number)
        assert [each.record.request for each in rest] == ["r4", "r5"]
        numbers = [each.number for each in (*first, *rest)]
        assert numbers == sorted(set(numbers))
        assert numbers[0] > 0
        assert store.last_number("tickets") == numbers[-1]
        assert list(store.served("tickets", after=numbers[-1])) == []

    def test_what_arrived_since_a_time_is_found_however_late_it_was_added(self, store: LiveStore) -> None:
        """A journal that a crash left over is added days after others: numbers say nothing about times."""
        store.add([served(f"r{n}", at=at) for n, at in enumerate((5.0, 900_000.0, 1.0, 3.0, 800_000.0, 2.0))])
        found = store.served("tickets", since=3.0)
        assert [each.record.request for each in found] == ["r0", "r1", "r3", "r4"]
        rest = store.served("tickets", since=3.0, after=found[1].number, most=1)
        assert [each.record.request for each in rest] == ["r3"]

    def test_a_request_and_arm_is_there_once(self, store: LiveStore) -> None:
        """A shipper that does not know whether its records arrived sends them again."""
        store.add([served("r1", "first"), served("r1", "in the same call"), served("r1", "shadow", arm="shadow")])
        store.add([served("r1", "second"), served("r2", "new")])
        store.add([served("r1", "of another task", task="another")])
        assert [record.answer.output for _, record in store.served("tickets")] == ["first", "shadow", "new"]
        assert [record.answer.output for _, record in store.served("another")] == ["of another task"]

    def test_requests_are_found_by_their_ids(self, store: LiveStore) -> None:
        """A label names a request; which task it was is not known then."""
        store.add([served(f"r{n}", task=f"task {n % 2}") for n in range(1200)])
        store.add([served("r7", "silent", arm="shadow", task="task 1")])
        found = store.find([f"r{n}" for n in range(1200)] + ["unknown", "r3"])
        assert set(found) == {f"r{n}" for n in range(1200)}
        assert [record.arm for record in found["r7"]] == ["champion", "shadow"]

    def test_all_feedback_is_kept(self, store: LiveStore) -> None:
        """Also on requests that nobody knows (yet), twice and contradicting: what counts is settled on reading."""
        given = [
            Feedback(request="r1", task="tickets", at=2.0, solved=True, arm="shadow"),
            Feedback(request="r1", task="tickets", at=3.0, solved=False, by="anna", comment="no"),
            Feedback(request="nobody", task="tickets", at=4.0, source="label", target=["ham"]),
            Feedback(request="r1", task="tickets", at=3.0, solved=False, by="anna", comment="no"),
            Feedback(request="r9", task="another", at=4.0, source="judge", score=0.5),
        ]
        store.add(given[:1])
        store.add(given[1:])
        numbered = store.feedback("tickets")
        assert [record for _, record in numbered] == given[:4]
        assert [record for _, record in store.feedback("tickets", after=numbered[1].number, most=1)] == [given[2]]
        on = {request: list(feedback) for request, feedback in store.feedback_on(["r1", "r9", "r0"]).items()}
        assert on == {"r1": [given[0], given[1], given[3]], "r9": [given[4]]}

    def test_releases_and_rollouts_are_a_history(self, store: LiveStore) -> None:
        """The last rollout is in force; the earlier ones say how it came to that."""
        store.add([release(1), Rollout(task="tickets", at=1.0, champion=1, reason="first")])
        store.add([release(2), release(1, task="another")])
        store.add([Rollout(task="tickets", at=2.0, champion=1, challenger=2, mode="canary", share=0.1, seed="s")])
        store.add([release(1)])
        assert list(store.tasks()) == ["another", "tickets"]
        assert list(store.releases("tickets")) == [release(1), release(2)]
        assert [(each.champion, each.challenger, each.mode) for each in store.rollouts("tickets")] == [
            (1, None, "alone"), (1, 2, "canary"),
        ]  # fmt: skip

    def test_two_releases_of_one_version_cannot_be(self, store: LiveStore) -> None:
        """Two who make one at the same time would otherwise serve different things under one name."""
        store.add([release(1, reason="mine")])
        with pytest.raises(StoreError, match="another release 1 of tickets already"):
            store.add([served("r1"), release(1, reason="yours")])
        assert [each.reason for each in store.releases("tickets")] == ["mine"]
        assert list(store.served("tickets")) == []

    def test_the_latest_record_of_a_key_counts(self, store: LiveStore) -> None:
        """Whoever is revoked is not let in by an older record."""
        first, second = (ApiKey(id=name, hash=name * 8, at=1.0, tasks=("tickets",)) for name in ("k1", "k2"))
        store.add([first, second])
        store.add([_changed(first, revoked_at=5.0)])
        assert list(store.keys()) == [_changed(first, revoked_at=5.0), second]

    def test_alerts_and_what_was_done_about_them(self, store: LiveStore) -> None:
        """Each is kept, by task, oldest first."""
        alerts = [
            Alert(id=f"a{n}", task="tickets", at=float(n), kind="drift", stream="length", severity="warning", text="x")
            for n in range(2)
        ]
        mark = AlertMark(alert="a0", task="tickets", at=3.0, mark="acknowledged", by="anna")
        store.add([*alerts, mark, _changed(alerts[0], task="another")])
        assert list(store.alerts("tickets")) == alerts
        assert list(store.marks("tickets")) == [mark]
        assert list(store.marks("another")) == []

    def test_the_last_checkpoint_counts(self, store: LiveStore) -> None:
        """What goes on where it was needs its last state only, byte by byte."""
        state = bytes(range(256)) * 500
        store.add([Checkpoint(task="tickets", name="drift", at=1.0, state=b"old", cursor=4)])
        last = Checkpoint(task="tickets", name="drift", at=2.0, state=state, cursor=9)
        store.add([last, Checkpoint(task="tickets", name="other", at=1.0, state=b"")])
        assert store.checkpoint("tickets", "drift") == last
        assert store.checkpoint("another", "drift") is None

    def test_what_a_key_spent_is_known(self, store: LiveStore) -> None:
        """A budget counts costs in its currency, from the start of the month on; an unknown one as the others."""
        costs = [("k1", 1.0, 0.5), ("k1", 5.0, 0.25), ("k1", 6.0, None), ("k2", 6.0, 8.0), ("k1", 7.0, 0.125)]
        store.add([_changed(served(f"r{n}", at=at), key=key, cost=cost) for n, (key, at, cost) in enumerate(costs)])
        store.add([_changed(served("euro", at=6.0), key="k1", cost=4.0, currency="EUR")])
        assert store.spent("k1", 0.0, "EUR") == 4.0
        assert store.spent("k1", 7.0) == 0.125
        assert store.spent("k1", 5.0) == 0.375 * 3 / 2
        assert store.spent("k1", 0.0) == 0.875 * 4 / 3
        assert store.spent("nobody", 0.0, "USD", 9.0) == 0.0

    def test_content_is_forgotten_and_nothing_else(self, store: LiveStore) -> None:
        """Inputs and texts go when their time is over; labels and numbers stay, for they are what is watched."""
        failure = Failure("bad_request", "cannot read 'my name is Anna'", 2.0)
        store.add(
            [
                release(1),
                _changed(
                    served("label"),
                    input="my name is Anna",
                    seen={"length": 15.0, "name": "Anna", "paid": "true", "gone": None},
                    embedding=(0.25, 1.0),
                ),
                _changed(served("text", "Dear Anna"), input="my name is Anna"),
                served("fields", {"name": "Anna"}),
                served("number", 7.5),
                _changed(served("unlisted"), answer=Answer("yes", {"yes": 0.9, "no": 0.1})),
                _changed(served("failed"), answer=Answer(failure=failure)),
                _changed(served("later", "Dear Bert", at=10.0), input="my name is Bert"),
                served("elsewhere", "Dear Carla", task="another"),
            ]
        )
        assert store.forget("tickets", 10.0) == 4
        assert store.forget("tickets", 10.0) == 0
        left = {record.request: record for _, record in store.served("tickets")}
        assert "Anna" not in str(left)
        assert {name: record.answer.output for name, record in left.items()} == {
            "label": "ham",
            "text": None,
            "fields": None,
            "number": 7.5,
            "unlisted": "yes",
            "failed": None,
            "later": "Dear Bert",
        }
        assert left["failed"].answer.failure == Failure("bad_request", "", 2.0)
        assert left["label"].embedding == ()  # much of a text can be told from its vector
        assert left["label"].seen == {"length": 15.0, "paid": "true", "gone": None}
        assert left["later"].input == "my name is Bert"
        assert store.served("another")[0].record.answer.output == "Dear Carla"

    def test_what_was_said_is_forgotten_with_what_it_was_said_of(self, store: LiveStore) -> None:
        """A corrected text is as much content as the text. Labels and numbers stay, and whether it was solved."""

        def said(request: str, at: float, target: JSON = "Dear Anna") -> Feedback:
            return Feedback(request=request, task="tickets", at=at, target=target, comment="to Anna", solved=False)

        store.add([release(1), _changed(served("r1", at=1.0), input="my name is Anna"), served("bare", 7.5, at=1.0)])
        store.add([_changed(served("later", at=9.0), input="my name is Bert")])
        store.add([said("r1", 20.0), said("r1", 20.0, "egg"), said("r1", 20.0, 3.5), said("r1", 20.0, ["ham", "egg"])])
        store.add([said("r1", 20.0, ["Anna"]), said("r1", 20.0, {"name": "Anna"}), said("nobody", 4.0)])
        store.add([said("bare", 4.0), said("later", 20.0, "Dear Bert")])
        assert store.forget("tickets", 5.0) == 9
        assert store.forget("tickets", 5.0) == 0
        left = [(one.record.request, one.record.target, one.record.comment) for one in store.feedback("tickets")]
        assert left[:4] == [("r1", None, ""), ("r1", "egg", ""), ("r1", 3.5, ""), ("r1", ["ham", "egg"], "")]
        assert left[4:] == [
            ("r1", None, ""), ("r1", None, ""), ("nobody", None, ""), ("bare", None, ""),
            ("later", "Dear Bert", "to Anna"),
        ]  # fmt: skip
        assert all(one.record.solved is False for one in store.feedback("tickets"))
        store.add([said("r1", 21.0)])  # too late for that: by its own time
        assert store.forget("tickets", 8.0) == 0
        assert store.forget("tickets", 22.0) == 3
        assert "Anna" not in str(store.feedback("tickets"))

    def test_much_content_is_forgotten(self, store: LiveStore) -> None:
        """A day of traffic goes in portions."""
        store.add([served(f"r{n}", f"Dear {n}") for n in range(1100)])
        assert store.forget("tickets", 2.0) == 1100
        assert all(record.answer.output is None for _, record in store.served("tickets"))

    def test_what_is_no_record_is_refused_and_nothing_is_kept(self, store: LiveStore) -> None:
        """All or none."""
        with pytest.raises(TypeError):
            store.add([served("r1"), "no record"])  # type: ignore[list-item]
        assert list(store.served("tickets")) == []

    def test_strange_texts_are_kept(self, store: LiveStore) -> None:
        """Names come from clients, outputs from models: no character of theirs may hold up the others."""
        strange = ["nul \0 byte", "half \ud800 pair", "é\u2028 'quoted' \"twice\" \\ {},%s?", "", "x" * 10_000]
        outputs: list[JSON] = list(strange)
        store.add([served(text, output) for text, output in zip(strange, outputs, strict=True)])
        store.add([Feedback(request=text, task="tickets", at=1.0, solved=True) for text in strange])
        found = store.find(strange)
        assert set(found) == set(store.feedback_on(strange)) == set(strange)
        assert found[strange[0]][0].answer.output == strange[0]
        assert found[strange[2]][0].answer.output == strange[2]
        assert found[strange[1]][0].answer.output == "half ? pair"

    def test_secrets_are_not_kept(self, store: LiveStore) -> None:
        """A provider may repeat the key in its error, a model in its answer."""
        register("sk-live-contract-0123456789")
        failure = Failure("unauthorised", "no: sk-live-contract-0123456789, api_key=hunter2000")
        store.add(
            [
                _changed(served("r1"), answer=Answer(failure=failure)),
                served("r2", "your key is sk-live-contract-0123456789; password: sesame"),
                Feedback(request="r2", task="tickets", at=1.0, comment="sk-live-contract-0123456789"),
            ]
        )
        first, second = (record.answer for _, record in store.served("tickets"))
        assert first.failure is not None
        assert first.failure.message == "no: ***, api_key=***"
        assert second.output == "your key is ***; password: sesame"
        assert store.feedback("tickets")[0].record.comment == "***"

    def test_many_threads_add_and_read(self, store: LiveStore) -> None:
        """Nothing is lost."""
        problems: list[BaseException] = []

        def work(number: int) -> None:
            try:
                for n in range(20):
                    store.add([served(f"{number}/{n}")])
                    assert f"{number}/{n}" in store.find([f"{number}/{n}"])
            except BaseException as problem:  # noqa: BLE001 (a thread's failure must fail the test)
                problems.append(problem)

        _together([threading.Thread(target=work, args=(number,)) for number in range(8)])
        assert problems == []
        assert len(store.served("tickets")) == 160

    def test_several_write_and_a_follower_misses_nothing(self, tmp_path: Path) -> None:
        """What is committed later has a higher number than what was read before, however writers overlap."""
        if not self.shared:
            pytest.skip("nobody else sees this store")
        stores = [self.open(tmp_path) for _ in range(4)]
        reader = self.open(tmp_path, write=False)
        done = threading.Event()
        followed: list[str] = []

        def follow() -> None:
            last = 0
            while True:
                ending = done.is_set()
                new = reader.served("tickets", after=last, most=7)
                followed.extend(record.request for _, record in new)
                last = new[-1].number if new else last
                if ending and not new:
                    return

        def work(store: LiveStore, number: int) -> None:
            for n in range(25):
                store.add([served(f"{number}/{n}/{part}") for part in range(3)])

        follower = threading.Thread(target=follow)
        follower.start()
        _together([threading.Thread(target=work, args=(store, number)) for number, store in enumerate(stores)])
        done.set()
        follower.join()
        assert sorted(followed) == sorted(f"{i}/{n}/{part}" for i in range(4) for n in range(25) for part in range(3))
        for store in (*stores, reader):
            store.close()

    def test_a_reader_refuses_to_write(self, tmp_path: Path) -> None:
        """A report must not change what it is of; and it makes no store where there is none."""
        if not self.shared:
            pytest.skip("nobody else sees this store")
        with pytest.raises(StoreError, match=r"There is no live store at .* merits release"):
            self.open(tmp_path, write=False)
        store = self.open(tmp_path)
        reader = self.open(tmp_path, write=False)
        with pytest.raises(StoreError, match="opened to be read"):
            reader.add([served("r1")])
        with pytest.raises(StoreError, match="opened to be read"):
            reader.forget("tickets", 1.0)
        store.add([served("r1")])
        assert reader.last_number("tickets") > 0
        store.close()
        reader.close()

    def test_what_was_added_is_there_after_reopening(self, tmp_path: Path) -> None:
        """When `add` returns, the records are on disk."""
        if not self.shared:
            pytest.skip("this store keeps nothing once it is closed")
        records: list[LiveRecord] = [served("r1"), release(1), Rollout(task="tickets", at=1.0, champion=1)]
        store = self.open(tmp_path)
        store.add(records)
        store.close()
        store.close()
        again = self.open(tmp_path)
        assert again.served("tickets")[0].record == records[0]
        assert [*again.releases("tickets"), *again.rollouts("tickets")] == records[1:]
        again.close()


def _together(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
