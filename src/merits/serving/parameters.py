"""What OpenAI's clients may send beside the input: asked of a release it is honoured or refused, never ignored.

A release answers as it was proved: sampling, length and form are in its recipe. What asks for nothing else passes: a
default, or what the recipe says too. A server may be told to leave some aside (`serve: leave_aside`), and then the
answer names them in the header `x-merits-left-aside`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

from merits.core.candidate import Candidate
from merits.core.identity import JSON
from merits.serving.http import Headers
from merits.serving.refusals import Refusal

__all__ = ["Beside", "left_aside", "left_aside_header"]

Beside: TypeAlias = JSON
"""A parameter that only passes where it asks for nothing."""

_ANY = object()
_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "dimensions": (),
    "frequency_penalty": (0,),
    "function_call": ("none", "auto"),
    "functions": ([],),
    "logit_bias": ({},),
    "logprobs": (False,),
    "metadata": ({},),
    "modalities": (["text"],),
    "n": (1,),
    "parallel_tool_calls": (True, False),
    "presence_penalty": (0,),
    "prompt_cache_key": (_ANY,),
    "prompt_cache_options": (_ANY,),
    "prompt_cache_retention": (_ANY,),
    "response_format": ({"type": "text"},),
    "service_tier": ("auto", "default"),
    "stop": ([], ""),
    "store": (False,),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
    "top_logprobs": (0,),
    "top_p": (1,),
}
_INSTEAD: Mapping[str, str] = {
    "n": "Send the request again for another answer.",
    "logprobs": "What a release says of its confidence is in the object `merits` of the answer.",
    "top_logprobs": "Probabilities of classes are in the object `merits` of the answer.",
    "metadata": "An id of yours may be sent in the header x-request-id.",
    "response_format": "An answer has the form that the release was proved with.",
    "stream": "Leave it out, and the text comes whole.",
}


def left_aside(given: Iterable[tuple[str, Beside]], candidate: Candidate, allowed: Collection[str]) -> list[str]:
    """The names of those that are left aside because the server was told to. Refusal 400 for others that ask for more.

    >>> chat = Candidate(name="c", kind="chat", params={"model": "m", "parameters": {"temperature": 0}})
    >>> left_aside([("n", 1), ("temperature", 0.0), ("seed", 7), ("stop", None)], chat, ["seed"])
    ['seed']
    """
    aside = []
    for name, value in given:
        if value is None or _asks_nothing(name, value, candidate):
            continue
        if name not in allowed:
            instead = _INSTEAD.get(name, "It answers as it was proved, and its recipe says how: leave this out.")
            text = f"A release does not take {name}={_shown(value)}. {instead}"
            raise Refusal(400, "unsupported_parameter", text, param=name)
        aside.append(name)
    return aside


def left_aside_header(names: Collection[str]) -> Headers:
    """The header that names what was left aside."""
    return [(b"x-merits-left-aside", ", ".join(names).encode())] if names else []


def _asks_nothing(name: str, value: Beside, candidate: Candidate) -> bool:
    inner = candidate.params.get("parameters")
    recipe = {**candidate.params, **inner} if isinstance(inner, Mapping) else candidate.params
    if name in recipe:
        return value == recipe[name]
    return any(one is _ANY or value == one for one in _NEUTRAL.get(name, ()))


def _shown(value: Beside) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
