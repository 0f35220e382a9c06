"""Which answers are drawn: each with the same chance, and only those that a label can correct."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from merits.core.outcome import Status
from merits.core.task import Example, ScorerSpec, Settings, Task
from merits.evaluating.drawing import draw_answers
from tests.evaluating.making import named, run
from tests.evaluating.test_judging import open_store

TASK = Task(
    name="words",
    kind="generation",
    examples=tuple(Example(f"e{i}", f"text {i}", "text") for i in range(8)),
    scorers=(ScorerSpec("contains"),),
    settings=Settings(repeats=2, retries=0),
)


def first_half(input: object) -> str:
    if int(str(input).split()[1]) >= 4:
        raise ValueError("too much")
    return str(input)


def test_each_answer_with_a_verdict_has_the_same_chance(tmp_path: Path) -> None:
    """Of 8 examples asked twice and 4 failures: 16 and 8 answers, of which 4 each are drawn 2,000 times."""
    counted: Counter[tuple[str, str, int]] = Counter()
    with open_store(tmp_path / "s") as store:
        found = run(TASK, named(all=lambda text: text, half=first_half), store)
        assert (found.status == Status.FAILED).sum() == 8
        examples = {example.id: example for example in TASK.examples}
        for seed in range(2000):
            drawn = draw_answers(found, examples, store, 4, taken={("all", "e0", 0)}, rng=random.Random(seed))
            counted.update((label.candidate, label.example, label.repeat) for label in drawn.blank)
            assert (drawn.counts, drawn.left) == ({"all": 4, "half": 4}, {"all": 11, "half": 4})
    expected = {"all": 2000 * 4 / 15, "half": 2000 * 4 / 8}
    assert Counter(name for name, _, _ in counted) == {"all": 15, "half": 8}
    for (name, _, _), n in counted.items():
        assert abs(n - expected[name]) < 5 * (expected[name] * (1 - expected[name] / 2000)) ** 0.5
