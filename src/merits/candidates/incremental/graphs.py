"""The objects that a model of River is made of, as bytes and back: exactly, and without unpickling.

The graph is written flat, as a list of nodes that name each other by number: containers, numbers, and objects of the
classes that are listed here with what their attributes hold. Reading makes objects of these classes only, fills their
attributes, and calls none of their code but what puts a compiled class's own numbers back. Objects that were shared
are shared again, dictionaries keep their order, random generators their state, and every number all its bits.

Measured on one core: see docs/production/learning.md. Knows nothing about what models learn.
"""

from __future__ import annotations

import collections
import copy
import functools
import importlib
import random
import statistics
import types
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

__all__ = ["BrokenGraph", "graph_of", "object_of"]

_FORMAT = 1
_ROOM = 1 << 31  # bytes that a state may unfold to
_MODULES = (
    "river.compose.pipeline",
    "river.drift.adwin",
    "river.drift.no_drift",
    "river.forest.adaptive_random_forest",
    "river.linear_model.",
    "river.metrics.",
    "river.naive_bayes.",
    "river.optim.",
    "river.preprocessing.scale",
    "river.preprocessing.scale_target",
    "river.proba.",
    "river.stats.",
    "river.tree.",
    "river._river_rust.drift",
    "river._river_rust.vectordict",
)
_FUNCTIONS = frozenset(  # that are kept as attributes
    {
        "river.tree.splitter.ebst_splitter:EBSTNode._update_estimator_univariate",
        "river.tree.splitter.ebst_splitter:EBSTNode._update_estimator_multivariate",
    }
)
_OTHERS: dict[str, Any] = {
    "builtins.dict": dict,
    "builtins.float": float,
    "builtins.int": int,
    "builtins.list": list,
    "builtins.set": set,
    "collections.Counter": collections.Counter,
    "collections.defaultdict": collections.defaultdict,
    "collections.deque": collections.deque,
    "copy.deepcopy": copy.deepcopy,
    "statistics.NormalDist": statistics.NormalDist,
}
_OF_BROKEN = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, ImportError, RecursionError)
_DRAWS = "river.proba."
_SIMPLE = (bool, int, float, str, bytes)
_SMALL = 1 << 63


class BrokenGraph(ValueError):
    """Bytes that hold no such graph, or an object that is of no class that is listed here."""


def graph_of(root: object) -> bytes:
    """The object and all that hangs on it as bytes, compressed. BrokenGraph for a class that is not listed.

    >>> import collections
    >>> shared = [1, 2.5]
    >>> a, b, c = object_of(graph_of([shared, shared, collections.defaultdict(float, {"x": float("inf")})]))
    >>> a is b, c["x"], c["y"]
    (True, inf, 0.0)
    """
    writer = _Writer()
    top = writer.value(root)
    writer.finish()
    return zlib.compress(msgspec.msgpack.encode([_FORMAT, top, writer.nodes]), 1)


def object_of(data: bytes) -> Any:
    """The object that these bytes hold. BrokenGraph for others, and for classes that are not listed."""
    unfolded = zlib.decompressobj()
    try:
        plain = unfolded.decompress(data, _ROOM)
        if unfolded.unconsumed_tail or not unfolded.eof:
            raise BrokenGraph("it is cut off, or larger than 2 GiB")
        version, top, nodes = msgspec.msgpack.decode(plain, type=tuple[int, Any, list[list[Any]]])
        if version != _FORMAT:
            raise BrokenGraph(f"it is of the format {version}, and {_FORMAT} is read here")
        return _Reader(nodes).root(top)
    except BrokenGraph:
        raise
    except (zlib.error, msgspec.MsgspecError, *_OF_BROKEN) as problem:
        raise BrokenGraph(f"it holds no state of a model: {problem}") from problem


