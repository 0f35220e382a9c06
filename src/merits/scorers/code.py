"""Solved when the program that was written passes its tests, run in a sandbox (see `sandbox`)."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.identity import JSON
from merits.core.outcome import Score
from merits.core.task import Example
from merits.reading.values import shorten, text_of
from merits.scorers.reading import SOLVED, CannotJudge, wrong
from merits.scorers.sandbox import Limits, check_sandbox, run_code

__all__ = ["Params", "fingerprint", "load", "program_of"]

_FENCED = re.compile(r"```[ \t]*([\w+-]*)[ \t]*\r?\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
_DEFINED = re.compile(r"^def\s+(\w+)", re.MULTILINE)
_AT_THE_MARGIN = re.compile(r"(?:def|class|import|from|@|async|if __name__)\b|@|#")
_LONGEST = 100_000  # characters of a program


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """How the program is put together, and what it may use."""

    completes: Annotated[
        bool, msgspec.Meta(description="The answer goes on where the input ends, as in HumanEval.")
    ] = False
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=600, description="Seconds for the code and its tests.")] = 5.0
    memory_mb: Annotated[int, msgspec.Meta(ge=64, description="Memory that it may use, in MiB.")] = 512
    packages: Annotated[
        tuple[str, ...], msgspec.Meta(description="Installed modules that it may import, beyond Python's own.")
    ] = ()


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that runs Python in a sandbox without files, network, processes or secrets; Linux only.

    The target is the tests: a text, a list of texts, or a mapping with `test` and `entry_point` (HumanEval): then
    `check(entry_point)` is called after it. The program is the first fenced block of the answer that defines the entry
    point, else the longest one, else the whole answer. The same program is run once. TaskError on another system.

    >>> score = load(Params(), classes=(), folder=Path())
    >>> tests = "assert double(2) == 4"
    >>> answer = Answer("Here it is:\\n```python\\ndef double(n):\\n    return 2 * n\\n```\\nDone.")
    >>> score(Example(id="1", input="Write double(n).", target=tests), answer).solved
    True
    """
    check_sandbox()
    limits = Limits(params.timeout_s, params.memory_mb * 2**20)

    @lru_cache(maxsize=10_000)
    def outcome(program: str, tests: str) -> str:
        return run_code(program, tests, limits, params.packages)

    def score(example: Example, answer: Answer) -> Score:
        tests, entry = _tests(example)
        program = program_of(text_of(answer.output), text_of(example.input) if params.completes else "", entry)
        if not program.strip():
            return wrong("no program")
        if len(program) > _LONGEST:
            return wrong(f"a program of {len(program)} characters")
        problem = outcome(_plain(program), tests)
        return wrong(shorten(problem)) if problem else SOLVED

    return score


def fingerprint(params: Params, *, folder: Path) -> str:
    """The version of Python that runs the code."""
    return ".".join(platform.python_version_tuple()[:2])


def _tests(example: Example) -> tuple[str, str]:
    """The tests of an example, and the name of the function that they are of ("" where it is not said)."""
    target: JSON = example.target
    entry = ""
    if isinstance(target, Mapping):
        entry = text_of(target.get("entry_point"))
        target = target.get("test", target.get("tests"))
    if isinstance(target, Sequence) and not isinstance(target, str):
        target = "\n".join(map(text_of, target))
    tests = text_of(target)
    if not tests.strip():
        raise CannotJudge(f"the target of example {example.id!r} holds no tests")
    if "def check(" in tests:
        entry = entry or next(reversed(_DEFINED.findall(text_of(example.input))), "")
        tests += f"\ncheck({entry})" if entry.isidentifier() else ""
    return tests, entry


def program_of(said: str, prompt: str = "", entry: str = "") -> str:
    """The program in an answer, after the prompt that it completes (if any).

    >>> program_of("Sure:\\n```python\\nx = 1\\n```")
    'x = 1'
    >>> program_of("return 2 * n", "import math\\n\\ndef double(n):\\n")
    'import math\\n\\ndef double(n):\\n    return 2 * n'
    >>> program_of("def double(n):\\n    return n + n", "import math\\n\\ndef double(n):\\n", "double")
    'import math\\n\\ndef double(n):\\n    return n + n'
    """
    blocks = [body for language, body in _FENCED.findall(said) if language.lower() in ("", "python", "python3", "py")]
    code = said
    if blocks:
        code = next((body for body in blocks if entry and f"def {entry}" in body), max(blocks, key=len))
    if not prompt:
        return code
    name = entry or next(reversed(_DEFINED.findall(prompt)), "")
    if name and re.search(rf"^def\s+{re.escape(name)}\b", code, re.MULTILINE):
        return prompt[: prompt.rfind(f"def {name}")] + code
    first = code.lstrip("\n")
    if first and not first[0].isspace() and not _AT_THE_MARGIN.match(first):
        first = f"    {first}"  # a model's answer is often stripped
    return f"{prompt}{'' if prompt.endswith(chr(10)) else chr(10)}{first}"


def _plain(program: str) -> str:
    """The program without what cannot be sent to another process."""
    return program.encode("utf-8", errors="replace").decode()
