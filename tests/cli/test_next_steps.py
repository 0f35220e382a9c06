"""Commands in what is printed can be pasted."""

from __future__ import annotations

import argparse

import pytest

from merits.cli import VERBS, next_steps, parser
from merits.cli.next_steps import pasted

NO_TASK = {"init", "import", "kinds", "models", "prices", "reconcile", "schema"}
"""reconcile takes the bill first, so its task is not a next step of anybody."""


def actions(verb: str) -> dict[str, argparse.Action]:
    subparsers = next(one for one in parser(verb)._actions if isinstance(one.choices, dict))
    choices = subparsers.choices
    assert isinstance(choices, dict)
    return {action.dest: action for action in choices[verb]._actions}


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in NO_TASK])
def test_each_verb_is_given_what_it_takes(verb: str) -> None:
    """An option that a verb has not got would make a next step of it that fails."""
    options = actions(verb)
    words = {word for word in (*next_steps._FIRST, *next_steps._NAMED) if word.split()[0] == verb}
    assert words
    assert (words <= set(next_steps._FIRST)) == (not options["task"].option_strings)
    assert all((word in next_steps._LIVE) == ("live" in options) for word in words)
    assert all((word in next_steps._STORE) == ("store" in options) for word in words)
    if options["task"].option_strings:
        assert options["task"].option_strings == ["--task"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("merits releases lists them.", "merits releases 'my task.yaml' lists them."),
        ("Prove it: merits run, merits release", "Prove it: merits run 'my task.yaml', merits release 'my task.yaml'"),
        ("merits judge draw --n 5", "merits judge draw 'my task.yaml' --n 5"),
        ("merits feedback labels.csv", "merits feedback --task 'my task.yaml' labels.csv"),
        ("merits explain-decision", "merits explain-decision 'my task.yaml'"),
        ("merits run other.yaml", "merits run other.yaml"),
        ("merits runs, merits run-ahead, merits/run", "merits runs, merits run-ahead, merits/run"),
        ("merits init DATA.csv", "merits init DATA.csv"),
    ],
)
def test_the_task_file_stands_where_the_verb_takes_it(text: str, said: str) -> None:
    assert pasted(text, argparse.Namespace(task="my task.yaml", live=None, store=None)) == said


def test_a_password_in_a_url_is_not_repeated() -> None:
    """MERITS_LIVE names such a store."""
    args = argparse.Namespace(task="merits.yaml", live="postgresql://me:secret@db/merits", store="answers.sqlite")
    assert pasted("merits rollback; merits run", args) == "merits rollback; merits run --store answers.sqlite"


def test_the_name_of_a_task_is_given_to_whoever_takes_one() -> None:
    """`merits serve shop` knows no task file."""
    args = argparse.Namespace(task="shop", live=None)
    said = pasted("merits release; merits keys create --name ME; merits serve", args)
    assert said == "merits release; merits keys create --task shop --name ME; merits serve shop"
