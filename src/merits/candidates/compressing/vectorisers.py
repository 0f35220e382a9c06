"""Vectorisers of texts in ONNX, as far as skl2onnx can say them, and mended where it says something else.

What prepares texts (lower case, accents) stays in Python: ONNX Runtime does that by the system's locales, which are
not the same everywhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal

import msgspec
import numpy as np

__all__ = ["NotInOnnx", "Preparing", "mended", "prepared"]

# Python's \w is not that of RE2, which knows ASCII only.
_TOKENS = {
    r"(?u)\b\w\w+\b": r"[\pL\pN_][\pL\pN_]+",
    r"(?u)\b\w+\b": r"[\pL\pN_]+",
    r"(?u)\b\w+\b|[^\w\s]": r"[\pL\pN_]+|[^\pL\pN_\s]",
}


class NotInOnnx(Exception):
    """What comes from this step on cannot be exported."""


class Preparing(msgspec.Struct, frozen=True):
    """Texts as a graph takes them, shape (texts, 1): prepared as a vectoriser of scikit-learn does it first.

    >>> Preparing(lowercase=True, strip_accents="unicode")(["Déjà vu"]).tolist()
    [['deja vu']]
    """

    lowercase: bool
    strip_accents: Literal["ascii", "unicode"] | None

    def __call__(self, texts: Any) -> np.ndarray[Any, Any]:
        first = _preparation(self)
        return np.array([[re.sub(r"\s", " ", first(text))] for text in texts], object).reshape(-1, 1)


@cache
def _preparation(way: Preparing) -> Callable[[Any], str]:
    from sklearn.feature_extraction.text import CountVectorizer

    made: Callable[[Any], str] = CountVectorizer(
        lowercase=way.lowercase, strip_accents=way.strip_accents
    ).build_preprocessor()
    return made


def prepared(steps: Sequence[Any], options: dict[int, dict[str, Any]]) -> Preparing:
    """What does the first work on texts, which the vectorisers among the steps then do no more."""
    vectorisers = [each for step in steps for each in _vectorisers(step)]
    if not vectorisers:
        raise NotInOnnx(f"{type(steps[0]).__name__} reads texts")
    ways = {(each.lowercase, each.strip_accents) for each in vectorisers}
    own = any(each.preprocessor or each.tokenizer or callable(each.analyzer) for each in vectorisers)
    if len(ways) > 1 or own or callable(vectorisers[0].strip_accents):
        raise NotInOnnx("its texts are prepared in several ways, or by code of one's own")
    first = Preparing(bool(vectorisers[0].lowercase), vectorisers[0].strip_accents)
    for each in vectorisers:
        if each.analyzer == "char_wb":
            raise NotInOnnx("pieces of words (char_wb) have no counterpart")
        if each.analyzer == "word":
            if each.token_pattern not in _TOKENS:
                raise NotInOnnx(f"the token_pattern {each.token_pattern!r} is not known in ONNX")
            options[id(each)] = {"tokenexp": _TOKENS[each.token_pattern]}
        each.lowercase, each.strip_accents = False, None
    return first


def _vectorisers(step: Any) -> list[Any]:
    from sklearn.feature_extraction.text import CountVectorizer

    inner = getattr(step, "transformer_list", None) or getattr(step, "steps", None) or []
    found = [each for _, part in inner for each in _vectorisers(part)]
    return [step] if isinstance(step, CountVectorizer) else found


def mended(model: Any, steps: Sequence[Any]) -> Any:
    """The graph with 1 + log of a count above 0, which is what `sublinear_tf` means; NotInOnnx where it cannot be.

    skl2onnx 1.20 writes log(1 + count). Both are nodes of one kind and another: of max(count, 1/e) the logarithm is -1
    where the count is 0, and 1 more is 0 again.
    """
    from onnx import helper, numpy_helper

    wanted = sum(bool(getattr(each, "sublinear_tf", False)) for step in steps for each in _vectorisers(step))
    numbers = {each.name: each for each in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    n, nodes = 0, []
    for node in model.graph.node:
        nodes.append(node)
        adds = makers.get(node.input[0]) if node.op_type == "Log" else None
        ones = numbers.get(adds.input[1]) if adds is not None and adds.op_type == "Add" else None
        if adds is None or ones is None or not np.all(numpy_helper.to_array(ones) == 1.0):
            continue
        one, least = np.ones(1, np.float32), np.full(1, 1.0 / math.e, np.float32)
        model.graph.initializer.extend(
            [numpy_helper.from_array(one, f"one_{n}"), numpy_helper.from_array(least, f"least_{n}")]
        )
        adds.op_type, adds.input[1], said = "Max", f"least_{n}", node.output[0]
        node.output[0] = f"logarithm_{n}"
        nodes.append(helper.make_node("Add", [node.output[0], f"one_{n}"], [said], name=f"sublinear_{n}"))
        n += 1
    if n != wanted:
        raise NotInOnnx("this skl2onnx writes sublinear_tf in a way that is not known here")
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model
