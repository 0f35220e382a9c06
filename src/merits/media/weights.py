"""Folders of models in the Hugging Face format: found, checked, and opened without a network or foreign code.

A folder holds `config.json` and weights. Weights are read from safetensors, which are numbers and nothing else;
pickled weights can run code when they are read, and are refused unless a recipe allows them. Knows nothing about what a
model is for.
"""

from __future__ import annotations

import json
import math
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import msgspec

from merits.core.errors import CandidateError
from merits.core.identity import content_hash
from merits.media.assets import asset_folders
from merits.media.files import check_hash, file_hash

__all__ = [
    "IMPORTING",
    "AllowPickle",
    "ModelFolder",
    "Sha256",
    "Whereabouts",
    "find_file",
    "find_folder",
    "model_folder",
]

Sha256 = Annotated[
    str | dict[str, str],
    msgspec.Meta(
        description="If given, the weight file's SHA-256 must be this; several files: a mapping from name to SHA-256."
    ),
]
AllowPickle = Annotated[
    bool,
    msgspec.Meta(description="Read pickled weights (.bin, .pt), which can run code: only for files that you trust."),
]

IMPORTING = threading.RLock()
"""Held by whoever imports from transformers, which imports its parts when they are first asked for: several threads
that do so at once find modules that are half there ("cannot import name 'AutoModel'")."""

_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
_NO_WEIGHTS = ("training_args.bin", "optimizer.pt", "optimizer.bin", "scheduler.pt", "scaler.pt")  # never read
_READ = (".safetensors", ".json", ".txt", ".model", ".jinja", ".py", *_PICKLED)  # what can change an answer
_LFS = b"version https://git-lfs"
_LONGEST_HEADER = 100_000_000  # what the safetensors library itself accepts


class Whereabouts(Protocol):
    """Where names of models are looked for: the task's folder, and what the environment says (MERITS_ASSETS)."""

    @property
    def folder(self) -> Path: ...

    @property
    def env(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class ModelFolder:
    """A folder that was looked at: `weights` are its files of weights, `is_pickled` where they are no safetensors."""

    path: Path
    weights: tuple[Path, ...]
    is_pickled: bool

    @property
    def fingerprint(self) -> str:
        """A hash of every file in it that can change an answer, by name and content."""
        files = sorted(file for file in self.path.rglob("*") if file.suffix in _READ and file.is_file())
        return content_hash([[file.relative_to(self.path).as_posix(), file_hash(file)] for file in files])

    def n_bytes(self, each: int) -> int:
        """What the weights take in memory with so many bytes for each number; pickled ones as much as their files."""
        return sum(
            _n_numbers(file) * each if file.suffix == ".safetensors" else file.stat().st_size for file in self.weights
        )

    def open(self, loader: Any, **options: object) -> Any:
        """What `loader.from_pretrained` makes of the folder: a model of transformers or diffusers.

        Asks no network, runs no code that lies in the folder, and reads safetensors only, unless pickled weights were
        allowed. CandidateError where the library cannot make sense of the folder.
        """
        return self._opened(loader, use_safetensors=not self.is_pickled, **options)

    def open_tokenizer(self, loader: Any, **options: object) -> Any:
        """The same for what has no weights: a tokenizer, a processor, a configuration."""
        return self._opened(loader, **options)

    def _opened(self, loader: Any, **options: object) -> Any:
        try:
            with IMPORTING:  # the class of this very model is imported by now at the latest
                return loader.from_pretrained(
                    str(self.path), **{"local_files_only": True, "trust_remote_code": False, **options}
                )
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError, ImportError) as problem:
            reason = str(problem).strip().splitlines()[0][:300] if str(problem).strip() else type(problem).__name__
            raise CandidateError(
                f"{self.path} cannot be opened as {loader.__name__}: {reason}.",
                "Is it the right kind of model, whole, and of a version that the installed library knows?",
            ) from problem


def find_folder(name: str, context: Whereabouts) -> Path:
    """The folder of that name: beside the task, or among the fetched assets. CandidateError says where was looked."""
    return _found(name, context, "folder")


def find_file(name: str, context: Whereabouts) -> Path:
    """The file of that name: beside the task, or among the fetched assets. CandidateError says where was looked."""
    return _found(name, context, "file")


def _found(name: str, context: Whereabouts, what: str) -> Path:
    places = [context.folder / name, *(folder / name for folder in asset_folders(context.folder, context.env))]
    for place in places:
        if place.is_dir() if what == "folder" else place.is_file():
            return place
    other = next((place for place in places if place.exists()), None)
    if other is not None:
        raise CandidateError(f"{other} is no {what}.", f"Name the model's {what}.")
    looked = ", ".join(dict.fromkeys(str(place) for place in places))
    raise CandidateError(
        f"the model {what} {name!r} is not there (looked for {looked}).",
        f"Nothing is downloaded: give the path of the {what}, or set MERITS_ASSETS to where it lies.",
    )


