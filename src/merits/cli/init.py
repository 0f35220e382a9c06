"""Looks at a data file and writes a task file that already runs; says what it assumed.

example:  merits init tickets.csv --target category
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from merits.cli.options import DEFAULT_TASK, add_json, print_json
from merits.core.errors import DataError, UsageError
from merits.core.kinds import kind_names

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits init`."""
    parser.add_argument("data", help="a CSV, TSV, JSONL, JSON, Parquet or Arrow file, or a folder of pictures by label")
    parser.add_argument("--input", action="append", metavar="COLUMN", help="the input column (again for several)")
    parser.add_argument("--target", metavar="COLUMN", help="the column with the right answer")
    parser.add_argument("--kind", choices=kind_names(), help="what kind of task it is")
    parser.add_argument("--out", default=DEFAULT_TASK, help=f"the task file to write (default: {DEFAULT_TASK})")
    parser.add_argument("--force", action="store_true", help="replace the task file if it is there")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Writes the task file and its schema; 0."""
    from merits.tasks.draft import draft
    from merits.tasks.rows import near_files

    out = Path(args.out)
    if not Path(args.data).exists():
        raise DataError(f"there is no file {args.data!r}.", near_files(Path(args.data)))
    if out.exists() and not args.force:
        raise UsageError(f"{out} is there already.", "Replace it with --force, or name another with --out FILE.")
    drafted = draft(args.data, target=args.target, input=args.input, kind=args.kind, folder=out.parent)
    _write(out, drafted.text)
    _write(out.parent / ".merits" / "task.schema.json", _schema_text())
    if args.json:
        print_json(
            "merits.init/1", {"task": str(out), "assumptions": drafted.assumptions, "warnings": drafted.warnings}
        )
        return 0
    print(f"wrote {out}. It assumes:")
    for line in drafted.assumptions:
        print(f"  - {line}")
    for line in drafted.warnings:
        print(f"warning: {line}", file=sys.stderr)
    name = "" if args.out == DEFAULT_TASK else f" {out}"
    print(f"next: merits check{name}, then merits run{name}")
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise UsageError(f"cannot write {path}: {problem.strerror}.", "Name another place with --out FILE.") from None


def _schema_text() -> str:
    import json

    from merits.tasks.schema import schema

    return json.dumps(schema(), indent=2) + "\n"
