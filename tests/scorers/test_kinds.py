"""What each kind of scorer calls solved, where the contract suite does not say."""

from __future__ import annotations

import json

import pytest

from merits.core.answer import Answer
from merits.core.errors import TaskError
from merits.core.task import Example, ScorerSpec
from merits.reading.texts import normalise
from merits.scorers.reading import CannotJudge
from merits.scorers.registry import check, fingerprint, load


def score(kind, target, output, folder=".", **params):
    return load(ScorerSpec(kind, params), folder=folder)(
        Example(id="1", input="?", target=target), Answer(output=output)
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Café", "cafe\u0301"),
        ("Straße", "STRASSE"),
        ("  a \t b\n", "a b"),
        ("well-known", "well known"),
        ("U.S.A.", "usa"),
        ("don’t", "dont"),
        ("(yes)", "Yes!"),
        ("１２", "12"),
        ("card_arrival", "Card arrival"),
    ],
)
def test_normalising_evens_out_form(one, other):
    """Differences that no reader would call one."""
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("3.5", "35"), ("-5", "5"), ("60 %", "60"), ("C#", "C"), ("C++", "C"), ("1,2", "12"), ("?", "!"), ("the", "a")],
)
def test_normalising_keeps_meaning(one, other):
    """Differences that change the answer."""
    assert normalise(one) != normalise(other)


def test_articles_and_case_can_matter_or_not():
    """As the task says."""
    assert not score("normalised", "the cat", "Cat").solved
    assert score("normalised", "the cat", "Cat", ignore_articles=True).solved
    assert not score("normalised", "cat", "Cat", ignore_case=False).solved
    assert not score("normalised", "cat", "cat.", ignore_punctuation=False).solved


@pytest.mark.parametrize("kind", ["exact", "normalised", "contains", "numeric", "label"])
def test_any_target_of_a_list_will_do(kind):
    """Question-answering sets list several right answers."""
    assert score(kind, ["7", "8"], "8").solved
    assert not score(kind, ["7", "8"], "9").solved


@pytest.mark.parametrize("kind", ["exact", "normalised", "label"])
def test_no_output_is_never_right(kind):
    """Not even where the target is empty."""
    assert not score(kind, "", None).solved
    assert not score(kind, "x", None).solved


def test_what_contains_nothing_that_is_wanted_is_not_right_and_an_empty_target_cannot_be_judged():
    """An empty target stands in everything."""
    assert not score("contains", "x", None).solved
    with pytest.raises(CannotJudge, match="has no word"):
        score("contains", "", None)


def test_reasons_quote_what_was_said_shortened():
    """A reason goes into tables: one line, not a novel."""
    reason = score("exact", "a", "x" * 10_000).reason
    assert reason.startswith("said 'xxx")
    assert len(reason) < 150


def test_a_regex_solves_by_match_or_by_capture():
    """Without `captured` a match is enough; with it, the group is compared with the target."""
    assert score("regex", None, "order 66", pattern=r"\d+").solved
    assert not score("regex", None, "order 66", pattern=r"\d+", full=True).solved
    assert score("regex", "b", "A: a\nA: b", pattern=r"A: (.)", captured=1).solved
    assert score("regex", "a", "A: a\nA: b", pattern=r"A: (.)", captured=1, which="first").solved
    assert score("regex", "B", "a: b", pattern=r"A: (?P<said>.)", captured="said", ignore_case=True).solved


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"pattern": "("}, "missing ), unterminated subpattern at position 0"),
        ({"pattern": "a", "captured": 1}, "the pattern has 0 groups, there is no group 1"),
        ({"pattern": "(?P<a>a)", "captured": "b"}, "its named groups: a"),
        ({"patern": "a"}, "Did you mean 'pattern'?"),
        ({}, "it lacks the key pattern"),
    ],
)
def test_a_wrong_regex_is_a_task_error(params, found):
    """It is the user's mistake, and found before anything is asked."""
    with pytest.raises(TaskError) as caught:
        check(ScorerSpec("regex", params))
    assert found in str(caught.value)


SCHEMA = {
    "type": "object",
    "properties": {"city": {"$ref": "#/$defs/name"}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["city"],
    "$defs": {"name": {"type": "string", "minLength": 2}},
}


@pytest.mark.parametrize(
    ("output", "solved", "reason"),
    [
        ('{"city": "Bern"}', True, ""),
        ({"city": "Bern"}, True, ""),
        ('```json\n{"city": "Bern"}\n```', True, ""),
        ("{}", False, "the whole: 'city' is a required property"),
        ('{"city": "B"}', False, "city: 'B' is too short"),
        ('{"city": "Bern", "tags": ["a", 1]}', False, "tags.1: 1 is not of type 'string'"),
        ('{"city": "Bern"', False, "no JSON"),
        ('{"city": NaN}', False, "no JSON"),
        ("Bern", False, "no JSON"),
        (None, False, "the whole: None is not of type 'object'"),
        ("[" * 100_000, False, "no JSON"),
    ],
)
def test_json_is_validated_and_bad_json_is_wrong(output, solved, reason):
    """What a model says never raises."""
    found = score("json_schema", None, output, schema=SCHEMA)
    assert (solved, True) == (found.solved, found.reason.startswith(reason))


def test_json_may_also_have_to_equal_the_target():
    """Extraction tasks know the right object; the order of its keys is nothing."""
    target = '{"city": "Bern", "tags": ["a"]}'
    assert score("json_schema", target, '{"tags": ["a"], "city": "Bern"}', schema=SCHEMA, equal=True).solved
    assert not score("json_schema", target, '{"city": "Bern"}', schema=SCHEMA, equal=True).solved


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, "give the schema either as schema or as file"),
        ({"schema": {"type": "objekt"}}, "'objekt' is not valid under any of the given schemas"),
        ({"schema": {"$ref": "https://example.com/schema.json"}}, "points outside the schema"),
        ({"schema": {"$ref": "#/$defs/nowhere"}}, "points to nothing"),
    ],
)
def test_a_wrong_schema_is_a_task_error(params, found):
    """It is the user's mistake; and no schema makes Merits fetch anything."""
    with pytest.raises(TaskError) as caught:
        check(ScorerSpec("json_schema", params))
    assert found in str(caught.value)


def test_a_schema_may_stand_in_a_file_and_a_change_of_it_shows(tmp_path):
    """The fingerprint tells that scores are no longer those of the schema."""
    spec = ScorerSpec("json_schema", {"file": "s.json"})
    (tmp_path / "s.json").write_text(json.dumps(SCHEMA))
    before = fingerprint(spec, folder=tmp_path)
    assert score("json_schema", None, "{}", folder=tmp_path, file="s.json").solved is False
    (tmp_path / "s.json").write_text("{}")
    assert score("json_schema", None, "{}", folder=tmp_path, file="s.json").solved is True
    assert fingerprint(spec, folder=tmp_path) != before
    (tmp_path / "s.json").unlink()
    with pytest.raises(TaskError, match="cannot be read: No such file"):
        load(spec, folder=tmp_path)
