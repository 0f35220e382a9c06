"""Dev and test never share a question, and stay what they are when data is added."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merits.core.clusters import units_of
from merits.tasks.normalise import normalised
from merits.tasks.splitting import by_hash, by_time, stratified

KEYS = st.lists(st.text("abc", min_size=1, max_size=2), min_size=1, max_size=60)


@given(KEYS, st.data(), st.integers(0, 5))
def test_a_unit_is_never_on_both_sides(keys: list[str], data: st.DataObject, seed: int) -> None:
    """A candidate trained on a question that it is tested on has only to remember."""
    groups = data.draw(st.lists(st.sampled_from(["", "g", "h"]), min_size=len(keys), max_size=len(keys)))
    labels = data.draw(st.lists(st.sampled_from("xyz"), min_size=len(keys), max_size=len(keys)))
    units = units_of(keys, groups)
    times = [float(number) for number in range(len(keys))]
    for sides in (
        by_hash(keys, units, test=0.5, seed=seed),
        stratified(keys, units, labels, test=0.5, seed=seed),
        by_time(times, units, test=0.5),
    ):
        for same in (keys, groups):
            side_of: dict[str, bool] = {}
            for value, side in zip(same, sides, strict=True):
                if value:
                    assert side == side_of.setdefault(value, side)


def test_units_join_what_shares_a_key_or_a_group_even_by_a_chain() -> None:
    assert units_of(["a", "b", "b", "c"], ["g", "g", "", ""]) == [0, 0, 0, 1]


def test_stratified_keeps_the_share_of_every_label() -> None:
    generator = np.random.default_rng(0)
    labels = generator.choice(["often", "rare"], 2000, p=[0.9, 0.1]).tolist()
    keys = [f"question {number}" for number in range(2000)]
    sides = stratified(keys, units_of(keys), labels, test=0.3, seed=0)
    for label, n in Counter(labels).items():
        n_test = sum(side for side, own in zip(sides, labels, strict=True) if own == label)
        assert abs(n_test - 0.3 * n) <= 1


def test_a_label_with_one_example_stays_in_dev_and_with_two_is_on_both_sides() -> None:
    """What is not in dev cannot be learned."""
    sides = stratified(list("abc"), [0, 1, 2], ["one", "two", "two"], test=0.5, seed=0)
    assert not sides[0]
    assert sorted(sides[1:]) == [False, True]


def test_another_seed_gives_another_split_and_the_same_seed_the_same() -> None:
    keys = [f"question {number}" for number in range(100)]
    labels = ["x"] * 100
    units = units_of(keys)
    first, again, other = (stratified(keys, units, labels, test=0.5, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_split_does_not_depend_on_the_order_of_the_rows() -> None:
    """A file that was sorted differently must not move a question from dev to test."""
    keys = [f"question {number}" for number in range(200)]
    labels = [key[-1] for key in keys]
    order = np.random.default_rng(0).permutation(200)
    shuffled = [keys[i] for i in order]
    plain = dict(zip(keys, stratified(keys, units_of(keys), labels, test=0.4, seed=3), strict=True))
    again = stratified(shuffled, units_of(shuffled), [labels[i] for i in order], test=0.4, seed=3)
    assert plain == dict(zip(shuffled, again, strict=True))


def test_hash_moves_nothing_when_rows_are_added() -> None:
    keys = [f"question {number}" for number in range(300)]
    before = by_hash(keys[:200], units_of(keys[:200]), test=0.5, seed=0)
    after = by_hash(keys, units_of(keys), test=0.5, seed=0)
    assert before == after[:200]
    assert 0.4 < np.mean(after) < 0.6


def test_time_puts_the_latest_in_test_and_a_repeated_question_where_it_was_first_asked() -> None:
    assert by_time([1, 2, 3, 4], [0, 1, 2, 3], test=0.5) == [False, False, True, True]
    assert by_time([1, 2, 3, 4], [0, 1, 2, 0], test=0.5) == [False, False, True, False]


def test_examples_of_one_moment_stay_together() -> None:
    assert by_time([1, 2, 2, 2], [0, 1, 2, 3], test=0.5) == [False, True, True, True]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Where is my card?", "where is my card", True),
        ("Straße", "STRASSE", True),
        ("ﬁne", "fine", True),
        ("top-up", "top up", True),
        ("can't", "cant", False),
        ("?", "!", False),
        ("1.5", "15", False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": 1.5}, False),
    ],
)
def test_when_two_inputs_are_the_same_to_a_reader(one: object, other: object, same: bool) -> None:
    assert same == (normalised(one) == normalised(other))  # type: ignore[arg-type]
