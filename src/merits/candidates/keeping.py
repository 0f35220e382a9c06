"""What a model has learned, in files that can be read back without running anything that is in them.

Settings and labels are JSON, numbers NumPy's own format without objects, networks safetensors, estimators of
scikit-learn skops (LightGBM's and XGBoost's in their own text inside). Nothing is pickled, and nothing unpickled. Knows
nothing about who keeps what.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.doors import Portable
from merits.core.errors import CandidateError, MissingExtra

__all__ = [
    "keep_arrays",
    "keep_estimator",
    "keep_inside",
    "keep_json",
    "keep_labels",
    "keep_network",
    "kept_arrays",
    "kept_bytes",
    "kept_estimator",
    "kept_json",
    "kept_labels",
    "restore_inside",
    "take_network",
]

T = TypeVar("T")

# Beside what skops itself trusts, and the classes of scikit-learn: classes that hold numbers and text, each looked at.
# Whoever can write such a file can make it hold other numbers, and a tree with wrong ones may crash the process (see
# skops' note on TreePredictor); it cannot make it run code. That nobody did is told by the release's hashes.
_TRUSTED = frozenset(
    {
        "collections.OrderedDict",
        "collections.defaultdict",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRegressor",
        "merits.candidates.automl._Found",
        "merits.candidates.modalities.Block",
        "merits.candidates.quantile_forecaster.QuantileForecaster",
        "numpy.dtype",
        "scipy.interpolate._interpolate.interp1d",
        "scipy.sparse._csc.csc_matrix",
        "scipy.sparse._csr.csr_matrix",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRegressor",
        "xgboost.sklearn.XGBRFClassifier",
        "xgboost.sklearn.XGBRFRegressor",
    }
)
_NOT_OF_SKLEARN = ("sklearn.externals.", "sklearn.datasets.", "sklearn.utils.")  # read and fetch files, or run things
_INSTALL = "pip install 'merits[keeping]'"
_LABELS = "labels.json"
_importing = threading.RLock()


def keep_json(value: object, file: Path) -> None:
    """Writes a value as JSON."""
    file.write_bytes(msgspec.json.encode(value))


def kept_json(file: Path, type: type[T]) -> T:
    """The value of a type in a JSON file; CandidateError where it holds no such.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp(), "labels.json")
    >>> keep_json(["no", "yes"], file)
    >>> kept_json(file, list[str])
    ['no', 'yes']
    """
    try:
        return msgspec.json.decode(kept_bytes(file), type=type)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise _broken(file, str(problem)) from None


def keep_labels(labels: Sequence[str], folder: Path) -> None:
    """Writes the labels of a classifier, in the order of what its network says."""
    keep_json(list(labels), folder / _LABELS)


def kept_labels(folder: Path) -> tuple[str, ...]:
    """The labels that a classifier kept in a folder."""
    return kept_json(folder / _LABELS, tuple[str, ...])


def keep_arrays(arrays: Mapping[str, Any], file: Path) -> None:
    """Writes arrays of numbers, and sparse matrices (compressed rows), by name."""
    flat: dict[str, NDArray[Any]] = {}
    for name, value in arrays.items():
        if hasattr(value, "indptr"):
            rows = value.tocsr()
            flat |= {f"{name}.{part}": getattr(rows, part) for part in ("data", "indices", "indptr")}
            flat[f"{name}.shape"] = np.array(rows.shape, np.int64)
        else:
            flat[name] = np.asarray(value)
    if any(array.dtype.hasobject for array in flat.values()):
        raise CandidateError("what it learned holds objects that are no numbers.", "It learns again at the start.")
    with file.open("wb") as opened:
        np.savez_compressed(opened, **flat)  # type: ignore[arg-type]


def kept_arrays(file: Path) -> dict[str, Any]:
    """The arrays and sparse matrices of a file, by name; CandidateError where it holds anything else.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp(), "numbers.npz")
    >>> keep_arrays({"weights": np.array([1.0, 2.0])}, file)
    >>> kept_arrays(file)["weights"].tolist()
    [1.0, 2.0]
    """
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as held:
            flat = {name: held[name] for name in held.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as problem:
        raise _broken(file, str(problem)) from None
    found: dict[str, Any] = {name: array for name, array in flat.items() if "." not in name}
    sparse = [name.removesuffix(".indptr") for name in flat if name.endswith(".indptr")]
    try:
        return found | {name: _rows(flat, name) for name in sparse}
    except (KeyError, ValueError) as problem:
        raise _broken(file, str(problem)) from None


def _rows(flat: Mapping[str, NDArray[Any]], name: str) -> Any:
    """The sparse matrix of that name."""
    from scipy.sparse import csr_matrix

    data, indices, starts, shape = (flat[f"{name}.{part}"] for part in ("data", "indices", "indptr", "shape"))
    matrix = csr_matrix((data, indices, starts), shape=tuple(shape.tolist()))
    matrix.check_format(full_check=True)  # columns that are not there would be read past the end
    return matrix


def keep_estimator(estimator: object, file: Path) -> None:
    """Writes a fitted estimator; CandidateError where it holds what would not be read back (a class of one's own)."""
    sio = _skops()
    try:
        data = sio.dumps(estimator, compression=zipfile.ZIP_DEFLATED)
        strange = [name for name in sio.get_untrusted_types(data=data) if not _is_trusted(name)]
    except Exception as problem:  # noqa: BLE001  skops raises whatever a strange object makes it stumble on
        raise CandidateError(f"it cannot be kept: {_first_line(problem)}.", "It learns again at the start.") from None
    if strange:
        raise CandidateError(
            f"it holds {', '.join(strange[:3])}, which is not read without running code.",
            "It learns again at the start.",
        )
    file.write_bytes(data)


def kept_estimator(file: Path) -> Any:
    """The fitted estimator in a file; CandidateError where there is none, or one that holds what is not trusted."""
    sio, data = _skops(), kept_bytes(file)
    try:
        named = sio.get_untrusted_types(data=data)
        strange = [name for name in named if not _is_trusted(name)]
        if strange:
            raise _broken(file, f"it holds {', '.join(strange[:3])}, which is not trusted")
        return sio.loads(data, trusted=named)
    except CandidateError:
        raise
    except Exception as problem:  # noqa: BLE001  skops raises whatever a broken file makes it stumble on
        raise _broken(file, _first_line(problem)) from None


def keep_network(module: Any, file: Path) -> None:
    """Writes the numbers of a network of torch."""
    from safetensors.torch import save_model

    save_model(module, str(file))


def take_network(module: Any, file: Path) -> None:
    """Nothing; the network has the numbers in the file. CandidateError where these are not its own."""
    from safetensors import SafetensorError
    from safetensors.torch import load_model

    try:
        some = next(module.parameters(), None)
        load_model(module, str(file), device="cpu" if some is None else str(some.device))
    except (SafetensorError, RuntimeError, OSError, ValueError) as problem:
        raise _broken(file, _first_line(problem)) from None


def keep_inside(model: object, folder: Path, name: str) -> None:
    """Keeps a model that is inside another one in a folder of its own; CandidateError for one that cannot be."""
    if not isinstance(model, Portable):
        raise CandidateError(f"a {type(model).__name__} inside it cannot be kept.", "It learns again at the start.")
    inside = folder / name
    inside.mkdir()
    model.keep(inside)


def restore_inside(model: object, folder: Path, name: str) -> None:
    """Nothing; a model inside another one has what `keep_inside` kept."""
    if not isinstance(model, Portable) or not (folder / name).is_dir():
        raise _broken(folder / name, "it is not there, or of another model")
    model.restore(folder / name)


def _is_trusted(name: str) -> bool:
    """Whether a name in a kept estimator is that of a class which holds numbers and text."""
    if name in _TRUSTED:
        return True
    if not name.startswith("sklearn.") or name.startswith(_NOT_OF_SKLEARN):
        return False
    module, _, last = name.rpartition(".")
    try:
        return isinstance(getattr(importlib.import_module(module), last, None), type)
    except ImportError:
        return False


def _skops() -> Any:
    """skops.io as it is where somebody has imported it, else without its list of what it trusts in scikit-learn.

    For that list it imports all of scikit-learn, and PyTorch and pytest with it: 4 of the 7 seconds of processor time
    that opening a release took. What is trusted is decided here (`_is_trusted`), so nothing is lost by it. Whoever
    imports skops afterwards gets one of their own, with the list.
    """
    if importlib.util.find_spec("skops") is None:
        raise MissingExtra("keeping a trained estimator needs skops, which is not installed.", _INSTALL)
    with _importing:
        if "skops.io" in sys.modules:
            return sys.modules["skops.io"]
        return _light_skops()


@cache
def _light_skops() -> Any:
    from sklearn import utils

    listing, known = utils.all_estimators, set(sys.modules)
    utils.all_estimators = lambda type_filter=None: []
    try:
        import skops.io

        return skops.io
    finally:
        utils.all_estimators = listing
        for name in [name for name in sys.modules if name.partition(".")[0] == "skops" and name not in known]:
            del sys.modules[name]


def kept_bytes(file: Path) -> bytes:
    """What is in a file; CandidateError where it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as problem:
        raise _broken(file, problem.strerror or str(problem)) from None


def _broken(file: Path, why: str) -> CandidateError:
    return CandidateError(
        f"{file.name} is not what this candidate kept: {why.rstrip('.')}.", "Release it anew: merits release"
    )


def _first_line(problem: BaseException) -> str:
    text = str(problem).strip()
    return text.splitlines()[0][:300] if text else type(problem).__name__
