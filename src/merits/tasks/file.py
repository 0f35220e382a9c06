"""Loads a task from a file: YAML, TOML, JSON or Python."""

from __future__ import annotations

import datetime
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from merits.core.errors import MeritsError, TaskError
from merits.core.serving import ServeSettings
from merits.core.task import Task
from merits.core.validate import convert, did_you_mean
from merits.tasks.source import Place, Source

if TYPE_CHECKING:
    import yaml

__all__ = ["how_served", "load_task", "parse_yaml"]

_ENDINGS = (".yaml", ".yml", ".toml", ".json", ".py")


def load_task(path: str | Path) -> Task:
    """The task that a file defines; paths in it start at its folder.

    A Python file defines `task`: a mapping with the keys of the YAML file (candidates may be functions, estimators
    or objects) or a Task made with `merits.make_task`. It is run, so load only files that you would run.

    Raises TaskError, with the line where there is one, when the file says something that cannot be, and DataError
    when the data does. Does not load candidates.
    """
    from merits.tasks.make import build

    path = Path(path)
    if path.suffix.lower() == ".py" and path.is_file():
        task = _python(path)
        if isinstance(task, Task):
            return task
        return build(task, Source(path.name), path.parent)
    values, lines = _values(path)
    return build({"name": path.stem, **values}, Source(path.name, lines), path.parent)


def how_served(path: str | Path) -> tuple[str, ServeSettings]:
    """The name of the task that a file defines, and its key `serve`. Reads no data: a server may have none.

    Raises TaskError where there is no such file, or `serve` says something that cannot be.
    """
    path = Path(path)
    if path.suffix.lower() == ".py" and path.is_file():
        task = load_task(path)
        return task.name, task.serve
    values, _ = _values(path)
    return str(values.get("name", path.stem)), convert(values.get("serve", {}), ServeSettings, f"{path.name}: serve")


def _values(path: Path) -> tuple[dict[str, Any], dict[Place, int]]:
    if not path.is_file():
        raise TaskError(f"there is no task file {str(path)!r}.", _near(path))
    reader = {".toml": _toml, ".json": _json}.get(path.suffix.lower(), parse_yaml)
    return reader(_text(path), path.name)


def parse_yaml(text: str, name: str) -> tuple[dict[str, Any], dict[Place, int]]:
    """The values of a YAML text, and the line of each by its path.

    Read as YAML 1.2 reads it, so that labels survive: `no`, `off` and `12:30` are texts, `1e-3` is a number. Dates
    stay texts. A key that is written twice is an error, not the last one's victory.

    >>> parse_yaml("name: x\\nlabels: [yes, no]", "t.yaml")
    ({'name': 'x', 'labels': ['yes', 'no']}, {('name',): 1, ('labels',): 2, ('labels', 0): 2, ('labels', 1): 2})
    """
    import yaml

    loader = _loader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Place, int] = {}
        if node is not None:
            _note_lines(node, (), lines, name)
        values = {} if node is None else loader.construct_document(node)
    except yaml.YAMLError as problem:
        raise _yaml_error(problem, name) from None
    finally:
        loader.dispose()
    if not isinstance(values, dict) or not values:
        raise TaskError(f"{name} does not hold keys with values.", "Start with: data: FILE, or run `merits init FILE`.")
    return values, lines