class _Writer:
    """Numbers objects as they are met, and writes each once: without recursion, for trees are deep."""

    def __init__(self) -> None:
        self.nodes: list[list[Any]] = []
        self._numbers: dict[int, int] = {}
        self._kept: list[object] = []  # so that no id is given away while it is in use
        self._waiting: list[tuple[int, object]] = []

    def value(self, thing: Any) -> Any:
        """A simple value as it is, the number of a node in a list for anything else."""
        kind = type(thing)
        if thing is None or kind in _SIMPLE:
            return thing if kind is not int or -_SMALL <= thing < _SMALL else self._node(thing)
        return self._node(thing)

    def finish(self) -> None:
        """Writes all that was met, and what hangs on it."""
        while self._waiting:
            number, thing = self._waiting.pop()
            self.nodes[number] = self._written(thing)

    def _node(self, thing: Any) -> list[int]:
        number = self._numbers.get(id(thing))
        if number is None:
            number = self._numbers[id(thing)] = len(self.nodes)
            self._kept.append(thing)
            self.nodes.append([])
            self._waiting.append((number, thing))
        return [number]

    def _all(self, things: Iterable[Any]) -> list[Any]:
        return [self.value(thing) for thing in things]

    def _pairs(self, mapping: Any) -> list[Any]:
        flat: list[Any] = []
        for key, thing in mapping.items():
            flat += (self.value(key), self.value(thing))
        return flat

    def _written(self, thing: Any) -> list[Any]:
        writes = _vector if type(thing).__name__ == "VectorDict" else _WRITERS.get(type(thing))
        if writes is not None:
            return writes(self, thing)
        if isinstance(thing, type | types.FunctionType | types.BuiltinFunctionType):
            return ["global", _checked(thing)]
        return self._object(thing)

    def _object(self, thing: Any) -> list[Any]:
        name = _checked(type(thing))
        function, args, *rest = thing.__reduce_ex__(2)
        if getattr(function, "__name__", "") != "__newobj__" or args[0] is not type(thing) or any(rest[1:]):
            raise BrokenGraph(f"{name} takes itself apart in a way that is not known here")
        state = rest[0] if rest else None
        if hasattr(type(thing), "__setstate__"):
            inner = ["d", self._pairs(state)] if isinstance(state, dict) else self._all(_row(state))
            return ["set", name, self._all(args[1:]), isinstance(state, tuple), inner]
        attributes, slots = state if isinstance(state, tuple) else (state, None)
        if name.startswith(_DRAWS):  # 2.5 kB of a generator that nothing is drawn from while learning
            attributes = {key: value for key, value in attributes.items() if key != "_rng"}
        return ["object", name, self._all(args[1:]), self._pairs(attributes or {}), self._pairs(slots or {})]


def _row(state: object) -> tuple[object, ...]:
    return state if isinstance(state, tuple) else (state,)


def _random(writer: _Writer, thing: random.Random) -> list[Any]:
    version, numbers, gauss = thing.getstate()
    return ["random", version, list(numbers), gauss]


def _vector(writer: _Writer, thing: Any) -> list[Any]:
    content, *rest = thing.__reduce_ex__(2)[1]
    return ["vector", writer._pairs(content), writer._all(rest)]


_WRITERS: dict[type, Callable[[_Writer, Any], list[Any]]] = {
    int: lambda writer, thing: ["int", str(thing)],
    list: lambda writer, thing: ["list", writer._all(thing)],
    tuple: lambda writer, thing: ["tuple", writer._all(thing)],
    set: lambda writer, thing: ["set of", writer._all(sorted(thing, key=repr))],
    frozenset: lambda writer, thing: ["frozen", writer._all(sorted(thing, key=repr))],
    dict: lambda writer, thing: ["dict", writer._pairs(thing)],
    collections.OrderedDict: lambda writer, thing: ["ordered", writer._pairs(thing)],
    collections.Counter: lambda writer, thing: ["counter", writer._pairs(thing)],
    collections.defaultdict: lambda writer, thing: [
        "default",
        writer._pairs(thing),
        writer.value(thing.default_factory),
    ],
    collections.deque: lambda writer, thing: ["deque", writer._all(thing), thing.maxlen],
    functools.partial: lambda writer, thing: [
        "partial",
        writer.value(thing.func),
        writer._all(thing.args),
        writer._pairs(thing.keywords),
    ],
    types.MethodType: lambda writer, thing: ["method", writer.value(thing.__self__), thing.__func__.__name__],
    random.Random: _random,
}


