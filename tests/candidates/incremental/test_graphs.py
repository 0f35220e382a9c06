"""Graphs of objects as bytes: what is shared stays shared, and nobody's code runs."""

from __future__ import annotations

import collections
import datetime
import functools
import random
import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merits.candidates.incremental.graphs import BrokenGraph, graph_of, object_of

pytest.importorskip("river")


def packed(top: object, nodes: list[list[Any]]) -> bytes:
    return zlib.compress(msgspec.msgpack.encode([1, top, nodes]))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=30,
)


@given(thing=PLAIN)
@settings(max_examples=200, deadline=None)
def test_any_plain_thing_comes_back(thing: object) -> None:
    """Numbers of any size and all bits of a float, types included."""
    found = object_of(graph_of(thing))
    assert found == thing
    assert repr(found) == repr(thing)


def test_what_hangs_on_itself_comes_back() -> None:
    """Trees of River know their neighbours."""
    ring: list[Any] = [1]
    ring.append({"ring": ring})
    found = object_of(graph_of(ring))
    assert found[1]["ring"] is found


def test_a_chain_of_any_depth_comes_back() -> None:
    """A tree over sorted numbers is as deep as there are numbers."""
    chain: list[Any] = []
    for _ in range(20_000):
        chain = [chain]
    depth, found = 0, object_of(graph_of(chain))
    while found:
        depth, found = depth + 1, found[0]
    assert depth == 20_000


def test_collections_keep_what_they_are() -> None:
    made = collections.defaultdict(functools.partial(collections.defaultdict, float))
    made["a"]["x"] = 1.5
    generator = random.Random(4)
    things = [made, collections.deque([1, 2], maxlen=2), collections.Counter("aab"), {1, 2}, generator]
    defaults, deque, counter, numbers, drawn = object_of(graph_of(things))
    assert defaults["b"]["y"] == 0.0
    assert (deque, deque.maxlen, counter, numbers) == (collections.deque([1, 2]), 2, collections.Counter("aab"), {1, 2})
    assert drawn.random() == generator.random()


@pytest.mark.parametrize(
    "nodes",
    [
        [["global", "os:system"]],
        [["global", "builtins:eval"]],
        [["global", "river.utils.pretty:print_table"]],
        [["global", "river.tree.base:importlib"]],
        [["object", "subprocess:Popen", [], [], []]],
        [["object", "river.tree.splitter.ebst_splitter:EBSTNode._update_estimator_univariate", [], [], []]],
        [["partial", [1], ["true"], []], ["global", "os:system"]],
        [["partial", [1], [], []], ["list", []]],
        [["method", [1], "__reduce__"], ["list", []]],
        [["tuple", [[0]]]],
        [["list", [[7]]]],
        [["list", [[-1]]]],
        [["nonsense"]],
        [[]],
    ],
)
def test_what_no_model_is_made_of_is_refused(nodes: list[list[Any]]) -> None:
    """Whoever can write a state must not be able to run anything."""
    with pytest.raises(BrokenGraph):
        object_of(packed([0], nodes))


def test_what_no_model_is_made_of_is_not_written() -> None:
    with pytest.raises(BrokenGraph, match="datetime"):
        graph_of(datetime.timedelta(1))


@given(data=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_other_bytes_are_refused(data: bytes) -> None:
    for broken in (data, zlib.compress(data)):
        with pytest.raises(BrokenGraph):
            object_of(broken)