def _loader(text: str) -> yaml.SafeLoader:
    """A safe loader that decides what is a number or a truth value as YAML 1.2 does."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    unwanted = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "timestamp")}
    resolvers = {
        first: [(tag, pattern) for tag, pattern in pairs if tag not in unwanted]
        for first, pairs in base.yaml_implicit_resolvers.items()
    }
    power = r"(?:[eE][-+]?[0-9]+)?"
    loader_type: Any = type("TaskLoader", (base,), {"yaml_implicit_resolvers": resolvers})
    for kind, pattern, first in (
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("int", r"[-+]?(?:0|[1-9][0-9_]*)", "-+0123456789"),
        ("float", rf"[-+]?(?:\.[0-9]+{power}|[0-9][0-9_]*(?:\.[0-9]*{power}|[eE][-+]?[0-9]+))", "-+0123456789."),
    ):
        tag = f"tag:yaml.org,2002:{kind}"
        loader_type.add_implicit_resolver(tag, re.compile(rf"^(?:{pattern})$"), list(first))
    loader: yaml.SafeLoader = loader_type(text)
    return loader


def _note_lines(node: yaml.Node, place: Place, lines: dict[Place, int], name: str) -> None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*place, str(key.value))
            line = key.start_mark.line + 1
            if here in lines and lines[here] != line and key.value != "<<":
                raise TaskError(f"{name}, line {line}: the key {key.value!r} is there twice.", "Leave one out.")
            lines[here] = line
            _note_lines(value, here, lines, name)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            lines[(*place, number)] = value.start_mark.line + 1
            _note_lines(value, (*place, number), lines, name)


def _yaml_error(problem: yaml.YAMLError, name: str) -> TaskError:
    mark = getattr(problem, "problem_mark", None)
    where = f"{name}, line {mark.line + 1}" if mark else name
    said = getattr(problem, "problem", None) or str(problem).splitlines()[0]
    step = "Check the indentation and the colons; quote texts that hold ': ' or begin with a sign."
    if "'\\t'" in said:
        step = "Indent with spaces, not with tabs."
    return TaskError(f"{where}: not valid YAML: {said}.", step)


def _toml(text: str, name: str) -> tuple[dict[str, Any], dict[Place, int]]:
    import tomllib

    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise TaskError(f"{name}: not valid TOML: {problem}.", "Quote texts; write lists in brackets.") from None
    return {key: _without_dates(value) for key, value in values.items()}, {}


def _without_dates(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_dates(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_dates(part) for part in value]
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else value


def _json(text: str, name: str) -> tuple[dict[str, Any], dict[Place, int]]:
    import json

    try:
        values = json.loads(text)
    except json.JSONDecodeError as problem:
        raise TaskError(f"{name}, line {problem.lineno}: not valid JSON: {problem.msg}.") from None
    if not isinstance(values, dict):
        raise TaskError(f"{name} does not hold an object.", 'Start with: {"data": "FILE"}.')
    # Editors find the schema by this key; it is no part of the task.
    return {key: value for key, value in values.items() if key != "$schema"}, {}


def _python(path: Path) -> Task | Mapping[str, object]:
    """What a Python file calls `task`. Its own folder is importable while it runs."""
    name = f"merits_task_{path.stem}"
    module = ModuleType(name)
    module.__file__ = str(path.resolve())
    # Registered, so that functions defined there can be found again by their module's name.
    sys.modules[name] = module
    with _importable(path.parent):
        try:
            exec(compile(_text(path), str(path.resolve()), "exec"), module.__dict__)
        except MeritsError:
            raise
        except SyntaxError as problem:
            raise TaskError(f"{path.name}, line {problem.lineno}: not valid Python: {problem.msg}.") from None
        except Exception as problem:
            what = f"{type(problem).__name__}: {problem}"
            raise TaskError(f"{path.name} raised {what}.", "Run it with python to see where.") from problem
    if "task" not in module.__dict__:
        public = [key for key in module.__dict__ if not key.startswith("_")]
        raise TaskError(f"{path.name} defines no `task`.", did_you_mean("task", public) if public else "Define one.")
    task = module.__dict__["task"]
    if isinstance(task, Task):
        return task
    if not isinstance(task, Mapping):
        raise TaskError(
            f"{path.name}: `task` is of type {type(task).__name__}.", "Make it a mapping, or call merits.make_task."
        )
    return {"name": path.stem, **task}


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    entry = str(folder.resolve())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        if entry in sys.path:
            sys.path.remove(entry)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        line = path.read_bytes().count(b"\n", 0, problem.start) + 1
        raise TaskError(f"{path.name}, line {line}: not UTF-8 text.", "Save it as UTF-8.") from None
    except OSError as problem:
        raise TaskError(f"cannot read {path}: {problem.strerror}.", "Check the path and your rights to it.") from None


def _near(path: Path) -> str:
    if path.is_dir():
        return "It is a folder: name the task file in it."
    folder = path.parent
    there = [p.name for p in folder.iterdir() if p.suffix in _ENDINGS] if folder.is_dir() else []
    return did_you_mean(path.name, there) if there else "Make one from your data: merits init DATA.csv"
