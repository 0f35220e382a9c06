"""Translation by rules: Apertium, which the system's package manager installs, run as one process that stays."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from merits.candidates.batcher import Batcher
from merits.candidates.null_flushed import NullFlushed
from merits.candidates.registry import LoadContext
from merits.candidates.texts import as_text
from merits.core.answer import Answer
from merits.core.doors import Model
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.core.validate import did_you_mean
from merits.media.files import file_hash

__all__ = ["READS", "Params", "as_stream", "from_stream", "load"]

ON_PREMISES = True

READS: tuple[Reads, ...] = ("text",)
_BATCH = 32  # texts on their way at once: the stages of the translation then work side by side
_STAGES = "apertium-wblank-mode"
_USUAL = "/usr/share/apertium"
_SPECIAL = re.compile(r"[][\\{}^$/@<>]")
_BLANKS = re.compile(r"[ \t\n\r\f\v]+")
_BRACKET = re.compile(r"(?<!\\)((?:\\\\)*)[][]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_END = ".[]"  # an end of a sentence that the text does not show


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Apertium, a translator by rules, for one pair of languages (Debian: `apt-get install apertium-eng-spa`)."""

    pair: Annotated[
        str,
        msgspec.Meta(min_length=1, description="From which language into which: eng-spa. `apertium -l` lists them."),
    ]
    data_folder: Annotated[str, msgspec.Meta(description="Where the pairs are, if not where the system puts them.")] = (
        ""
    )


def load(params: Params, context: LoadContext) -> Model:
    """A model that translates as `apertium -u` does: unknown words stay as they are, without a mark.

    The programs that it is made of are started by the first question and stay; each text is translated by itself,
    as by a process of its own. CandidateError where Apertium or the pair is not installed.
    """
    program = _program(params.pair, context)
    folder = context.folder / (params.data_folder or context.env.get("APERTIUM_DATADIR") or _USUAL)
    mode = folder / "modes" / f"{params.pair}.mode"
    if not mode.is_file():
        raise _no_such_pair(params.pair, folder)
    # What `apertium -z -u -f none` runs, less a filter of its that keeps back each text until the next one comes.
    command = ["bash", "-c", f'exec bash <({_STAGES} -z "$0") -n', str(mode)]
    process = NullFlushed(command, {**context.env, "LC_ALL": "C.UTF-8"})

    def answer(inputs: Sequence[JSON]) -> list[Answer | Exception]:
        texts = [as_stream(as_text(input)) for input in inputs]
        return [_answer(reply) for reply in process.exchange(texts, context.timeout_s)]

    return Batcher(
        answer,
        batch_size=_BATCH,
        fingerprint=content_hash(["apertium 1", file_hash(Path(program)), *_hashes(mode)]),
        timeout_s=context.timeout_s,
        close=process.close,
    )


def _program(pair: str, context: LoadContext) -> str:
    """Where Apertium is. CandidateError where it is not, or too old for what is asked of it here."""
    program, stages = (shutil.which(name, path=context.env.get("PATH")) for name in ("apertium", _STAGES))
    if program is None:
        raise CandidateError(
            "the translator Apertium is not installed.", f"On Debian: apt-get install {_package(pair)}"
        )
    if stages is None:
        raise CandidateError(f"the Apertium in {program} is older than 3.8.", "Install a newer one.")
    return program


def as_stream(text: str) -> str:
    """The text as Apertium's programs pass it on: its own characters escaped, blanks in brackets, and its end marked.

    What `apertium-destxt` makes of it (https://wiki.apertium.org/wiki/Apertium_stream_format), but for NULs, which
    that leaves out and which keep one text from another here.

    >>> as_stream("It's [9/10]\\tdone")
    "It's \\\\[9\\\\/10\\\\][\\t]done.[]"
    """
    escaped = _SPECIAL.sub(r"\\\g<0>", text.strip(" \t\n\r\f\v"))
    return _BLANKS.sub(_blank, escaped) + _END


def _blank(match: re.Match[str]) -> str:
    blank = match[0]
    return blank if blank == " " else f"{_END if blank.count(chr(10)) > 1 else ''}[{blank}]"


def from_stream(text: str) -> str:
    """The text that a reader sees of what Apertium's programs passed on.

    >>> from_stream(" Está \\\\[9\\\\/10\\\\][\\t]hecho.[]")
    'Está [9/10]\\thecho'
    """
    plain = _BRACKET.sub(r"\1", text.replace(_END, ""))
    return _ESCAPED.sub(r"\1", plain).strip()


def _answer(reply: str) -> Answer | Exception:
    if not reply.rstrip().endswith("[]"):
        return RuntimeError("Apertium lost the end of the text")  # one of its programs ended in the middle
    return Answer(output=from_stream(reply))


def _hashes(mode: Path) -> list[str]:
    """What the translation rests on: the chain of programs and every dictionary and set of rules that it names."""
    files = [Path(name) for name in re.findall(r"'([^']+)'", mode.read_text("utf-8"))]
    return [file_hash(mode), *(file_hash(file) for file in files if file.is_file())]


def _no_such_pair(pair: str, folder: Path) -> CandidateError:
    there = sorted(file.stem for file in (folder / "modes").glob("*.mode"))
    known = f"There are: {', '.join(there)}." if there else "There is none."
    meant = did_you_mean(pair, there).partition("?")[0] + "?" if there else ""
    hint = meant if meant.startswith("Did you mean") else f"On Debian: apt-get install {_package(pair)}"
    return CandidateError(f"Apertium has no pair {pair!r} in {folder}. {known}", hint)


def _package(pair: str) -> str:
    """Debian's packages for a pair.

    >>> _package("spa-eng_US")
    'apertium apertium-eng-spa (`apt-cache search apertium-` lists all pairs)'
    """
    languages = sorted(part.partition("_")[0] for part in pair.split("-"))
    return f"apertium apertium-{'-'.join(languages)} (`apt-cache search apertium-` lists all pairs)"
