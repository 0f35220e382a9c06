"""Answers that wait for their labels: a sample of bounded size, by chance."""

from __future__ import annotations

from merits.core.answer import Answer
from merits.production.asked_ahead import AskedAhead

DAY = 86_400.0


def test_of_much_traffic_a_sample_by_ids_waits() -> None:
    """Of all of it, not of the newest: labels that come late are scored too. Restarts change nothing."""
    one, other = AskedAhead(most=100), AskedAhead(most=100)
    for n in range(2_000):
        one.put(f"r{n}", float(n), Answer(n))
        other.put(f"r{n}", float(n), Answer(n))
        other = AskedAhead(other.kept, other.halvings, most=100)
    assert one.kept == other.kept
    assert 25 <= len(one.kept) <= 100
    assert sum(at < 1_000.0 for _, at, _ in one.kept) > 10


def test_an_answer_is_taken_once_and_not_put_again_in_its_place() -> None:
    """The first counts: later it would be of what had learned more."""
    waiting = AskedAhead()
    waiting.put("r", 1.0, Answer("first"))
    waiting.put("r", 2.0, Answer("second"))
    assert waiting.take("r") == Answer("first")
    assert waiting.take("r") is None


def test_what_waited_for_a_month_waits_no_more() -> None:
    """Nobody labels it any more, and its room is needed."""
    waiting = AskedAhead()
    for day in (0, 20, 31):
        waiting.put(f"r{day}", day * DAY, Answer(day))
    assert [request for request, _, _ in waiting.kept] == ["r20", "r31"]
