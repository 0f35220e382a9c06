"""What is wrong with the data is found before anything is spent, and what it can show is said."""

from __future__ import annotations

import inspect
import math
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from merits.core.needs import Needs
from merits.core.task import Example, Task
from merits.stats.power import minimal_detectable_difference
from merits.stats.proportions import clopper_pearson_bound
from merits.tasks import findings
from merits.tasks.file import load_task
from merits.tasks.findings import WARNINGS
from merits.tasks.make import make_task
from merits.tasks.normalise import normalised
from merits.tasks.outlook import outlooks, power_of
from merits.tasks.profile import Profile, Twins, profile
from merits.tasks.requirements import parse_requirement
from merits.tasks.rows import read
from merits.tasks.twins import jaccard, near_twins

Rows = list[dict[str, object]]
LONG = "this is a rather long question about delivery number"


def rows(n: int = 200) -> Rows:
    return [{"text": f"{word} {number * 7919}", "label": word} for number in range(n // 2) for word in ("good", "bad")]


def divided(dev: Rows, test: Rows, **options: object) -> Profile:
    return profile(make_task({"dev": dev, "test": test}, **options))  # type: ignore[arg-type]


def codes(found: Profile) -> list[str]:
    return [finding.code for finding in found.warnings]


def test_clean_data_has_no_findings() -> None:
    found = profile(make_task(rows(400)))
    assert codes(found) == []
    assert (found.n_dev, found.n_test) == (200, 200)
    assert [(count.label, count.dev, count.test, count.share) for count in found.labels] == [
        ("bad", 100, 100, 0.5),
        ("good", 100, 100, 0.5),
    ]


def test_a_profile_is_plain_data() -> None:
    found = profile(make_task(rows()))
    assert found == msgspec.json.decode(msgspec.json.encode(found), type=Profile)


def test_leakage_is_counted_under_the_closest_kind() -> None:
    """A copy, a copy but for case and signs, and a copy with a word more are three different finds."""
    dev: Rows = [*rows(), {"text": f"{LONG} one", "label": "good"}, {"text": "Where is it?", "label": "bad"}]
    test: Rows = [
        *[{"text": f"other {row['text']}", "label": row["label"]} for row in rows()],
        {"text": "good 0", "label": "good"},
        {"text": "where is IT", "label": "bad"},
        {"text": f"{LONG} one please", "label": "good"},
    ]
    found = divided(dev, test)
    assert Twins(exact=1, normalised=1, near=1) == found.leakage
    assert [(leak.how, leak.dev) for leak in found.leaks] == [
        ("exact", "dev-1"),
        ("normalised", "dev-202"),
        ("near", "dev-201"),
    ]
    assert codes(found) == ["leakage", "near-leakage"]


def test_duplicates_are_counted_within_a_split() -> None:
    dev: Rows = [*rows(), {"text": "good 0", "label": "good"}, {"text": "GOOD 0!", "label": "good"}]
    found = divided(dev, [{"text": f"other {row['text']}", "label": row["label"]} for row in rows()])
    assert (found.duplicates.exact, found.duplicates.normalised) == (1, 1)
    assert Twins() == found.leakage


def test_conflicting_targets_bound_what_anyone_can_solve() -> None:
    test: Rows = [
        *rows(),
        {"text": "odd", "label": "good"},
        {"text": "Odd", "label": "bad"},
        {"text": "odd", "label": "good"},
    ]
    found = divided([{"text": f"other {row['text']}", "label": row["label"]} for row in rows()], test)
    assert (found.n_conflicts, found.n_conflicting, found.n_unsolvable) == (1, 3, 1)
    assert found.conflicts[0].targets == {"good": 2, "bad": 1}
    assert found.conflicts[0].examples == ("test-201", "test-202", "test-203")
    assert "conflicting-targets" in codes(found)


def test_labels_that_are_rare_alike_or_only_in_test() -> None:
    dev: Rows = [*rows(), {"text": "x", "label": "Good"}]
    test: Rows = [{"text": f"other {row['text']}", "label": row["label"]} for row in rows()]
    found = divided(dev, [*test, {"text": "y", "label": "new"}], labels=["good", "bad", "Good", "new"])
    assert found.labels_only_in_test == ("new",)
    assert {"Good", "new"} == set(found.rare_labels)
    assert codes(found) == ["labels-only-in-test", "rare-labels", "labels-alike"]


def test_imbalance_names_what_always_answering_the_same_solves() -> None:
    data = [{"text": f"t {i}", "label": "rare" if i % 20 == 0 else "often"} for i in range(400)]
    found = profile(make_task(data))
    assert "imbalance" in codes(found)
    assert "95% of the examples are 'often'" in found.warnings[codes(found).index("imbalance")].text


def test_groups_on_both_sides_and_few_groups() -> None:
    data: Rows = [{**row, "who": f"w{i % 10}"} for i, row in enumerate(rows())]
    other = [{**row, "text": f"other {row['text']}"} for row in data]
    found = divided(data, other, group="who")
    assert (found.n_groups, found.n_groups_test, found.n_groups_straddling) == (10, 10, 10)
    assert {"groups-on-both-sides", "few-groups", "few-examples"} <= set(codes(found))
    assert found.power.n_independent == 10


def test_a_repeated_question_is_one_independent_example() -> None:
    """It is asked and answered once, however often it is in the data."""
    examples = tuple(Example(str(n), f"question {n % 30}", "ab"[n % 2], tags={"of": "all"}) for n in range(580))
    needs = ["accuracy >= 0.9", "p95_latency <= 1 s", "worst_slice[of] >= 0.8"]
    task = Task(
        name="repeated",
        kind="classification",
        examples=examples,
        scorers=(),
        classes=("a", "b"),
        needs=Needs(requirements=tuple(parse_requirement(text) for text in needs)),
    )
    assert power_of(task).n_independent == 30
    assert [outlook.n for outlook in outlooks(task)] == [30, 30, 30]


def test_tabular_columns_and_missing_values() -> None:
    data = [{"a": i, "b": None if i % 2 else "x", "c": True, "y": "pq"[i % 3 == 0]} for i in range(200)]
    found = profile(make_task(data, input=["a", "b", "c"], target="y"))
    assert [(column.name, column.type, column.n_distinct, column.share_missing) for column in found.columns] == [
        ("a", "number", 200, 0.0),
        ("b", "text", 1, 0.5),
        ("c", "truth", 1, 0.0),
    ]
    assert None is found.characters
    assert "missing-values" in codes(found)


def test_empty_inputs_and_test_only_data() -> None:
    found = profile(make_task({"test": [*rows(), {"text": " ", "label": "bad"}]}))
    assert {"empty-inputs", "no-dev"} <= set(codes(found))


def test_slices_are_counted_by_split() -> None:
    data: Rows = [{**row, "channel": "web" if i % 4 else "mail"} for i, row in enumerate(rows())]
    found = divided(data, [{**row, "text": f"other {row['text']}"} for row in data], slices=["channel"])
    assert [(part.value, part.dev, part.test) for part in found.slices] == [("mail", 50, 50), ("web", 150, 150)]


def test_what_difference_can_be_shown_is_that_of_stats_for_the_number_of_candidates() -> None:
    task = make_task(
        rows(1000), candidates=["most-common", *({"kind": "constant", "output": str(n)} for n in range(3))]
    )
    power = profile(task).power
    assert (power.n_independent, power.n_comparisons) == (500, 3)
    assert minimal_detectable_difference(500, 0.2, comparisons=3) == power.detectable
    assert power.n_for_1_point is not None
    assert minimal_detectable_difference(power.n_for_1_point, 0.2, comparisons=3) == pytest.approx(0.01, rel=0.01)


@pytest.mark.parametrize(
    ("requirement", "n", "share"),
    [
        ("accuracy >= 0.9 @ 95%", 100, 0.9),
        ("failure_rate <= 0.1 @ 95%", 100, 0.9),
        ("recall[good] >= 0.9 @ 95%", 50, 0.9),
        ("p95_latency <= 1 s @ 95%", 100, 0.95),
    ],
)
def test_whether_a_requirement_can_be_shown_at_all(requirement: str, n: int, share: float) -> None:
    """The exact bound, slowly: the fewest in its favour among n whose lower bound reaches the bar."""
    (outlook,) = profile(make_task(rows(200), needs={"requirements": [requirement]})).requirements
    assert n == outlook.n
    bounds = [float(clopper_pearson_bound(k, n, 0.95)) for k in range(n + 1)]
    enough = [k for k, bound in enumerate(bounds) if bound >= share]
    assert bool(enough) == outlook.reachable
    assert (min(enough) / n if enough else None) == outlook.least_share
    assert outlook.n_needed == math.ceil(math.log(0.05) / math.log(share))


def test_a_requirement_out_of_reach_says_how_many_examples_it_takes() -> None:
    found = profile(make_task(rows(60), needs={"requirements": ["accuracy >= 0.99 @ 95%"]}))
    (outlook,) = found.requirements
    assert (outlook.reachable, outlook.n_needed) == (False, 299)
    assert "requirement-out-of-reach" in codes(found)
    assert "299" in found.warnings[-1].next_step


def test_more_candidates_make_a_requirement_harder_to_show() -> None:
    """As in deciding: the one that is named was chosen among all."""
    many = [{"kind": "constant", "output": str(n)} for n in range(5)]
    needed = [
        profile(make_task(rows(), needs={"requirements": ["accuracy >= 0.9"]}, candidates=c)).requirements[0].n_needed
        for c in (many[:1], many)
    ]
    assert needed == [29, 44]


def test_metrics_that_are_no_rate_are_left_open() -> None:
    (outlook,) = profile(make_task(rows(), needs={"requirements": ["macro_f1 >= 0.9"]})).requirements
    assert (outlook.reachable, outlook.n_needed) == (None, None)


def test_every_code_is_explained_and_every_explanation_used() -> None:
    used = set(re.findall(r'code="([\w-]+)"', inspect.getsource(findings)))
    assert set(WARNINGS) == used


def test_near_twins_are_those_that_the_definition_finds() -> None:
    """MinHash against all pairs, on texts that share much: next to none is missed, none is invented."""
    generator = np.random.default_rng(0)
    words = [f"word{number}" for number in range(40)]
    texts = [" ".join(generator.choice(words, 12)) for _ in range(150)]
    texts += [text + " too" for text in texts[:40]] + [text.replace("word1 ", "") for text in texts[40:80]]
    found = {position for pair in near_twins(texts) for position in pair}
    expected = set()
    for a, one in enumerate(texts):
        for b, other in enumerate(texts[:a]):
            if one != other and jaccard(one.encode(), other.encode()) >= 0.8:
                expected |= {a, b}
    assert len(expected) > 50
    assert found <= expected
    assert len(expected - found) <= 0.02 * len(expected)


def test_near_twins_of_strange_texts() -> None:
    assert near_twins([]) == []
    assert near_twins(["", "a", "\ud800 lone surrogate"]) == []
    assert near_twins(["日本語のとても長い質問です、はい" * 3, "日本語のとても長い質問です、はい" * 3 + "!"]) == [
        (0, 1)
    ]


def test_many_texts_of_one_template_are_found_without_verifying_every_pair() -> None:
    """Past 30,000 pairs the estimate counts, so that a generated file does not take minutes."""
    generator = np.random.default_rng(1)
    texts = [
        f"dear customer {generator.integers(10)}, your order {generator.integers(10_000)} of "
        f"{generator.choice(['shoes', 'books'])} has been sent to you by post this morning"
        for _ in range(6000)
    ]
    pairs = near_twins([normalised(text) for text in texts])
    assert len({b for _, b in pairs}) > 5000


def test_banking77_is_known_to_leak_a_little(shared: Path) -> None:
    """A public benchmark, where the slow definition finds the same questions."""
    files = {"dev": shared / "banking77" / "train.csv", "test": shared / "banking77" / "test.csv"}
    texts = {split: [str(row["text"]) for row in read(file).rows] for split, file in files.items()}
    seen = {normalised(text) for text in texts["dev"]}
    found = profile(make_task(files, target="category"))
    assert sum(normalised(text) in seen for text in texts["test"]) == found.leakage.exact + found.leakage.normalised > 0
    assert len(found.labels) == 77
    assert "leakage" in codes(found)


def test_a_fact_says_who_meets_it_before_anything_is_spent() -> None:
    """Whom it rules out, and who does not say; the others are not corrected for whom it rules out."""
    kinds = {"free": {"licence": "MIT"}, "closed": {"licence": "none"}, "silent": {}}
    candidates = [
        {"kind": "constant", "output": name, "name": name, "metadata": metadata} for name, metadata in kinds.items()
    ]
    needs = {"requirements": ["licence in [MIT]", "accuracy >= 0.9"]}
    fact, bar = outlooks(make_task(rows(200), needs=needs, candidates=candidates))
    assert fact.facts == {"free": "met", "closed": "not met", "silent": "not yet known"}
    assert bar.confidence == pytest.approx(1 - 0.05 / 2)


def test_a_margin_to_another_candidate_takes_many_examples_even_if_they_agree() -> None:
    """A hundred test examples answered alike leave open a difference of 3.5 points."""
    needs = {"requirements": ["non-inferior to a by 1 pt", "non-inferior to a by 5 pt"]}
    candidates = [{"kind": "constant", "output": name, "name": name} for name in "ab"]
    strict, loose = outlooks(make_task(rows(200), needs=needs, candidates=candidates))
    assert (strict.reachable, loose.reachable) == (None, True)
    assert strict.n_needed is not None
    assert strict.n_needed > 300


def test_the_worst_slice_is_looked_at_in_the_smallest() -> None:
    """Of the class that it is about."""
    data = [{"text": f"{w} {n}", "label": w, "of": "small" if n < 8 else "big"} for n in range(60) for w in ("x", "y")]
    needs = {"requirements": ["worst_slice(recall[x] by of) >= 0.5", "worst_slice(accuracy by of) >= 0.5"]}
    task = make_task(data, slices="of", needs=needs)
    of_x, of_all = outlooks(task)
    small = [example for example in task.split("test") if example.tags["of"] == "small"]
    assert of_all.n == len(small)
    assert of_x.n == sum(example.target == "x" for example in small)


def test_sounds_that_are_missing_or_empty_are_found_without_opening_them(tmp_path: Path) -> None:
    """Before anything is asked: no candidate could answer these."""
    (tmp_path / "good.wav").write_bytes(b"RIFF")
    (tmp_path / "empty.wav").write_bytes(b"")
    rows = "".join(f"{name}.wav,hello\n" for name in ("good", "empty", "gone"))
    (tmp_path / "clips.csv").write_text(f"sound,text\n{rows}")
    task = "{kind: speech, data: {test: clips.csv}, input: sound, target: text}"
    (tmp_path / "merits.yaml").write_text(task)
    found = {finding.code: finding.text for finding in profile(load_task(tmp_path / "merits.yaml")).warnings}
    assert found["missing-files"] == "1 of 3 inputs name no file that is there: 'gone.wav'."
    assert found["empty-files"] == "1 of 3 inputs name a file without a byte: 'empty.wav'."
