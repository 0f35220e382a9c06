"""The published schema accepts what runs and refuses what does not, so that an editor can be believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from merits.candidates import registry as candidates
from merits.scorers import registry as scorers
from merits.tasks.definition import Definition
from merits.tasks.draft import draft
from merits.tasks.file import parse_yaml
from merits.tasks.schema import publish, schema

BASE: dict[str, Any] = {"data": "t.csv", "input": "text", "target": "label"}


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    found = schema()
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"data": {"dev": "a.csv", "test": "b.csv"}, "kind": "generation", "input": ["a", "b"], "slices": ["c"]},
        {"split": "hash", "sample": 10},
        {"split": {"method": "time", "column": "day"}, "sample": {"dev": 5}},
        {"scorers": "label"},
        {"scorers": ["label", {"kind": "numeric", "tolerance": 0.1, "name": "near"}]},
        {"needs": {"requirements": ["accuracy >= 0.8"], "worth_of_solved": 1}, "settings": {"concurrency": 2}},
        {"candidates": ["most-common", {"name": "t", "kind": "text-linear", "price": {"machine_per_hour": 0.1}}]},
        {"candidates": {"a": "most-common", "b": {"kind": "constant", "output": "x"}}},
    ],
)
def test_good_files_are_accepted(validator: jsonschema.Draft202012Validator, more: dict[str, Any]) -> None:
    validator.validate({**BASE, **more})


@pytest.mark.parametrize(
    "more",
    [
        {"dta": "x"},
        {"data": {"dev": "a.csv"}},
        {"data": 5},
        {"kind": "clasification"},
        {"split": {"method": "tim"}},
        {"split": {"test": 1.5}},
        {"sample": "ten"},
        {"scorers": "labl"},
        {"scorers": [{"kind": "numeric", "tolerence": 1}]},
        {"scorers": []},
        {"needs": {"curency": "EUR"}},
        {"needs": {"currency": "euro"}},
        {"settings": {"concurrency": 0}},
        {"candidates": ["most-comon"]},
        {"candidates": ["constant"]},
        {"candidates": [{"kind": "constant", "outptu": "x"}]},
        {"candidates": [{"kind": "constant", "output": "x", "price": {"per_cal": 1}}]},
        {"candidates": [{"output": "x"}]},
        {"candidates": ["object"]},
    ],
)
def test_bad_files_are_refused(validator: jsonschema.Draft202012Validator, more: dict[str, Any]) -> None:
    assert not validator.is_valid({**BASE, **more})


def test_a_draft_is_accepted(validator: jsonschema.Draft202012Validator, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label\n" + "".join(f"some words {i} here,{'xy'[i % 2]}\n" for i in range(20)))
    validator.validate(parse_yaml(draft(path).text, "t.yaml")[0])


def test_the_demonstrations_task_is_accepted(validator: jsonschema.Draft202012Validator) -> None:
    demo = Path(__file__).parents[2] / "demo" / "sentiment.yaml"
    validator.validate(parse_yaml(demo.read_text("utf-8"), demo.name)[0])


def test_every_key_and_every_parameter_is_described() -> None:
    """An editor shows these descriptions; a key without one is a riddle."""
    found = schema()
    assert set(Definition.__struct_fields__) == set(found["properties"])
    missing = [key for key, part in found["properties"].items() if not part.get("description")]
    for side in ("candidate", "scorer"):
        for option in found["$defs"][side]["anyOf"]:
            for key, part in option.get("properties", {}).items():
                if key != "kind" and not part.get("description"):
                    missing.append(f"{option['title']}.{key}")
    assert missing == []


def test_every_kind_that_a_file_can_name_is_there() -> None:
    found = schema()["$defs"]
    sides = ("candidate", "scorer")
    titles = {side: {option.get("title") for option in found[side]["anyOf"]} - {None} for side in sides}
    assert set(candidates.kinds()) - {"object"} == titles["candidate"]
    assert set(scorers.kinds()) == titles["scorer"]


def test_the_published_schema_is_fresh(tmp_path: Path) -> None:
    """Editors complete what this version understands. To renew it: merits schema > docs/task.schema.json"""
    publish(tmp_path / "schema.json")
    published = Path(__file__).parents[2] / "docs" / "task.schema.json"
    assert (tmp_path / "schema.json").read_text("utf-8") == published.read_text("utf-8")
