"""Lists the models that an endpoint offers, as a candidate of kind `chat` or `anthropic` may name them.

example:  merits models --provider mistral
          merits models --base-url http://localhost:8000/v1
"""

from __future__ import annotations

import argparse
import asyncio
import re
from pathlib import Path

from merits.cli.options import add_json, print_json
from merits.core.errors import UsageError

__all__ = ["arguments", "run"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits models`."""
    parser.add_argument("--provider", default="openai", help="whose endpoint and key (default: openai)")
    parser.add_argument("--base-url", default="", metavar="URL", help="the endpoint up to /v1")
    parser.add_argument("--match", default="", metavar="TEXT", help="only models whose name holds this")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the models; 0."""
    from merits.candidates.environment import environment
    from merits.candidates.offered import offered
    from merits.candidates.providers import PROVIDERS, Dialect, Endpoint
    from merits.candidates.registry import LoadContext
    from merits.core.validate import did_you_mean

    if args.provider not in PROVIDERS:
        raise UsageError(f"no provider is named {args.provider!r}.", did_you_mean(args.provider, PROVIDERS))
    env = environment(LoadContext(folder=Path()))
    dialect: Dialect = "anthropic" if args.provider == "anthropic" else "openai"
    endpoint = Endpoint(args.provider, args.base_url, env, dialect=dialect)
    found = [each for each in asyncio.run(offered(endpoint)) if args.match.casefold() in each.id.casefold()]
    if args.json:
        print_json("merits.models/1", {"base_url": endpoint.base_url, "models": found})
        return 0
    width = max((len(each.id) for each in found), default=0)
    for each in found:
        more = ", ".join(filter(None, (each.name if each.name != each.id else "", each.owner, each.created)))
        print(_CONTROL.sub("", f"{each.id:{width}}  {more}").rstrip())
    return 0
