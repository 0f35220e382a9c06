"""How many labels are wrong is estimated well enough to be worth a look: known flips are found again."""

from __future__ import annotations

import numpy as np
import pytest

from merits.core.task import Example, Task
from merits.tasks.label_noise import LabelNoise, label_noise, noise_of
from merits.tasks.looks.seeing import Sight
from merits.tasks.make import make_task
from merits.tasks.profile import profile

TOPICS = {
    "card": ["card", "bank", "pin", "lost", "blocked", "replace", "terminal", "cash", "machine", "debit"],
    "parcel": ["parcel", "delivery", "courier", "door", "neighbour", "tracking", "late", "package", "van", "depot"],
    "login": ["password", "login", "account", "reset", "email", "code", "session", "locked", "browser", "sign"],
}


def tickets(n: int, flipped: float, seed: int, overlap: float = 0.2) -> tuple[list[dict[str, str]], set[int]]:
    """Tickets of three topics with some words of others, and which of them have another's label."""
    generator = np.random.default_rng(seed)
    names = list(TOPICS)
    rows, wrong = [], set()
    for i in range(n):
        own = names[int(generator.integers(3))]
        words = [
            str(generator.choice(TOPICS[own if generator.random() > overlap else names[int(generator.integers(3))]]))
            for _ in range(10)
        ]
        label = own
        if generator.random() < flipped:
            label = str(generator.choice([name for name in names if name != own]))
            wrong.add(i)
        rows.append({"id": str(i), "text": " ".join([*words, str(i)]), "label": label})
    return rows, wrong


def looked_at(task: Task) -> LabelNoise:
    found = label_noise(Sight(task, (*task.split("dev"), *task.split("test"))))
    assert found is not None
    return found


@pytest.mark.parametrize("flipped", [0.0, 0.1, 0.2])
def test_known_flips_are_estimated_and_the_most_suspicious_are_flips(flipped: float) -> None:
    rows, wrong = tickets(900, flipped, seed=1)
    found = looked_at(make_task(rows, id="id"))
    assert found.share.low is not None
    assert found.share.high is not None
    assert found.share.low - 0.02 <= len(wrong) / 900 <= found.share.high + 0.02
    if flipped:
        hits = [int(suspect.example) in wrong for suspect in found.suspects]
        assert np.mean(hits) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("n", [300, 1500])
@pytest.mark.parametrize("flipped", [0.0, 0.05, 0.1, 0.2])
def test_the_interval_holds_the_true_share_where_words_tell_the_topics_apart(n: int, flipped: float) -> None:
    """Forty draws: the interval of 95 %, a point wider for what the classifier itself confuses, holds in 85 %."""
    held = []
    for seed in range(40):
        rows, wrong = tickets(n, flipped, seed)
        share = looked_at(make_task(rows, id="id")).share
        held.append((share.low or 0) - 0.01 <= len(wrong) / n <= (share.high or 1) + 0.01)
    assert np.mean(held) >= 0.85


def test_flips_of_one_class_into_another_are_counted_in_full() -> None:
    """The slow definition: the joint of labels and confident classes, scaled to the labels' counts."""
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], (200, 100, 50))
    likely = labels.copy()
    likely[:40] = 1
    probabilities = np.full((350, 3), 0.1) + 0.7 * np.eye(3)[likely] * generator.uniform(0.6, 1.0, (350, 1))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    share, suspected = noise_of(labels, probabilities, [str(i) for i in range(350)])
    own = [probabilities[labels == j, j].mean() for j in range(3)]
    joint = np.zeros((3, 3))
    for label, row in zip(labels, probabilities, strict=True):
        over = [j for j in range(3) if row[j] >= own[j]]
        if over:
            joint[label, max(over, key=lambda j: row[j])] += 1
    joint = joint / joint.sum(axis=1, keepdims=True) * np.bincount(labels)[:, None]
    assert share.value == pytest.approx((joint.sum() - np.trace(joint)) / 350)
    assert set(suspected) <= set(range(40))


def test_examples_of_one_group_are_in_one_fold() -> None:
    """Copies of a wrongly labelled text must not teach that it is right."""
    rows, wrong = tickets(300, 0.15, seed=3)
    copies = [{**row, "id": f"{row['id']}-{copy}", "ticket": row["id"]} for row in rows for copy in range(3)]
    found = looked_at(make_task(copies, id="id", group="ticket"))
    assert abs((found.share.value or 0) - len(wrong) / 300) < 0.06
    assert found.share.n == 300


def test_many_wrong_labels_are_a_finding_and_few_are_none() -> None:
    """With the next step, and the ids to begin with."""
    many, few = (profile(make_task(tickets(600, share, seed=5)[0], id="id")) for share in (0.15, 0.0))
    (finding,) = [finding for finding in many.warnings if finding.code == "label-noise"]
    assert "label_noise" in finding.next_step
    assert many.label_noise is not None
    assert many.label_noise.suspects[0].example in finding.text
    assert "label-noise" not in [finding.code for finding in few.warnings]
    assert profile(make_task(tickets(600, 0.15, seed=5)[0]), thorough=False).label_noise is None


def test_a_classifier_that_is_often_wrong_itself_says_so_and_accuses_nobody() -> None:
    """Where words hardly tell the topics apart, hard cases look like wrong labels."""
    found = profile(make_task(tickets(900, 0.0, seed=2, overlap=0.75)[0], id="id"))
    assert found.label_noise is not None
    assert (found.label_noise.share.low or 0) > 0.05
    assert not found.label_noise.is_telling
    assert "label-noise" not in [finding.code for finding in found.warnings]


def test_labels_that_have_nothing_to_do_with_the_inputs_are_not_called_wrong() -> None:
    """What a picture decides cannot be doubted by the words beside it."""
    generator = np.random.default_rng(1)
    rows = [
        {"text": " ".join(generator.choice(["round", "red", "large", "old"], 3)) + f" {i}", "label": label}
        for i, label in enumerate(generator.choice(["no", "yes"], 300, p=[0.3, 0.7]))
    ]
    found = profile(make_task(rows))
    assert found.label_noise is not None
    assert (found.label_noise.share.low or 0) > 0.2
    assert not found.label_noise.is_telling
    assert "label-noise" not in [finding.code for finding in found.warnings]


def test_columns_are_doubted_as_texts_are_and_too_few_examples_are_not() -> None:
    generator = np.random.default_rng(0)
    rows = [{"x": float(generator.normal(4 * (i % 2))), "label": "ab"[i % 2]} for i in range(300)]
    for row in rows[:30]:
        row["label"] = "b" if row["label"] == "a" else "a"
    found = looked_at(make_task(rows, input=["x"], target="label"))
    assert (found.share.low or 0) < 0.1 < (found.share.high or 0)
    small = make_task(tickets(60, 0.1, seed=0)[0])
    assert label_noise(Sight(small, small.examples)) is None
    numbers = make_task(
        [{"text": f"{i}", "n": i * 1.25} for i in range(200)], input="text", target="n", kind="regression"
    )
    assert label_noise(Sight(numbers, numbers.examples)) is None
    assert isinstance(numbers.examples[0], Example)
