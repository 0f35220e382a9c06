"""The command line: one file per verb, each parses, calls one function, renders one view.

Verbs are imported when they are used, so that `merits --help` answers at once.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import ModuleType
from typing import NoReturn

from merits.cli import github
from merits.cli.parsing import Parser
from merits.core.errors import MeritsError, UsageError

__all__ = ["VERBS", "entry", "main", "parser"]

VERBS = {
    "init": "look at a data file and write a task file that already runs",
    "check": "validate the task and profile its data, before anything is spent",
    "run": "evaluate the candidates, decide, and write the report",
    "improve": "search for better or cheaper candidates on dev, and put the best to the test",
    "learn": "have a candidate learn from production as its labels come, beside what serves",
    "retrain": "train again on what production has labelled since; what is better must win before it serves",
    "prequential": "test candidates along a stream, each case before it is learned from",
    "release": "put what was decided into production as one versioned unit",
    "releases": "list the releases of a task, and which of them serves",
    "rollback": "let an earlier release serve again",
    "rollout": "compare a release with the one that serves on live traffic: shadow, canary, A/B",
    "serve": "answer requests with the release that was decided on, over HTTP",
    "feedback": "add labels that came later, from a file, to what was served",
    "keys": "the API keys of those who may ask: create, list, rotate, revoke",
    "monitor": "watch what is served, say when the decision is no longer right, and act on it",
    "alerts": "what was found while watching: list, acknowledge, silence",
    "report": "the report again, from what is stored",
    "import": "decide on results of other tools: Inspect, lm-evaluation-harness, promptfoo, tables",
    "compare": "what changed between candidates, runs, or results of another tool",
    "gate": "pass or fail a candidate in CI: against a baseline, and by what the task requires",
    "explain-decision": "why the decision is what it is, step by step, with every number and its source",
    "models": "list the models that an endpoint offers",
    "judge": "measure a judge (a model that scores) against labels of people",
    "probe": "ask a rented model again, and say whether it is still the one that was evaluated",
    "prices": "what a model costs on a day, with source and date",
    "reconcile": "compare what was counted with a provider's bill",
    "kinds": "list the kinds of candidate and scorer, with their parameters",
    "schema": "print the JSON Schema of the task file, for editors",
}
_EXITS = """\
exit codes:
  0 done   1 a requirement is not met   2 usage   3 inconclusive   4 infrastructure   130 interrupted

five minutes with your own data:
  merits init tickets.csv && merits check && merits run
"""
INTERRUPTED = 130
CLOSED_PIPE = 141  # as a shell says of whoever was ended by it: nobody shall read it as "passed"


def parser(verb: str = "") -> Parser:
    """The argument parser, with the options of one verb filled in (of all verbs when `verb` is "all")."""
    from merits import __version__

    root = Parser(prog="merits", description="Tells which AI model is worth using for your task.", epilog=_EXITS)
    root.add_argument("--version", action="version", version=f"merits {__version__}")
    verbs = root.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for name, line in VERBS.items():
        sub = verbs.add_parser(name, help=line)
        if verb in (name, "all"):
            module = _module(name)
            sub.description = module.__doc__
            module.arguments(sub)
        sub.add_argument("--traceback", action="store_true", help="show where an error came from")
    return root


def _module(verb: str) -> ModuleType:
    return importlib.import_module(f"merits.cli.{verb.replace('-', '_')}")


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of one command. Results go to stdout, progress and errors to stderr."""
    words = list(sys.argv[1:] if argv is None else argv)
    verb = next((word for word in words if word in VERBS), "")
    args = parser(verb).parse_args(words)
    if not args.verb:
        parser().print_help()
        return 0
    try:
        return int(_module(args.verb).run(args))
    except MeritsError as problem:
        _explain(problem, args.traceback)
        return problem.exit_code
    except KeyboardInterrupt:
        print("\ninterrupted; what was answered is stored. The same command goes on from here.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except Exception as problem:  # noqa: BLE001 - the last place that can turn our own bug into a next step
        _explain(_unusable(problem) if isinstance(problem, OSError) else _bug(problem), args.traceback)
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


def _explain(problem: MeritsError, traceback: bool) -> None:
    from merits.core.secrets import redact

    if traceback:
        import traceback as tracebacks

        print(redact("".join(tracebacks.format_exception(problem))), file=sys.stderr)
    print(f"error: {redact(problem.found)}", file=sys.stderr)
    if problem.next_step:
        print(f"  next: {redact(problem.next_step)}", file=sys.stderr)
    github.error_line(f"merits {problem.code}", str(problem))
