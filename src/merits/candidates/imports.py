"""Finds what an import path names, in the task's folder or among the installed packages, and the code it rests on.

Knows nothing about candidates.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import importlib.util
import pkgutil
import sys
import threading
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from types import ModuleType

from merits.core.errors import CandidateError
from merits.core.validate import did_you_mean

__all__ = ["code_files", "code_hash", "find", "imported_names", "local_file", "source_of", "versions"]

_one_at_a_time = threading.RLock()  # sys.path and sys.modules belong to the whole process


_made_importable: list[str] = []


def find(path: str, folder: Path) -> object:
    """What `package.module:name` or `package.module.name` names; CandidateError with the near miss when nothing does.

    A module in the task's folder goes before an installed one of the same name and is read anew each time, so that
    an edited file is what runs.

    >>> find("math:sqrt", Path("."))
    <built-in function sqrt>
    >>> find("math:sqrtt", Path("."))
    Traceback (most recent call last):
    ...
    merits.core.errors.CandidateError: 'math' has no 'sqrtt'. Did you mean 'sqrt'?
    """
    module_name, _, names = path.partition(":") if ":" in path else path.rpartition(".")
    if not module_name or not names:
        raise CandidateError(f"{path!r} is no import path.", "Write package.module:name.")
    found: object = _module(module_name, folder)
    for name in names.split("."):
        if not hasattr(found, name):
            where = getattr(found, "__name__", module_name)
            public = [other for other in dir(found) if not other.startswith("_")]
            raise CandidateError(f"{where!r} has no {name!r}.", did_you_mean(name, public) if public else "")
        found = getattr(found, name)
    return found


def _module(name: str, folder: Path) -> ModuleType:
    with _one_at_a_time:
        local = local_file(name, folder)
        if local is not None and "." not in name:
            return _read(name, local)
        return _imported(name, folder)


def _read(name: str, file: Path) -> ModuleType:
    """The module of one file, run anew."""
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise CandidateError(f"{file} cannot be imported.", "Name a Python file.")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module  # dataclasses and pickling look it up there
    try:
        with_folder(file.parent)
        spec.loader.exec_module(module)
    except BaseException as problem:
        sys.modules.pop(name, None)
        if before is not None:
            sys.modules[name] = before
        if isinstance(problem, Exception):
            raise CandidateError(f"{file.name} raised {_named(problem)} when it was imported.", "Mend it.") from problem
        raise
    return module


def _imported(name: str, folder: Path) -> ModuleType:
    with_folder(folder)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as problem:
        missing = problem.name or name
        if not name.startswith(missing):
            raise CandidateError(f"{name!r} needs the module {missing!r}, which is not installed.") from problem
        raise CandidateError(f"there is no module {missing!r}.", _near_module(missing, folder)) from problem
    except Exception as problem:
        raise CandidateError(f"{name!r} raised {_named(problem)} when it was imported.", "Mend it.") from problem


def with_folder(folder: Path) -> None:
    """Makes a folder importable for the rest of the process: the user's code may import more of it later.

    Another folder may hold modules of the same names, that of another release say: those are imported anew. Code that
    has imported them keeps its own.
    """
    folder = folder.resolve()
    entry = str(folder)
    if entry not in sys.path:
        sys.path.append(entry)
        _made_importable.append(entry)
    if entry not in _made_importable:
        return
    others = [other for other in _made_importable if other != entry and other in sys.path]
    if not others:
        return
    if sys.path.index(entry) > (first := min(map(sys.path.index, others))):
        sys.path.remove(entry)
        sys.path.insert(first, entry)
    for name, module in list(sys.modules.items()):
        if _owner(module) in others and local_file(name, folder) is not None:
            del sys.modules[name]
    importlib.invalidate_caches()


def _owner(module: ModuleType) -> str:
    """The folder that a module was imported from, of those that were made importable; "" for what is installed."""
    file = getattr(module, "__file__", None)
    if not file or "site-packages" in file:
        return ""
    return max((entry for entry in _made_importable if Path(file).is_relative_to(entry)), key=len, default="")


def _near_module(name: str, folder: Path) -> str:
    parent, _, last = name.rpartition(".")
    paths = [str(folder)]
    if parent:
        found = importlib.util.find_spec(parent)
        paths = list(found.submodule_search_locations or []) if found else []
    names = [module.name for module in pkgutil.iter_modules(paths) if not module.name.startswith("_")]
    where = f"in {parent}" if parent else "in the task's folder, or install its package"
    return did_you_mean(last, names) if names else f"Put {last}.py {where}."


def _named(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}" if str(problem) else type(problem).__name__


def local_file(name: str, folder: Path) -> Path | None:
    """The file of a module in a folder; None when it is not there."""
    base = folder.joinpath(*name.split("."))
    for file in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
        if file.is_file():
            return file
    return None


def source_of(thing: object) -> Path | None:
    """The file that defines a function, a class or an object's class; None for built-in and interactive ones."""
    owner = thing if hasattr(thing, "__module__") and hasattr(thing, "__name__") else type(thing)
    module = sys.modules.get(getattr(owner, "__module__", ""))
    file = getattr(module, "__file__", None)
    return Path(file) if file and str(file).endswith(".py") and Path(file).is_file() else None


def code_hash(file: Path, folder: Path) -> str:
    """A hash of a Python file and of every other file of the folder that it imports, directly or through others.

    Imports inside functions count; names that are put together at run time are not seen.
    """
    digest = hashlib.sha256()
    for source in sorted(code_files(file, folder)):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def code_files(file: Path, folder: Path) -> set[Path]:
    """A Python file, and every other file of the folder that it imports, directly or through others (`code_hash`)."""
    file, folder = file.resolve(), folder.resolve()
    found, waiting = {file}, [file]
    while waiting:
        current = waiting.pop()
        for imported in imported_names(current, folder):
            local = local_file(imported, folder)
            if local is not None and local.resolve() not in found:
                found.add(local.resolve())
                waiting.append(local.resolve())
    return found


def imported_names(file: Path, folder: Path) -> Iterator[str]:
    """The names of all modules that a file may import, as seen from the folder."""
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node, file, folder)
            yield from (module, *(f"{module}.{alias.name}".lstrip(".") for alias in node.names))


def _absolute(node: ast.ImportFrom, file: Path, folder: Path) -> str:
    if not node.level or not file.is_relative_to(folder):
        return node.module or ""
    package = file.parents[node.level - 1].relative_to(folder).parts
    return ".".join([*package, *(node.module or "").split(".")]).strip(".")


def versions(*modules: str) -> dict[str, str]:
    """The installed version of the package that each module comes from; "" where it comes from none.

    >>> sorted(versions("msgspec", "math"))
    ['math', 'msgspec']
    """
    return {module: _version(module.partition(".")[0]) for module in modules}


# Reading what every package brings takes a second of processor time: what is asked for most is known beforehand.
_distributions = functools.cache(packages_distributions)
_CALLED_OTHERWISE = {"sklearn": "scikit-learn", "PIL": "pillow", "yaml": "pyyaml", "xgboost": "xgboost-cpu"}


@functools.cache
def _version(top: str) -> str:
    """The version of the package that brings a module; of this process, which imports no two of them."""
    try:
        return version(top)
    except PackageNotFoundError:
        pass
    if top in sys.stdlib_module_names:
        return ""
    try:
        if top not in sys.modules and importlib.util.find_spec(top) is None:
            return ""  # nothing brings it
        return version(_CALLED_OTHERWISE.get(top, ""))
    except (PackageNotFoundError, ValueError):
        pass
    names = _distributions().get(top, ())
    return version(names[0]) if names else ""
