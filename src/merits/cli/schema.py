"""Prints the JSON Schema of the task file, so that editors complete and check it.

example:  merits schema > task.schema.json
"""

from __future__ import annotations

import argparse
import json
import sys

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """`merits schema` has no options."""


def run(args: argparse.Namespace) -> int:
    """Prints the schema; 0."""
    from merits.tasks.schema import schema

    json.dump(schema(), sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0
