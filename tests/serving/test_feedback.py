"""What became of answers: joined on the request's id, one or many; unknown, twice and contradicting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

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
        while len(running.live.feedback("t")) < 4:
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
