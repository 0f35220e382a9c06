"""What runs inside the sandbox: gives up every right it has, then runs the code. A script of its own; see `sandbox`.

Imports nothing of Merits: it is started with `python -I -S` by its path. What is to be run comes as JSON on stdin, what
became of it goes to the descriptor that is named there. Order matters: modules are loaded first, because nothing can be
opened afterwards.
"""

import ctypes
import importlib
import json
import os
import platform
import resource
import sys
from typing import Any

# What a program may ask of Linux once it runs: its memory, its clock, its threads, and the pipes it was given. The rest
# (opening, sockets, processes, signals, other processes' memory) is refused with EPERM. Numbers: asm/unistd.h.
ALLOWED = {
    "x86_64": (
        0xC000003E,
        {
            0, 1, 3, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 19, 20, 23, 24, 25, 27, 28, 35, 39, 60, 63, 79, 96, 97, 98,
            99, 100, 102, 104, 107, 108, 110, 131, 186, 201, 202, 204, 219, 228, 229, 230, 231, 262, 270, 271, 273,
            318, 324, 334,
        },
        56, 435,
    ),
    "aarch64": (
        0xC00000B7,
        {
            17, 57, 62, 63, 64, 65, 66, 72, 73, 79, 80, 93, 94, 98, 99, 101, 113, 114, 115, 123, 124, 128, 132, 134,
            135, 139, 153, 160, 163, 165, 169, 172, 173, 174, 175, 176, 177, 178, 179, 214, 215, 216, 222, 226, 227,
            232, 233, 278, 283, 293,
        },
        220, 435,
    ),
}  # fmt: skip
PRELOADED = (
    "abc", "array", "ast", "base64", "bisect", "calendar", "cmath", "collections", "collections.abc", "contextlib",
    "copy", "csv", "dataclasses", "datetime", "decimal", "difflib", "encodings.idna", "encodings.ascii",
    "encodings.latin_1", "encodings.utf_8", "enum", "fractions", "functools", "hashlib", "heapq", "html", "inspect",
    "io", "itertools", "json", "linecache", "logging", "math", "numbers", "os", "pathlib", "pickle", "operator",
    "pprint", "queue", "random", "re", "socket", "statistics", "string", "struct", "subprocess", "sys", "textwrap",
    "threading", "time", "traceback", "types", "typing", "unicodedata", "uuid", "warnings", "_strptime", "zlib",
    "unittest",
)  # fmt: skip
NOBODY = 65534
CLONE_THREAD = 0x10000
EPERM, ENOSYS = 1, 38


class Instruction(ctypes.Structure):
    """One of a filter: struct sock_filter of linux/filter.h."""

    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]


class Program(ctypes.Structure):
    """A filter: struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(Instruction))]


def close_the_doors() -> None:
    """Allows only what is listed from now on (seccomp, for this process and all it might start). Raises OSError."""
    architecture, allowed, clone, clone3 = ALLOWED[platform.machine()]
    load, equal, any_bit, give = 0x20, 0x15, 0x45, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000
    lines = [(load, 0, 0, 4), (equal, 1, 0, architecture), (give, 0, 0, 0x80000000), (load, 0, 0, 0)]
    for number in sorted(allowed):
        lines += [(equal, 0, 1, number), (give, 0, 0, allow)]
    lines += [(equal, 0, 1, clone3), (give, 0, 0, refuse | ENOSYS)]  # then libc tries clone, which can be looked at
    lines += [(equal, 1, 0, clone), (give, 0, 0, refuse | EPERM)]
    lines += [(load, 0, 0, 16), (any_bit, 0, 1, CLONE_THREAD), (give, 0, 0, allow), (give, 0, 0, refuse | EPERM)]
    filter = (Instruction * len(lines))(*(Instruction(*line) for line in lines))
    program = Program(len(lines), filter)
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_rights, seccomp, with_filter = 38, 22, 2
    if libc.prctl(no_new_rights, 1, 0, 0, 0) or libc.prctl(seccomp, with_filter, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel takes no seccomp filter")


def limit(order: dict[str, Any]) -> None:
    """Bounds time, memory, files and core dumps of this process, for good."""
    seconds, memory = int(order["cpu_s"]), int(order["memory_bytes"])
    for what, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def run(order: dict[str, Any]) -> str:
    """ "" where the code ran and its tests passed; else what went wrong."""
    space = {"__name__": "__main__", "__builtins__": __builtins__}
    what = "the code"
    try:
        exec(compile(order["code"], "<answer>", "exec"), space)
        what = "its tests"
        exec(compile(order["tests"], "<tests>", "exec"), space)
    except MemoryError:
        return f"{what} needed more memory than allowed"
    except BaseException as problem:  # noqa: BLE001 (SystemExit too: the code must not end its own tests)
        try:
            said = str(problem)[:200]
        except BaseException:  # noqa: BLE001 (an exception of the code's own making)
            said = ""
        return f"{what} raised {type(problem).__name__}{': ' if said else ''}{said}"
    return ""


def main() -> None:
    """Tells on the result's descriptor "ready", then the password and what went wrong ("" if nothing)."""
    order = json.loads(sys.stdin.buffer.read())
    say = int(order["say_to"])
    sys.path[:0] = order["path"]
    for name in (*PRELOADED, *order["packages"]):
        importlib.import_module(name)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    os.environ.clear()
    sys.path.clear()
    limit(order)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    close_the_doors()
    os.write(say, b"ready\n")
    password = order.pop("password")
    found = run(order)
    os.write(say, json.dumps([password, found]).encode()[:4000] + b"\n")
    os._exit(0)


if __name__ == "__main__":
    main()
