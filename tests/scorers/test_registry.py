"""Scorers are found by name, and a wrong name or parameter names the near miss."""

from __future__ import annotations

import msgspec
import pytest

from merits.core.errors import TaskError
from merits.core.task import ScorerSpec
from merits.scorers.registry import check, default_scorers, fingerprint, kinds, params_schema


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        (ScorerSpec("lable"), "there is no scorer 'lable'. Did you mean 'label'?"),
        (ScorerSpec("zzz"), "There are: bleu, "),
        (ScorerSpec("numeric", {"tolerence": 1}), "Did you mean 'tolerance'?"),
        (ScorerSpec("numeric", {"tolerance": "1"}), "tolerance: expected a number, found text"),
        (ScorerSpec("numeric", {"tolerance": -1}), "tolerance: expected"),
        (ScorerSpec("numeric", {"which": "first"}), "which: 'first' is not one of its words"),
        (ScorerSpec("python", {"function": "rules.judge"}), "function: expected text matching regex"),
    ],
)
def test_a_mistake_in_a_spec_names_what_was_meant(spec, found):
    """Before anything is asked or paid for."""
    with pytest.raises(TaskError) as caught:
        check(spec)
    assert found in str(caught.value)


def test_every_kind_says_what_each_parameter_is_for():
    """The descriptions are shown by editors that complete the task file."""
    for name, kind in kinds().items():
        assert kind.__doc__, name
        for field in msgspec.inspect.type_info(kind.Params).fields:
            extra = msgspec.json.schema(field.type) if False else field.type
            described = isinstance(extra, msgspec.inspect.Metadata) and (extra.extra_json_schema or {}).get(
                "description"
            )
            assert described, f"{name}.{field.name}"


def test_the_schema_of_the_parameters_is_json():
    """It becomes part of the published schema of the task file."""
    schema = params_schema()
    assert set(schema) == set(kinds())
    assert msgspec.json.decode(msgspec.json.encode(schema)) == schema


def test_the_default_scorers_are_right_for_the_kind():
    """A task that names none still runs."""
    assert [s.kind for s in default_scorers("classification")] == ["label"]
    assert [s.kind for s in default_scorers("generation")] == ["normalised"]
    assert [s.kind for s in default_scorers("translation")] == ["chrf", "bleu", "ter"]
    for kind in ("classification", "generation", "translation"):
        for spec in default_scorers(kind):
            check(spec)


def test_a_fingerprint_changes_with_the_parameters():
    """What scored is part of how it was run."""
    assert fingerprint(ScorerSpec("numeric")) != fingerprint(ScorerSpec("numeric", {"tolerance": 1}))
    assert fingerprint(ScorerSpec("numeric")) == fingerprint(ScorerSpec("numeric"))
