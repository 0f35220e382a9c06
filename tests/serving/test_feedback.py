"""What became of answers: joined on the request's id, one or many; unknown, twice and contradicting."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from merits.core.serving import ServeSettings
from merits.serving.keys import new_key
from merits.testing.live import MemoryLive
from merits.testing.models import Constant
from merits.testing.serving import ModelUnit, a_release, served

Make = Callable[..., Any]


def test_feedback_is_joined_told_of_and_kept(tmp_path: Path, client: Make) -> None:
    """Of many: what is new, what was said before, what contradicts it, and whom nobody knows."""
    with served([ModelUnit(a_release(), Constant("yes"))], tmp_path) as running:
        ask = client(running.url)
        request = ask.post("/predict", {"input": "hi"}).json["merits"]["request"]
        first = ask.post("/feedback", {"request": request, "target": "yes", "source": "label", "by": "anna"})
        running.until_stored(1)
        while not running.live.feedback("t"):
            pass
        many = ask.post(
            "/feedback",
            {
                "feedback": [
                    {"request": request, "target": "yes", "source": "label"},
                    {"request": request, "target": "no", "source": "label"},
                    {"request": request, "solved": False},
                    {"request": "req_unknown", "solved": True},
                    {"request": request},
                ]
            },
        )
        while len(running.live.feedback("t")) < 3:
            pass
    assert (first.status, first.json["kept"], first.json["duplicate"]) == (200, True, False)
    assert many.status == 207
    told = many.json["items"]
    assert [(each["kept"], each.get("duplicate"), each.get("contradicts")) for each in told[:3]] == [
        (True, True, False),
        (True, False, True),
        (True, False, False),
    ]
    assert [each["status"] for each in told[3:]] == [404, 400]
    kept = [numbered.record for numbered in running.live.feedback("t")]
    assert [(one.target, one.solved, one.source) for one in kept] == [
        ("yes", None, "label"),
        ("no", None, "label"),
        (None, False, "user"),
    ]
    assert kept[0].by == "anna"


def test_feedback_at_once_is_known(tmp_path: Path, client: Make) -> None:
    """Before the store has the answer."""
    with served([ModelUnit(a_release(), Constant("yes"))], tmp_path) as running:
        ask = client(running.url)
        for _ in range(5):
            request = ask.post("/predict", {"input": "hi"}).json["merits"]["request"]
            assert ask.post("/feedback", {"request": request, "solved": True}).status == 200


def test_what_cannot_be_feedback_is_refused(tmp_path: Path, client: Make) -> None:
    """And while the store is away nothing is promised."""
    with served([ModelUnit(a_release(), Constant("yes"))], tmp_path) as running:
        ask = client(running.url)
        assert ask.post("/feedback", {"request": "r", "score": 3}).code == "invalid_value"
        assert ask.post("/feedback", {"feedback": []}).code == "invalid_value"
        assert ask.post("/feedback", {"request": "nobody", "solved": True}).status == 404
        running.live.away = True
        said = ask.post("/feedback", {"request": "nobody", "solved": True})
        running.live.away = False
    assert (said.status, said.code) == (503, "store_away")


def until_heard(live: MemoryLive, n: int) -> list[Any]:
    """So many words, once the store has them."""
    end = time.monotonic() + 5.0
    while len(live.feedback("t")) < n:
        assert time.monotonic() < end, live.feedback("t")
        time.sleep(0.02)
    return [numbered.record for numbered in live.feedback("t")]


def test_what_was_said_a_moment_ago_is_known_before_the_store_has_it(tmp_path: Path, client: Make) -> None:
    """The shipper lags; a word that is sent again is told to be a duplicate, and is kept once."""
    with served([ModelUnit(a_release(), Constant("yes"))], tmp_path) as running:
        ask = client(running.url)
        request = ask.post("/predict", {"input": "hi"}).json["merits"]["request"]
        told = [ask.post("/feedback", {"request": request, "solved": solved}).json for solved in (True, True, False)]
        again = ask.post(
            "/feedback", {"feedback": [{"request": request, "solved": True}, {"request": request, "solved": False}]}
        )
        heard = until_heard(running.live, 2)
        time.sleep(0.5)
        assert len(running.live.feedback("t")) == len(heard) == 2
        assert running.gateway.desk.on_the_way.on([request]) == []
    assert [(one["duplicate"], one["contradicts"]) for one in told] == [(False, False), (True, False), (False, True)]
    assert [one["duplicate"] for one in again.json["items"]] == [True, True]


def test_a_label_names_a_class(tmp_path: Path, client: Make) -> None:
    """A mistyped one would count against the model."""
    release = a_release(classes=("negative", "positive"))
    with served([ModelUnit(release, Constant("positive"))], tmp_path) as running:
        ask = client(running.url)
        request = ask.post("/predict", {"input": "hi"}).json["merits"]["request"]
        wrong = ask.post("/feedback", {"request": request, "target": "postive"})
        right = ask.post("/feedback", {"request": request, "target": "Positive"})
        heard = until_heard(running.live, 1)
    assert (wrong.status, wrong.code, wrong.json["error"]["param"]) == (400, "unknown_label", "target")
    assert "Did you mean 'positive'?" in wrong.json["error"]["message"]
    assert right.status == 200
    assert [one.target for one in heard] == ["positive"]


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("regression", 7.5, "seven"),
        ("regression", "7", [7]),
        ("translation", ["ja", "jawohl"], {"de": "ja"}),
        ("recommendation", {"items": ["a"]}, []),
        ("extraction", {"total": 3}, 3),
    ],
)
def test_the_right_answer_is_of_the_sort_of_answers(
    tmp_path: Path, client: Make, kind: str, right: Any, wrong: Any
) -> None:
    """What it could never be held against is refused with what is expected."""
    with served([ModelUnit(a_release(kind=kind), Constant("yes"))], tmp_path) as running:
        ask = client(running.url)
        given = {"items": ["a"]} if kind == "recommendation" else "hi"
        request = ask.post("/predict", {"input": given}).json["merits"]["request"]
        refused = ask.post("/feedback", {"request": request, "target": wrong})
        taken = ask.post("/feedback", {"request": request, "target": right})
    assert (refused.status, refused.code, refused.json["error"]["param"]) == (400, "invalid_value", "target")
    assert "The target must be" in refused.json["error"]["message"]
    assert taken.status == 200


@pytest.mark.parametrize(("keep", "comment"), [(False, ""), (True, "ask [e-mail]")])
def test_texts_of_feedback_are_redacted(tmp_path: Path, client: Make, keep: bool, comment: str) -> None:
    """A comment is kept only where content is; numbers that a task is about are left alone."""
    with served([ModelUnit(a_release(kind="generation", keep=keep), Constant("yes"))], tmp_path) as running:
        ask = client(running.url)
        request = ask.post("/predict", {"input": "hi"}).json["merits"]["request"]
        said = {"request": request, "target": "Dear anna@shop.example", "comment": "ask eva@shop.example"}
        assert ask.post("/feedback", said).status == 200
        heard = until_heard(running.live, 1)
    assert (heard[0].target, heard[0].comment) == ("Dear [e-mail]", comment)


def test_a_target_that_is_a_number_is_kept_as_it_is(tmp_path: Path, client: Make) -> None:
    """Though it looks like that of a telephone."""
    with served([ModelUnit(a_release(kind="regression"), Constant(1.0))], tmp_path) as running:
        ask = client(running.url)
        request = ask.post("/predict", {"input": "hi"}).json["merits"]["request"]
        assert ask.post("/feedback", {"request": request, "target": "4930123456"}).status == 200
        assert until_heard(running.live, 1)[0].target == "4930123456"


def test_who_may_say_what_of_whose_requests(tmp_path: Path, client: Make) -> None:
    """Users of their own requests; labels and verdicts of any need a scope of their own, which admin has."""
    live, keys = MemoryLive(), {}
    for name, scopes in {
        "shop": ("predict", "feedback"),
        "other": ("predict", "feedback"),
        "labeller": ("feedback", "label"),
        "admin": ("admin",),
    }.items():
        keys[name], record = new_key(now=0.0, name=name, scopes=scopes)
        live.add([record])
    with served(
        [ModelUnit(a_release(), Constant("yes"))], tmp_path, live=live, settings=ServeSettings(port=0)
    ) as running:
        ask = {name: client(running.url, key) for name, key in keys.items()}
        request = ask["shop"].post("/predict", {"input": "hi"}).json["merits"]["request"]

        def status(name: str, source: str) -> int:
            said = ask[name].post("/feedback", {"request": request, "solved": True, "source": source})
            assert said.status == 200 or said.code == "scope"
            return int(said.status)

        sources = ("user", "label", "judge")
        assert [status("shop", source) for source in sources] == [200, 403, 403]
        assert [status("other", source) for source in sources] == [403, 403, 403]
        assert [status("labeller", source) for source in sources] == [200, 200, 200]
        assert [status("admin", source) for source in sources] == [200, 200, 200]
        assert ask["labeller"].post("/predict", {"input": "hi"}).status == 403
        assert ask["admin"].post("/predict", {"input": "hi"}).status == 200
