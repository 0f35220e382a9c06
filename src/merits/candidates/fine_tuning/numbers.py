"""What a network learns: its numbers that are trained, apart from those that stay; adapters (LoRA) among them.

An adapter's numbers are few: where one is trained, they are all that is kept. Knows nothing about training.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from merits.candidates.fine_tuning.settings import Lora
from merits.core.errors import CandidateError, MissingExtra

__all__ = [
    "IN_TRAINING",
    "check_numbers",
    "check_peft",
    "merged",
    "put",
    "save",
    "take",
    "temporary_file",
    "trained",
    "with_adapter",
]


IN_TRAINING = 4  # times its weights: a network with the gradients and the two moments of each


def check_peft(lora: Lora | None) -> None:
    """Nothing, where adapters can be trained or none is wanted; else MissingExtra."""
    if lora is not None and importlib.util.find_spec("peft") is None:
        raise MissingExtra("`lora` needs peft, which is not installed.", "Install it: pip install 'merits[lora]'")


def with_adapter(body: Any, lora: Lora | None, *, seed: int) -> Any:
    """The adapter, once it is in the layers of a model of transformers; None where none is wanted.

    Of the body only the adapter's numbers are trained from then on. Whatever is drawn is drawn by the seed.
    """
    if lora is None:
        return None
    import torch
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # a ratio; whole numbers are not needed
        lora_dropout=lora.dropout,
        target_modules=lora.targets if isinstance(lora.targets, str) else list(lora.targets),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return LoraModel(body, config, "default")
        except ValueError as problem:
            names = sorted({name.rpartition(".")[2] for name, part in body.named_modules() if _is_linear(part)})
            raise CandidateError(
                f"lora.targets: {str(problem).splitlines()[0][:200]}",
                f"Its linear layers are called {', '.join(names)}.",
            ) from problem


def _is_linear(module: Any) -> bool:
    return type(module).__name__ in ("Linear", "Conv1D")


def merged(adapter: Any) -> None:
    """Nothing; what the adapter learned is in the layers themselves from then on, and the adapter is gone."""
    if adapter is not None:
        adapter.merge_and_unload()


def trained(network: Any) -> dict[str, Any]:
    """The numbers of a network that are trained, by their names, on the processor."""
    return {
        name: numbers.detach().to("cpu", copy=True).contiguous()
        for name, numbers in network.named_parameters()
        if numbers.requires_grad
    }


def put(network: Any, numbers: Mapping[str, Any]) -> None:
    """Nothing; the network's numbers of these names are these from then on. KeyError where it has no such."""
    import torch

    own = dict(network.named_parameters())
    with torch.no_grad():
        for name, values in numbers.items():
            own[name].copy_(values)


def temporary_file() -> Path:
    """An empty file that is new; whoever asks for it deletes it."""
    file, name = tempfile.mkstemp(prefix="merits-", suffix=".safetensors")
    os.close(file)
    return Path(name)


def save(network: Any, file: Path) -> None:
    """Nothing; the numbers of the network that are trained are in the file."""
    from safetensors.torch import save_file

    save_file(trained(network), file)


def check_numbers(file: Path) -> None:
    """Nothing; CandidateError where a file does not hold the numbers that its beginning speaks of."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as opened:
            opened.keys()
    except (SafetensorError, OSError) as problem:
        raise CandidateError(f"what was trained is not whole: {problem}.", "Release it anew: merits release") from None


def take(network: Any, file: Path, lora: Lora | None, *, seed: int) -> None:
    """Nothing; the network has what `save` wrote, an adapter merged into it."""
    from safetensors.torch import load_file

    adapter = with_adapter(network, lora, seed=seed)
    put(network, load_file(file))
    merged(adapter)
    network.requires_grad_(requires_grad=False)
