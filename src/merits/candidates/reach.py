"""The identity of live Python things: their state, their code, and the user's own code that it reaches.

Code that came with Python or an installed package is known by name and version. Everything else is the user's and may
change any time, so it counts with its source, followed through globals, closures, defaults, attributes of the user's
modules and imports. Modules other than the script that runs count as whole files: a change anywhere in them counts.
"""

from __future__ import annotations

import dis
import functools
import inspect
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from merits.candidates.imports import imported_names, local_file, versions
from merits.core.identity import JSON, content_hash
from merits.media.files import file_hash

__all__ = ["Unidentified", "identity"]

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_INSTALLED = ("site-packages", "dist-packages")


class Unidentified(Exception):
    """The identity of a thing cannot be derived."""


def identity(thing: object) -> str:
    """The identity of a thing: the same for the same code and state, in any process. Raises Unidentified.

    >>> identity(lambda text: text + "?") == identity(lambda text: text + "!")
    False
    """
    if isinstance(thing, BuiltinFunctionType):
        raise Unidentified
    walk = _Walk()
    return content_hash([walk.thing(thing, outermost=True), walk.files()])


class _Walk:
    """One walk over everything that a thing reaches; each function, class and object is described once."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, object]] = {}  # by id(); the thing is kept so that its id stays its own
        self._files: set[Path] = set()

    def files(self) -> JSON:
        """The whole files reached, and those that they import, by name and hash."""
        waiting = list(self._files)
        while waiting:
            for file in _imported_files(waiting.pop()):
                if file not in self._files:
                    self._files.add(file)
                    waiting.append(file)
        return sorted([file.relative_to(_root(file)).as_posix(), file_hash(file)] for file in self._files)

    def plain(self, value: object) -> JSON:
        """A value as JSON; Unidentified when nothing tells it from another."""
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if type(value) in (list, tuple):
            return [self.plain(item) for item in value]  # type: ignore[attr-defined]
        if isinstance(value, Mapping):
            return [_class_path(type(value)), [[self.plain(key), self.plain(item)] for key, item in value.items()]]
        if isinstance(value, set | frozenset):
            return ["set", sorted(content_hash(self.plain(item)) for item in value)]
        return self.thing(value)

    def thing(self, value: Any, *, outermost: bool = False) -> JSON:  # noqa: PLR0911  one line for each sort of thing
        """A function, class, module or object as JSON."""
        if isinstance(value, functools.partial):
            keywords = {key: self.plain(item) for key, item in sorted(value.keywords.items())}
            return ["partial", self.thing(value.func), [self.plain(item) for item in value.args], keywords]
        if isinstance(value, MethodType):
            return ["method", self.plain(value.__self__), self.thing(value.__func__)]
        if isinstance(value, ModuleType):
            return self._module(value)
        if isinstance(value, type):
            return self._once(value, self._class)
        if isinstance(value, FunctionType):
            return self._once(value, self._function)
        if inspect.isroutine(value):
            return ["built-in", str(getattr(value, "__module__", "")), str(getattr(value, "__qualname__", value))]
        if isinstance(getattr(value, "__wrapped__", None), FunctionType):  # functools.cache and its like
            return ["wrapped", _class_path(type(value)), self.thing(value.__wrapped__)]
        if hasattr(value, "get_params"):
            return self._once(value, self._estimator)
        if outermost or (_is_own(type(value).__module__) and not _describes_itself(value)):
            return self._once(value, self._object)
        return _represented(value)

    def _once(self, value: Any, describe: Any) -> JSON:
        if id(value) in self._seen:
            return ["seen", self._seen[id(value)][0]]
        self._seen[id(value)] = (len(self._seen), value)
        described: JSON = describe(value)
        return described

    def _module(self, module: ModuleType) -> JSON:
        if _is_own(module.__name__):
            for folder in getattr(module, "__path__", ()):  # attributes of a package lead to any of its modules
                self._files.update(file.resolve() for file in Path(folder).rglob("*.py"))
            self._whole(module.__name__)
        return ["module", module.__name__]

    def _whole(self, name: str) -> None:
        """Counts the file of a module of the user's; not that of the running script, which changes with every use."""
        file = getattr(sys.modules.get(name), "__file__", None)
        if name != "__main__" and file and Path(file).is_file():
            self._files.add(Path(file).resolve())

    def _function(self, function: FunctionType) -> JSON:
        made_up = re.match("<(?!frozen)", function.__code__.co_filename)  # typed in, or made by exec
        if not made_up and not _is_own(function.__module__ or ""):
            return ["installed", function.__module__, function.__qualname__, _version(function.__module__)]
        return ["function", _written(function), *self._reached(function)]

    def _reached(self, function: FunctionType) -> list[JSON]:
        """What the names in a function stand for: defaults, closure, globals, and modules that it imports."""
        self._whole(function.__module__ or "")
        codes = list(_codes(function.__code__))
        for code in codes:
            self._import(code, str(function.__globals__.get("__package__") or ""))
        names = sorted({name for code in codes for name in _global_names(code)} & set(function.__globals__))
        return [
            [self.plain(value) for value in function.__defaults__ or ()],
            {name: self.plain(value) for name, value in sorted((function.__kwdefaults__ or {}).items())},
            [self.plain(value) for value in _cells(function)],
            {name: self.plain(function.__globals__[name]) for name in names},
        ]

    def _import(self, code: CodeType, package: str) -> None:
        """Counts the files of modules that are imported while a function runs."""
        root = Path(code.co_filename).resolve().parent
        for step in dis.get_instructions(code):
            if step.opname == "IMPORT_NAME":
                for name in (str(step.argval), f"{package}.{step.argval}".strip(".")):
                    self._files.update(_found(name, root))

    def _class(self, kind: type) -> JSON:
        if not _is_own(kind.__module__):
            return ["installed", _class_path(kind), _version(kind.__module__)]
        source = _source(kind)
        self._whole(kind.__module__)
        bases = [self.thing(base) for base in kind.__bases__]
        return ["class", _class_path(kind), source, bases, self._members(kind, written=bool(source))]

    def _members(self, kind: type, *, written: bool) -> JSON:
        """What the methods reach, and other values as far as they can be told; the source holds the rest."""
        found: dict[str, JSON] = {}
        for name, value in sorted(vars(kind).items()):
            functions = list(_functions_in(value))
            if functions:
                known = [
                    function for function in functions if not written or function.__code__.co_filename != "<string>"
                ]
                found[name] = [self._reached(one) if written else self.thing(one) for one in known]
            elif not (name.startswith("__") and name.endswith("__")) and not name.startswith("_abc_"):
                try:
                    found[name] = self.plain(value)
                except (Unidentified, TypeError, ValueError):
                    found[name] = _class_path(type(value))
        return found

    def _estimator(self, estimator: Any) -> JSON:
        """Class and parameters, nested estimators too; fitted state does not count."""
        parameters = estimator.get_params(deep=False)
        return [
            "estimator",
            self.thing(type(estimator)),
            {name: self.plain(value) for name, value in sorted(parameters.items())},
        ]

    def _object(self, thing: object) -> JSON:
        state = getattr(thing, "__dict__", None)
        if state is None:
            raise Unidentified
        return ["object", self.thing(type(thing)), {name: self.plain(value) for name, value in sorted(state.items())}]


