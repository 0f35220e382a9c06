"""What is kept of a request, and that it is forgotten when its time is over."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from merits.core.answer import Answer, Failure
from merits.core.identity import JSON
from merits.core.live import Rollout
from merits.core.reference import Reference, StreamReference
from merits.core.release import ContentPolicy
from merits.serving.forgetting import forget_what_is_over
from merits.serving.set_aside import set_aside
from merits.store import open_live
from merits.testing.contracts.live_store import served as a_request
from merits.testing.live import MemoryLive
from merits.testing.models import Constant, Fake
from merits.testing.serving import ModelUnit, a_release, served

Make = Callable[..., Any]
DAY = 86_400.0


class Refusing(Fake):
    """Repeats what it was sent in what it says went wrong."""

    async def _reply(self, input: JSON) -> Answer:
        return Answer(failure=Failure("bad_request", f"cannot read {input!r}"))


def test_each_task_has_the_time_of_what_is_in_force(tmp_path: Path) -> None:
    """The shorter one where a challenger answers too; the age counts, not when it is looked at."""
    live = open_live(tmp_path / "live.sqlite")
    first, second = (
        replace(a_release("a", version), content=ContentPolicy(keep=True, days=days))
        for version, days in ((1, 30.0), (2, 7.0))
    )
    live.add([first, second, Rollout(task="a", at=0.0, champion=1)])
    live.add(
        [replace(a_request(f"r{days}", task="a", at=100 * DAY - days * DAY), input="Anna") for days in (5, 10, 40)]
    )

    def kept() -> list[str]:
        return [one.record.request for one in live.served("a") if one.record.input is not None]

    assert forget_what_is_over(live, (), 100 * DAY) == 1
    assert kept() == ["r5", "r10"]
    live.add([Rollout(task="a", at=1.0, champion=1, challenger=2, mode="shadow", share=1.0)])
    assert forget_what_is_over(live, ["a"], 100 * DAY) == 1
    assert kept() == ["r5"]
    assert forget_what_is_over(live, ["never served"], 100 * DAY) == 0
    live.close()


def test_a_server_forgets_when_it_starts(tmp_path: Path) -> None:
    """Nobody need think of it."""
    live = MemoryLive()
    live.add(
        [
            replace(a_request("old", task="t", at=time.time() - 31 * DAY), input="Anna"),
            replace(a_request("new", task="t", at=time.time() - 29 * DAY), input="Bert"),
            a_request("newest", task="t", at=time.time() - 60.0),
        ]
    )
    with served([ModelUnit(a_release(keep=True), Constant("yes"))], tmp_path, live=live):
        end = time.monotonic() + 5.0
        while live.find(["old"])["old"][0].input is not None:
            assert time.monotonic() < end
            time.sleep(0.02)
        assert live.find(["new"])["new"][0].input == "Bert"


@pytest.mark.parametrize(("keep", "said"), [(False, ""), (True, "cannot read 'I am [e-mail]'")])
def test_what_a_failure_says_is_content(tmp_path: Path, client: Make, keep: bool, said: str) -> None:
    """Its kind is always kept; what it says only where content is, redacted."""
    with served([ModelUnit(a_release(keep=keep), Refusing())], tmp_path) as running:
        client(running.url).post("/predict", {"input": "I am anna@shop.example"})
        running.until_stored(1)
        failure = running.live.served("t")[0].record.answer.failure
    assert failure is not None
    assert failure.kind == "bad_request"
    assert failure.message == said


@pytest.mark.parametrize(("wrote", "stored"), [("Ham.", "ham"), ("Anna's card is 4111 1111 1111 1111", "")])
def test_of_a_label_in_words_only_the_label_is_kept(tmp_path: Path, client: Make, wrote: str, stored: str) -> None:
    """A chat model may repeat the input in what should be a label; the client is given all of it."""
    with served([ModelUnit(a_release(keep=False, classes=("ham", "spam")), Constant(wrote))], tmp_path) as running:
        reply = client(running.url).post("/predict", {"input": "which?"})
        running.until_stored(1)
        assert reply.json["output"] == wrote
        assert running.live.served("t")[0].record.answer.output == stored


def test_what_was_set_aside_is_forgotten_too(tmp_path: Path) -> None:
    """Records that the store refused, and journals that could not be read: by the age of each."""
    live = MemoryLive()
    live.add([a_release("a"), Rollout(task="a", at=0.0, champion=1)])
    for days in (40, 20):
        set_aside(tmp_path, replace(a_request(f"r{days}", at=100 * DAY - days * DAY), input="Anna"), "no: Anna")
        (tmp_path / f"{days}.damaged").write_text("Anna")
        os.utime(tmp_path / f"{days}.damaged", (100 * DAY - days * DAY,) * 2)
    with (tmp_path / "refused.jsonl").open("a") as file:
        file.write('{"kind": "ser')
    assert forget_what_is_over(live, (), 100 * DAY, tmp_path) == 2
    lines = (tmp_path / "refused.jsonl").read_text().splitlines()
    assert [json.loads(line)["record"]["request"] for line in lines[:-1]] == ["r20"]
    assert lines[-1] == '{"kind": "ser'
    assert [path.name for path in tmp_path.glob("*.damaged")] == ["20.damaged"]


@pytest.mark.parametrize("keep", [False, True])
def test_no_word_is_kept_that_the_reference_does_not_have(tmp_path: Path, client: Make, keep: bool) -> None:
    """Columns are watched by the categories of the test examples; what else stands in them may be a name."""
    known = StreamReference(
        name="input: plan", kind="category", counts=(9, 9, 0, 0), shares=(0.5, 0.5, 0, 0), categories=("gold", "tin")
    )
    folder = tmp_path / "releases" / "t" / "1" / "artefacts"
    folder.mkdir(parents=True)
    reference = Reference(kind="classification", n=18, streams=(known,))
    (folder / "reference.json").write_bytes(msgspec.json.encode(reference))
    release = a_release(inputs=("plan", "who", "age"), keep=keep)
    with served([ModelUnit(release, Constant("yes"))], tmp_path) as running:
        for plan in ("gold", "Anna"):
            said = client(running.url).post("/predict", {"input": {"plan": plan, "who": "Bert", "age": 41}})
            assert said.status == 200, said.body
        running.until_stored(2)
        seen = [one.record.seen for one in running.live.served("t")]
    assert seen == [
        {"plan": "gold", "who": "(other)", "age": 41.0},
        {"plan": "(other)", "who": "(other)", "age": 41.0},
    ]
