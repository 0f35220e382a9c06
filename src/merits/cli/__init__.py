"""The command line: one file per verb, each parses, calls one function, renders one view.

Verbs are imported when they are used, so that `merits --help` answers at once.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import ModuleType
from typing import NoReturn

from merits.cli import github
from merits.cli.next_steps import pasted
from merits.cli.options import check_live
from merits.cli.parsing import Parser
from merits.core.errors import MeritsError, UsageError

__all__ = ["STAGES", "VERBS", "entry", "main", "parser"]

STAGES = {
    "analyse": {
        "init": "look at a data file, write a task file that already runs",
        "check": "profile the task and its data, before anything is spent",
    },
    "evaluate and decide": {
        "run": "evaluate the candidates, decide, write the report",
        "report": "the report again, from what is stored",
        "explain-decision": "why: each step of the rule, each number and its source",
        "compare": "what changed between candidates, runs, other tools",
        "gate": "pass or fail in CI: by a baseline and what is required",
        "import": "decide on results of other tools, or of a table",
        "judge": "a judge beside people: draw answers to label, then check",
        "prequential": "along a stream: each case is asked, then learned from",
    },
    "improve": {
        "improve": "search on dev for better or cheaper; test the best once",
    },
    "serve": {
        "release": "what was decided becomes one versioned unit, and serves",
        "releases": "list the releases of a task, and which of them serves",
        "serve": "answer over HTTP with the release that serves",
        "keys": "who may ask: create, list, rotate, revoke",
        "rollout": "a release beside the one that serves: shadow, canary, A/B",
        "rollback": "an earlier release serves again",
    },
    "monitor": {
        "monitor": "watch what is served: is the decision still right?",
        "alerts": "what was found: list, acknowledge, silence, resolve",
        "feedback": "labels that came later, from a file or a judge",
        "probe": "is a rented model still the one that was evaluated?",
        "retrain": "train again on fresh labels; it must win before it serves",
        "learn": "learn from production label by label, beside what serves",
    },
    "tools": {
        "kinds": "the kinds of candidate and scorer, and their parameters",
        "models": "the models that an endpoint offers",
        "prices": "what a model costs on a day, with source and date",
        "reconcile": "what was counted, beside a provider's bill",
        "schema": "the JSON Schema of the task file, for editors",
    },
}
_WIDTH = 18  # of a verb's name in the help: a line of each fits into 80 columns
VERBS = {verb: line for verbs in STAGES.values() for verb, line in verbs.items()}
_EPILOG = """\
merits VERB --help    what a verb does, its options, and an example to copy
exit codes: 0 done   1 a requirement is not met   2 usage   3 inconclusive
            4 infrastructure   130 interrupted
with your own data:   merits init tickets.csv && merits check && merits run
in production:        merits release && merits keys create && merits serve
"""
INTERRUPTED = 130
CLOSED_PIPE = 141  # as a shell says of whoever was ended by it: nobody shall read it as "passed"


def parser(verb: str = "") -> Parser:
    """The argument parser, with the options of one verb filled in (of all verbs when `verb` is "all")."""
    from merits import __version__

    usage = "merits [-h] [--version] VERB ..."
    root = Parser(prog="merits", usage=usage, description=_listed(), epilog=_EPILOG, add_help=False)
    root.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    root.add_argument("--version", action="version", version=f"merits {__version__}", help=argparse.SUPPRESS)
    verbs = root.add_subparsers(prog="merits", dest="verb", metavar="VERB", help=argparse.SUPPRESS)
    for name in VERBS:
        sub = verbs.add_parser(name)
        if verb in (name, "all"):
            module = _module(name)
            sub.description = module.__doc__
            module.arguments(sub)
        sub.add_argument("--traceback", action="store_true", help="show where an error came from")
    return root


def _listed() -> str:
    """What there is, by stage, on one screen."""
    lines = ["Tells which AI model is worth using for your task.", ""]
    for stage, verbs in STAGES.items():
        lines += [f"{stage}:", *(f"  {name:{_WIDTH}}{line}" for name, line in verbs.items())]
    return "\n".join(lines)


def _module(verb: str) -> ModuleType:
    return importlib.import_module(f"merits.cli.{verb.replace('-', '_')}")


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of one command. Results go to stdout, progress and errors to stderr."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["help"]:
        words = [*words[1:2], "--help"]
    verb = next((word for word in words if word in VERBS), "")
    args = parser(verb).parse_args(words)
    if not args.verb:
        parser().print_help()
        return 0
    try:
        check_live(args)
        return int(_module(args.verb).run(args))
    except MeritsError as problem:
        _explain(problem, args)
        return problem.exit_code
    except KeyboardInterrupt:
        print("\ninterrupted; what was answered is stored. The same command goes on from here.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except Exception as problem:  # noqa: BLE001 - the last place that can turn our own bug into a next step
        _explain(_unusable(problem) if isinstance(problem, OSError) else _bug(problem), args)
        return MeritsError.exit_code


def entry() -> NoReturn:
    """Ends the process with the exit code of its command.

    The HTTP client's threads may outlive the last call, and the interpreter's own end can meet them half way (seen as
    an abort now and then, with pyreqwest 0.15); all that matters is on disk and printed by now, so it is left out.
    """
    gc.set_threshold(50_000, 20, 100)  # what is imported and read is no garbage: looking for some took 70 ms to begin
    code = main()
    if "pyreqwest" not in sys.modules:
        sys.exit(code)
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _unusable(problem: OSError) -> MeritsError:
    """A file or folder that cannot be used; the places that know more about it say so themselves."""
    what = f"{problem.filename}: " if problem.filename else ""
    found = UsageError(f"{what}{problem.strerror or problem}.", "Check the path and its permissions.")
    found.__cause__ = problem
    return found


def _bug(problem: Exception) -> MeritsError:
    found = MeritsError(
        f"this is a defect of Merits ({type(problem).__name__}: {problem}).",
        "What was answered is stored. Run it again with --traceback and report what it prints.",
    )
    found.__cause__ = problem
    return found


def _explain(problem: MeritsError, args: argparse.Namespace) -> None:
    from merits.core.secrets import redact

    if args.traceback:
        import traceback as tracebacks

        print(redact("".join(tracebacks.format_exception(problem))), file=sys.stderr)
    print(f"error: {redact(problem.found)}", file=sys.stderr)
    if problem.next_step:
        print(f"  next: {redact(pasted(problem.next_step, args))}", file=sys.stderr)
    github.error_line(f"merits {problem.code}", str(problem))