class _Reader:
    """Makes all objects empty first, then fills them, so that they may hang on each other in any way."""

    def __init__(self, nodes: list[list[Any]]) -> None:
        self._nodes = nodes
        self._made: list[Any] = [None] * len(nodes)
        self._is_made = [False] * len(nodes)
        self._being_made: set[int] = set()

    def root(self, top: Any) -> Any:
        for number in range(len(self._nodes)):
            self._make(number)
        late = []
        for number, node in enumerate(self._nodes):
            if node[0] == "set":
                late.append((number, node))
            else:
                self._fill(self._made[number], node)
        for number, node in late:  # their code may read what hangs on them
            self._put_back(self._made[number], node)
        return self._value(top)

    def _value(self, written: Any) -> Any:
        return self._make(written[0]) if isinstance(written, list) else written

    def _all(self, written: Iterable[Any]) -> list[Any]:
        return [self._value(one) for one in written]

    def _pairs(self, flat: list[Any]) -> Iterable[tuple[Any, Any]]:
        values = iter(self._all(flat))
        return zip(values, values, strict=True)

    def _make(self, number: int) -> Any:
        if number < 0:
            raise BrokenGraph("a node has no number")
        if self._is_made[number]:
            return self._made[number]
        if number in self._being_made:
            raise BrokenGraph("an object is needed to make itself")
        self._being_made.add(number)
        made = self._empty(self._nodes[number])
        self._being_made.discard(number)
        self._made[number], self._is_made[number] = made, True
        return made

    def _empty(self, node: list[Any]) -> Any:
        form = node[0]
        if form in _EMPTY:
            return _EMPTY[form]()
        if form in ("object", "set"):
            cls = _found(node[1])
            if not isinstance(cls, type):
                raise BrokenGraph(f"{node[1]} is no class")
            return cls.__new__(cls, *self._all(node[2]))
        makes = _MAKERS.get(form)
        if makes is None:
            raise BrokenGraph(f"there is no node {form!r}")
        return makes(self, node)

    def _fill(self, made: Any, node: list[Any]) -> None:
        form = node[0]
        if form in ("dict", "ordered", "counter", "default"):
            for key, value in self._pairs(node[1]):
                made[key] = value
        elif form in ("list", "deque"):
            made.extend(self._all(node[1]))
        elif form == "set of":
            made.update(self._all(node[1]))
        elif form == "object":
            if node[3]:
                made.__dict__.update(self._pairs(node[3]))
            for name, value in self._pairs(node[4]):
                object.__setattr__(made, name, value)
            if node[1].startswith(_DRAWS):
                made._rng = random.Random(0)

    def _put_back(self, made: Any, node: list[Any]) -> None:
        _, _, _, is_row, inner = node
        if len(inner) == 2 and inner[0] == "d":
            made.__setstate__(dict(self._pairs(inner[1])))
            return
        values = tuple(self._all(inner))
        made.__setstate__(values if is_row else values[0])


def _made_random(reader: _Reader, node: list[Any]) -> random.Random:
    found = random.Random()
    found.setstate((node[1], tuple(node[2]), node[3]))
    return found


def _made_method(reader: _Reader, node: list[Any]) -> Any:
    owner, name = reader._value(node[1]), node[2]
    _checked(type(owner))
    function = getattr(type(owner), name)
    if not isinstance(function, types.FunctionType):
        raise BrokenGraph(f"{name!r} is no method")
    return types.MethodType(function, owner)


def _made_partial(reader: _Reader, node: list[Any]) -> Any:
    function = reader._value(node[1])
    _checked(function)
    return functools.partial(function, *reader._all(node[2]), **dict(reader._pairs(node[3])))


def _made_vector(reader: _Reader, node: list[Any]) -> Any:
    from river.utils import VectorDict

    return VectorDict(dict(reader._pairs(node[1])), *reader._all(node[2]))


_EMPTY: dict[str, Callable[[], Any]] = {
    "list": list,
    "dict": dict,
    "set of": set,
    "ordered": collections.OrderedDict,
    "counter": collections.Counter,
}
_MAKERS: dict[str, Callable[[_Reader, list[Any]], Any]] = {
    "int": lambda reader, node: int(node[1]),
    "tuple": lambda reader, node: tuple(reader._all(node[1])),
    "frozen": lambda reader, node: frozenset(reader._all(node[1])),
    "default": lambda reader, node: collections.defaultdict(reader._value(node[2])),
    "deque": lambda reader, node: collections.deque(maxlen=node[2]),
    "partial": _made_partial,
    "global": lambda reader, node: _found(node[1]),
    "method": _made_method,
    "random": _made_random,
    "vector": _made_vector,
}


def _checked(thing: Any) -> str:
    """The name of a class or function that is listed here; BrokenGraph for any other."""
    name = f"{thing.__module__}:{thing.__qualname__}"
    if _found(name) is not thing:
        raise BrokenGraph(f"{name} is not what it is called")
    return name


def _found(name: str) -> Any:
    """The class or function of that name, where it is listed."""
    module, _, path = name.partition(":")
    if f"{module}.{path}" in _OTHERS:
        return _OTHERS[f"{module}.{path}"]
    if not any(module == one or (one.endswith(".") and module.startswith(one)) for one in _MODULES):
        raise BrokenGraph(f"{name} is nothing that a model is made of")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    if not (isinstance(found, type) or name in _FUNCTIONS) or found.__module__ != module:
        raise BrokenGraph(f"{name} is nothing that a model is made of")
    return found
