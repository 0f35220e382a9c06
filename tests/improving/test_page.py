"""The page on improving: its example of a technique is a whole one, and its words are true of the command."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from merits.core.candidate import Candidate
from merits.core.doors import Improver
from merits.core.task import Example, ScorerSpec, Task
from merits.improved import improve
from merits.improving import registry
from merits.tasks.definition import Definition
from merits.testing.contracts.improver import ImproverContract

PAGE = (Path(__file__).parents[2] / "docs" / "improve" / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def phrases() -> ModuleType:
    """The technique of the page, as a module."""
    module = ModuleType("phrases")
    sys.modules["phrases"] = module  # msgspec looks annotations up there
    exec(compile(blocks("python")[0], "phrases.py", "exec"), module.__dict__)
    return module


class TestTheExample(ImproverContract):
    """It keeps to what every technique must keep to."""

    def make_improver(self) -> Improver:
        module = phrases()
        made: Improver = module.make(module.Params())
        return made

    def seeds(self) -> list[Candidate]:
        return [Candidate(name="words", kind="text-linear"), Candidate(name="none", kind="constant")]


@pytest.fixture
def technique(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The technique of the page, as the only one that is installed."""
    module = phrases()
    monkeypatch.setattr("merits.searching.steering.technique_names", lambda: ("phrases",))
    monkeypatch.setattr("merits.searching.steering.technique", lambda name: module)
    monkeypatch.setattr(registry, "technique", lambda name: module)
    yield module
    del sys.modules["phrases"]


def told(n: int = 96) -> Task:
    """Which of two comes first decides: single words tell nothing."""
    words = ("red blue", "blue red")
    examples = tuple(
        Example(f"{split}{i}", f"{words[i % 2]} {i % 7}", "ab"[i % 2], split=split)
        for split in ("dev", "test")
        for i in range(n)
    )
    one_word = Candidate(name="words", kind="text-linear", params={"words": 1, "characters": 0})
    return Task(
        name="order",
        kind="classification",
        examples=examples,
        scorers=(ScorerSpec("label"),),
        classes=("a", "b"),
        candidates=(one_word,),
    )


def test_the_example_finds_something_better(technique: ModuleType) -> None:
    done = improve(told(), store=":memory:")
    assert [gain.holds for gain in done.improvement.gains] == ["better"]
    assert done.improvement.gains[0].found in ("words, 2 words", "words, 3 words")


def test_the_example_says_why_it_can_do_nothing(technique: ModuleType) -> None:
    constant = Candidate(name="always", kind="constant", params={"output": "a"})
    done = improve(msgspec.structs.replace(told(20), candidates=(constant,)), store=":memory:")
    assert done.improvement.techniques[0].skipped.startswith("No candidate counts words")


def test_the_entry_point_is_of_the_group_that_is_read() -> None:
    (text,) = blocks("toml")
    assert list(tomllib.loads(text)["project"]["entry-points"]) == ["merits.improvers"]


def test_the_parameters_on_the_page_are_right() -> None:
    import yaml

    (text,) = blocks("yaml")
    for name, params in yaml.safe_load(text)["improve"].items():
        registry.improver_of(name, params)
    for name, params in re.findall(r"--set (\w+)\.(\w+)=", PAGE):
        assert params in registry.technique(name).Params.__struct_fields__
    assert "improve" in Definition.__struct_fields__


def test_every_technique_is_on_the_page() -> None:
    table = PAGE.partition("## What is tried")[2].partition("## ")[0]
    for name in registry.technique_names():
        assert f"`{name}`" in table, name