def model_folder(
    name: str,
    context: Whereabouts,
    *,
    sha256: str | Mapping[str, str] = "",
    allow_pickle: bool = False,
    config: str = "config.json",
) -> ModelFolder:
    """The model folder of that name, once it is sure what its weights are; reads headers and hashes, loads nothing.

    `config` is the file that makes it a model: "config.json", "model_index.json" for a pipeline of diffusers.
    CandidateError where the folder or the configuration is missing, where weights are pickled (unless allowed),
    broken, not of the given hash, or a pointer of Git LFS instead of the file.
    """
    folder = find_folder(name, context)
    _must_be_json(folder / config)
    weights, is_pickled = _weights(folder, allow_pickle)
    for file in weights:
        if file.suffix == ".safetensors":
            _must_be_whole(file)
    for index in folder.rglob("*.safetensors.index.json"):
        _must_be_all_there(index)
    if sha256:
        _must_match(folder, weights, sha256)
    return ModelFolder(folder, weights, is_pickled)


def _weights(folder: Path, allow_pickle: bool) -> tuple[tuple[Path, ...], bool]:
    """The files that hold weights, and whether any are pickled.

    Where a folder inside holds both, the safetensors are read and the others are not.
    """
    safe = sorted(folder.rglob("*.safetensors"))
    with_safe = {file.parent for file in safe}
    found = (file for file in folder.rglob("*") if file.suffix in _PICKLED and file.name not in _NO_WEIGHTS)
    pickled = sorted(file for file in found if file.is_file() and file.parent not in with_safe)
    if not safe and not pickled:
        raise CandidateError(
            f"{folder} holds no weights (model.safetensors).", "Fetch the model's folder with all its files."
        )
    if pickled and not allow_pickle:
        names = ", ".join(file.relative_to(folder).as_posix() for file in pickled[:3])
        raise CandidateError(
            f"{folder} holds pickled weights ({names}), which can run any code when they are read.",
            "Take a copy in safetensors, or write `allow_pickle: true` if you trust whoever made them.",
        )
    return (*safe, *pickled), bool(pickled)


def _must_be_json(file: Path) -> None:
    if not file.is_file():
        raise CandidateError(f"{file.parent} has no {file.name}.", "Is it a folder in the Hugging Face format?")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise CandidateError(f"{file} is no JSON: {problem}.", "Fetch it again.") from None
    if not isinstance(content, dict):
        raise CandidateError(f"{file} holds no object.", "Fetch it again.")


def _must_be_whole(file: Path) -> None:
    """Refuses what is no safetensors file, or less or more than its header says."""
    size = file.stat().st_size
    with file.open("rb") as content:
        start = content.read(len(_LFS))
        if start == _LFS:
            raise CandidateError(f"{file} is a pointer of Git LFS, not the weights.", "Run `git lfs pull` there.")
        content.seek(0)
        length = struct.unpack("<Q", content.read(8))[0] if size >= 8 else _LONGEST_HEADER
        header = content.read(length) if length < min(size, _LONGEST_HEADER) else b""
    end = _end_of(header)
    if end is None:
        raise CandidateError(f"{file} is not in the safetensors format.", "Is it what its name says? Fetch it again.")
    if 8 + length + end != size:
        raise CandidateError(
            f"{file} has {size} bytes, and its header speaks of {8 + length + end}.", "Fetch it again."
        )


def _n_numbers(file: Path) -> int:
    """How many numbers a safetensors file holds."""
    with file.open("rb") as content:
        tensors = json.loads(content.read(struct.unpack("<Q", content.read(8))[0]))
    return sum(math.prod(it["shape"]) for name, it in tensors.items() if name != "__metadata__")


def _end_of(header: bytes) -> int | None:
    """Where the last tensor ends after the header; None when it is no header."""
    try:
        tensors = json.loads(header)
        return max((int(it["data_offsets"][1]) for name, it in tensors.items() if name != "__metadata__"), default=0)
    except (ValueError, AttributeError, KeyError, TypeError, IndexError):
        return None


def _must_be_all_there(index: Path) -> None:
    _must_be_json(index)
    names = set((json.loads(index.read_text(encoding="utf-8")).get("weight_map") or {}).values())
    missing = sorted(str(name) for name in names if not (index.parent / str(name)).is_file())
    if missing:
        raise CandidateError(f"{index.parent} lacks {', '.join(missing[:3])}, which {index.name} names.", "Fetch them.")


def _must_match(folder: Path, weights: tuple[Path, ...], sha256: str | Mapping[str, str]) -> None:
    if isinstance(sha256, str):
        if len(weights) > 1:
            names = ", ".join(file.relative_to(folder).as_posix() for file in weights[:3])
            raise CandidateError(
                f"sha256 is one hash, and {folder} holds {len(weights)} files of weights ({names}).",
                "Write a mapping from each file's name to its SHA-256.",
            )
        sha256 = {weights[0].relative_to(folder).as_posix(): sha256}
    unnamed = [file for file in weights if file.relative_to(folder).as_posix() not in sha256]
    if unnamed:
        raise CandidateError(f"sha256 says nothing of {unnamed[0].relative_to(folder).as_posix()}.", "Add its hash.")
    for name, wanted in sha256.items():
        if not (folder / name).is_file():
            raise CandidateError(f"{name} is not there.", "Fetch it again, or mend sha256.")
        check_hash(folder / name, wanted)