def _describes_itself(value: object) -> bool:
    """Whether a value of a class of the user's has no attributes of its own, and its text says what it is."""
    return not hasattr(value, "__dict__")


def _is_own(module: str) -> bool:
    """Whether a module is the user's: neither Python's, nor of an installed package, nor of this one."""
    top = module.partition(".")[0]
    if top == "merits" or module == "builtins":
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return top not in sys.stdlib_module_names
    path = Path(file).resolve()
    return not _is_installed(path)


def _is_installed(path: Path) -> bool:
    if any(part in _INSTALLED for part in path.parts):
        return True
    return any(path.is_relative_to(place) for place in _standard_library())


@functools.cache
def _standard_library() -> tuple[Path, ...]:
    return tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib"))


@functools.cache
def _version(module: str) -> str:
    return versions(module)[module]


def _written(function: FunctionType) -> JSON:
    """The source; the compiled code where there is none, and for a lambda, whose line may hold other lambdas."""
    if function.__name__ != "<lambda>":
        try:
            return inspect.getsource(function)
        except (OSError, TypeError):
            pass
    return _compiled(function.__code__)


def _compiled(code: CodeType) -> JSON:
    constants = [_compiled(item) if isinstance(item, CodeType) else _constant(item) for item in code.co_consts]
    return [code.co_code.hex(), constants, list(code.co_names), list(code.co_varnames)]


def _constant(value: object) -> str:
    """A constant's text; a frozen set's order differs from process to process."""
    return f"frozenset {sorted(map(repr, value))}" if isinstance(value, frozenset) else repr(value)


def _source(kind: type) -> str:
    """The source of a class, or "" where there is none."""
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return ""


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code and that of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _global_names(code: CodeType) -> set[str]:
    return {str(step.argval) for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}


def _cells(function: FunctionType) -> Iterator[object]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not assigned yet
            yield None


def _functions_in(member: object) -> Iterator[FunctionType]:
    """The functions behind a member of a class: a method, a property, a class method, a cached property."""
    names = ("__func__", "fget", "fset", "fdel", "func", "__wrapped__")
    for found in (member, *(getattr(member, name, None) for name in names if not isinstance(member, FunctionType))):
        if isinstance(found, FunctionType):
            yield found


def _class_path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _represented(value: object) -> JSON:
    """The bytes of an array, else a repr that holds no address and no ellipsis."""
    tobytes = getattr(value, "tobytes", None)
    kind = str(getattr(value, "dtype", ""))
    if tobytes is not None and kind != "object":
        return ["array", kind, list(getattr(value, "shape", ())), content_hash(tobytes())]
    if isinstance(value, re.Pattern):  # its repr is cut
        return ["pattern", repr(value.pattern), value.flags]
    text = repr(value)
    if _ADDRESS.search(text) or "..." in text:
        raise Unidentified
    return [_class_path(type(value)), text]


def _imported_files(file: Path) -> Iterator[Path]:
    """The user's files that a file imports anywhere in it."""
    root = _root(file)
    for name in imported_names(file, root):
        yield from _found(name, root)


def _found(name: str, root: Path) -> Iterator[Path]:
    """The user's files that importing a name reads: the module's and those of the packages it is in."""
    parts = name.split(".")
    for n in range(1, len(parts) + 1):
        file = _file_of(".".join(parts[:n]), root)
        if file is not None and not _is_installed(file):
            yield file


def _file_of(name: str, root: Path) -> Path | None:
    if not name or name.partition(".")[0] == "merits":
        return None
    known = str(getattr(sys.modules.get(name), "__file__", None) or "")
    if known:
        return Path(known).resolve() if known.endswith(".py") and Path(known).is_file() else None
    if name.partition(".")[0] in sys.stdlib_module_names:
        return None
    found = (local_file(name, place) for place in (root, *map(Path, sys.path)))
    return next((file.resolve() for file in found if file is not None), None)


def _root(file: Path) -> Path:
    """The folder from which a file is imported: above the packages that it is in."""
    folder = file.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder
