"""What a chat model is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merits.candidates.prompts import Prompt, PromptParams, Shown, chosen, fill
from merits.candidates.registry import LoadContext
from merits.core.errors import CandidateError
from merits.core.task import Example

LABELLED = LoadContext(classes=("no", "yes"))


@given(st.text())
def test_an_input_is_put_in_unchanged(text: str) -> None:
    """Braces, backslashes and format codes in an input are text, never instructions to the template."""
    assert fill("<{input}>", text) == f"<{text}>"


@pytest.mark.parametrize(
    "template", ["{input.__class__}", "{input[0]} {input}", '{"a": {"b": 1}} {input}', "{0} {input}"]
)
def test_nothing_is_evaluated(template: str) -> None:
    """str.format would read attributes of what it is given; here only known names count."""
    try:
        filled = fill(template, "text")
    except CandidateError:
        return
    assert "class 'str'" not in filled


def test_columns_are_named_in_the_template() -> None:
    """Names with spaces too, as spreadsheets have them."""
    assert fill("{Customer name}: {body} ({{body}})", {"Customer name": "Ann", "body": "Hi"}) == "Ann: Hi ({body})"


def test_an_unknown_column_names_the_near_miss() -> None:
    """Before a thousand questions are paid for with a hole in them."""
    with pytest.raises(CandidateError, match=r"names \{bdoy\}.*Did you mean 'body'"):
        fill("{bdoy}", {"body": "Hi"})


def test_labels_are_told_in_a_classification_only() -> None:
    """A generation has none."""
    classified = Prompt(PromptParams(system="Be brief."), LABELLED).messages("Hi")
    generated = Prompt(PromptParams(), LoadContext(task_kind="generation", classes=("no", "yes"))).messages("Hi")
    assert "exactly one of these labels and nothing else: no, yes" in str(classified[0]["content"])
    assert str(classified[0]["content"]).startswith("Be brief.")
    assert generated == [{"role": "user", "content": "Hi"}]


def test_examples_come_between_the_instructions_and_the_input() -> None:
    """As turns of a conversation, in the same form as the question."""
    params = PromptParams(prompt="Q: {input}", labels=False, examples=(Shown(input="1+1", output=2),))
    roles = [(m["role"], m["content"]) for m in Prompt(params, LABELLED).messages("2+2")]
    assert roles == [("user", "Q: 1+1"), ("assistant", "2"), ("user", "Q: 2+2")]


def test_chat_messages_go_in_as_they_are() -> None:
    """An input that is a conversation already needs no template."""
    conversation = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    assert Prompt(PromptParams(labels=False), LABELLED).messages(conversation) == conversation


def test_few_shot_examples_are_balanced_over_classes() -> None:
    """A draw by chance from 95 % "no" would show hardly any "yes"."""
    pool = [Example(str(i), f"text {i}", "yes" if i % 20 == 0 else "no") for i in range(100)]
    assert sorted(str(example.target) for example in chosen(pool, 6, seed=3)) == ["no"] * 3 + ["yes"] * 3


def test_few_shot_examples_are_drawn_by_the_seed() -> None:
    """The same run again shows the same ones."""
    pool = [Example(str(i), f"text {i}", str(i % 2)) for i in range(50)]
    assert chosen(pool, 4, seed=1) == chosen(pool, 4, seed=1)
    assert chosen(pool, 4, seed=1) != chosen(pool, 4, seed=2)


def test_no_more_examples_are_shown_than_there_are() -> None:
    """And none twice."""
    pool = [Example("1", "a", "x"), Example("2", "b", "y"), Example("3", "c", None)]
    assert len(chosen(pool, 10, seed=0)) == 2


def test_an_example_that_is_not_shown_changes_no_choice() -> None:
    """So a few-shot candidate is not asked, and paid, anew for it; nor for another order, nor for a repetition."""
    pool = [Example(str(i), f"text {i}", "yes" if i % 2 else "no") for i in range(40)]
    first = chosen(pool, 4, seed=1)
    rest = [example for example in pool if example not in first]
    for other in (first + tuple(rest[:10]), tuple(reversed(pool)), (*pool, *pool)):
        assert chosen(other, 4, seed=1) == first
    assert chosen([example for example in pool if example != first[0]], 4, seed=1) != first


def test_an_example_with_several_right_answers_shows_the_first() -> None:
    """A list in brackets would teach the model to answer in brackets."""
    pool = [Example("1", "capital of Ukraine", ["Kyiv", "Kiev"])]
    (example,) = chosen(pool, 1, 0, "generation")
    assert example.target == "Kyiv"
    (record,) = chosen(pool, 1, 0, "extraction")
    assert record.target == ["Kyiv", "Kiev"]
