"""Commands in what a user reads can be pasted: each names the task file and the stores of the command that prints it.

Whoever writes "merits rollback" (an error, an alert, a decision) knows neither; here they are filled in. Knows no more
of a verb than where it takes them.
"""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

from merits.cli.options import DEFAULT_TASK

__all__ = ["pasted"]

_FIRST = (  # the task is their first word
    *("alerts", "check", "explain-decision", "gate", "improve", "judge draw", "judge check", "learn", "monitor"),
    *("prequential", "probe", "release", "releases", "report", "retrain", "rollback", "rollout", "run", "serve"),
)
_NAMED = ("compare", "feedback", "keys create", "keys list", "keys revoke", "keys rotate")  # the task is --task
_BY_NAME = ("serve", *(verb for verb in _NAMED if verb.startswith("keys")))  # a name of the live store will do
_LIVE = (
    *("alerts", "feedback", "keys create", "keys list", "keys revoke", "keys rotate", "learn", "monitor", "probe"),
    *("release", "releases", "retrain", "rollback", "rollout", "serve"),
)
_STORE = (
    *("compare", "explain-decision", "gate", "improve", "judge draw", "judge check", "monitor", "prequential"),
    *("probe", "release", "report", "retrain", "run"),
)
_VERBS = "|".join(sorted((*_FIRST, *_NAMED), key=len, reverse=True))
_COMMAND = re.compile(rf"\bmerits (?P<verb>{_VERBS})(?![\w/.-])(?! (?:--task )?\S+\.(?:yaml|yml|toml|json|py)\b)")


def pasted(text: str, args: argparse.Namespace) -> str:
    """The text, in which each command of ours works where `args` did.

    The default task file is left out, and so is a store at a URL: that may hold a password, and MERITS_LIVE names it.

    >>> args = argparse.Namespace(task="demo/mood.yaml", live="live.sqlite", store=None)
    >>> pasted("Make one: merits release (merits keys create --name ME)", args)  # doctest: +NORMALIZE_WHITESPACE
    'Make one: merits release demo/mood.yaml --live live.sqlite
     (merits keys create --task demo/mood.yaml --live live.sqlite --name ME)'
    >>> pasted("merits rollout --promote", argparse.Namespace(task="merits.yaml"))
    'merits rollout --promote'
    """
    return _COMMAND.sub(lambda found: found[0] + _given(found["verb"], args), text)


def _given(verb: str, args: argparse.Namespace) -> str:
    """What stands behind the verb."""
    task, live, store = (getattr(args, name, None) for name in ("task", "live", "store"))
    said = ""
    if task and task != DEFAULT_TASK and (verb in _BY_NAME or Path(task).suffix):
        said += f" --task {shlex.quote(task)}" if verb in _NAMED else f" {shlex.quote(task)}"
    if live and "://" not in live and verb in _LIVE:
        said += f" --live {shlex.quote(live)}"
    if store and verb in _STORE:
        said += f" --store {shlex.quote(store)}"
    return said
