"""Recipes are checked before anything runs, and a wrong key names the one that was meant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from merits.candidates.registry import LoadContext, check, kinds, load, params_schema, parts_of
from merits.core.candidate import Candidate
from merits.core.errors import CandidateError
from merits.core.identity import JSON

KINDS = [name for name in kinds() if name != "object"]


def recipe(kind: str, **params: JSON) -> Candidate:
    """A recipe with as many parts as its kind needs."""
    least = parts_of(kinds()[kind])[0] if kind in kinds() else 0
    parts = tuple(Candidate(name=f"part {n}", kind="text-linear") for n in range(least))
    return Candidate(name="mine", kind=kind, params=params, parts=parts)


def test_an_unknown_kind_names_the_near_miss() -> None:
    """Typing errors are the commonest error of all."""
    with pytest.raises(CandidateError, match=r"no kind of candidate 'text-linaer'\. Did you mean 'text-linear'\?"):
        check(recipe("text-linaer"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_misspelt_parameter_of_any_kind_names_the_near_miss(kind: str) -> None:
    """A parameter that is silently ignored would make a candidate look worse than it is."""
    schema = params_schema()[kind]
    assert isinstance(schema, Mapping)
    for name in sorted({*schema.get("properties", {})} - {"parts"}):
        with pytest.raises(CandidateError, match=rf"unknown key '{name}s'.*Did you mean '{name}"):
            check(recipe(kind, **{f"{name}s": 1}))


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_of_every_kind_is_described(kind: str) -> None:
    """Editors show the description while the task file is written."""
    schema = params_schema()[kind]
    assert isinstance(schema, Mapping)
    assert schema["description"]
    assert schema["additionalProperties"] is False
    assert all(about.get("description") for about in schema.get("properties", {}).values())


def test_schemas_are_whole_in_themselves() -> None:
    """They are put into the task file's schema, where a reference would lead nowhere."""
    assert "$ref" not in str(params_schema())


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        (recipe("constant"), "it lacks the key output"),
        (recipe("text-linear", words=0, characters=0), "leaves nothing to count"),
        (recipe("text-linear", strength="strong"), "strength: expected a number, found text"),
        (recipe("text-linear", min_examples=0), "min_examples must be at least 1"),
        (recipe("sklearn"), "name either an estimator or a pipeline"),
        (recipe("sklearn", estimator="a.B", pipeline=["a.B"]), "name either an estimator or a pipeline"),
        (recipe("sklearn", pipeline=["a.B"], params={"C": 1}), "parameters of a pipeline stand in its steps"),
        (recipe("chat", model="m", prompt="Classify this."), r"shows no input: write \{input\}"),
        (recipe("chat", model="m", provider="opnai"), "provider"),
        (recipe("chat", model="m", parameters={"api_key": "x"}), "set OPENAI_API_KEY"),
        (recipe("chat", model="m", parameters={"messages": []}), "'messages' is not to be set"),
        (recipe("command", run=[]), "run"),
    ],
)
def test_bad_parameters_are_refused_before_anything_is_loaded(candidate: Candidate, message: str) -> None:
    """Nothing was asked yet, so nothing is lost."""
    with pytest.raises(CandidateError, match=message):
        check(candidate)


def test_parts_are_refused_by_kinds_that_have_none() -> None:
    """A recipe that is half ignored would be another candidate than the one named."""
    with pytest.raises(CandidateError, match="takes no parts"):
        check(Candidate(name="a", kind="most-common", parts=(recipe("most-common"),)))


def test_what_cannot_be_loaded_names_the_candidate(tmp_path: Path) -> None:
    """With ten candidates in a file the reader must know which one to mend."""
    with pytest.raises(CandidateError, match=r"candidate 'mine': there is no program 'no-such-program'"):
        load(recipe("command", run=["no-such-program"]), LoadContext(folder=tmp_path))


def test_a_kind_that_calls_nobody_has_no_address_to_call() -> None:
    staying = {name: kind for name, kind in kinds().items() if getattr(kind, "ON_PREMISES", False)}
    assert {"constant", "whisper", "ease", "gguf"} <= set(staying)
    assert not {"chat", "python", "command", "object", "imported", "transcription"} & set(staying)
    for name, kind in staying.items():
        fields = {field.name for field in msgspec.structs.fields(kind.Params)}
        assert not fields & {"base_url", "provider"}, name
