"""A transformer encoder of a Hugging Face folder with a linear head: texts in, probabilities of classes out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from merits.core.errors import CandidateError
from merits.media.weights import ModelFolder

__all__ = ["Encoder"]


class Encoder:
    """The network, its tokenizer and where it computes. Not safe for several threads at once."""

    def __init__(
        self, folder: ModelFolder, n_labels: int, *, max_tokens: int, device: str, threads: int, seed: int
    ) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        torch.set_num_threads(threads)
        if device == "cuda" and not torch.cuda.is_available():
            raise CandidateError("device is cuda, and there is no GPU that torch can use.", "Write `device: auto`.")
        bars: Any = logging
        bars.disable_progress_bar()
        self.torch: Any = torch
        self.device = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
        self._max_tokens = max_tokens
        self._tokenizer = folder.open_tokenizer(AutoTokenizer)
        body = folder.open(AutoModel, dtype=torch.float32)
        head = torch.nn.Linear(body.config.hidden_size, n_labels)
        drawn = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            head.weight.normal_(0.0, 0.02, generator=drawn)
            head.bias.zero_()
        for module in body.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0  # draws from torch's one global generator, which other candidates share
        self.network: Any = torch.nn.ModuleDict({"body": body, "head": head}).to(self.device)

    def logits(self, texts: Sequence[str]) -> Any:
        """Scores of the classes, shape (texts, classes); mixed precision on a GPU that has bfloat16."""
        torch = self.torch
        batch = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=self._max_tokens, return_tensors="pt"
        ).to(self.device)
        mixed = self.device == "cuda" and torch.cuda.is_bf16_supported()
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=mixed):
            tokens = self.network["body"](**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1).to(tokens.dtype)
            return self.network["head"]((tokens * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)).float()

    def shares(self, texts: Sequence[str]) -> list[list[float]]:
        """The probability of each class, shape (texts, classes)."""
        self.network.eval()
        with self.torch.inference_mode():
            rows: list[list[float]] = self.logits(texts).double().softmax(dim=-1).tolist()
        return rows

    def write(self, file: Path) -> None:
        """Writes the network's numbers to a file."""
        self.torch.save(self.network.state_dict(), file)

    def read(self, file: Path) -> None:
        """Takes the numbers that `write` wrote."""
        self.network.load_state_dict(self.torch.load(file, map_location=self.device, weights_only=True))

    def release(self) -> None:
        """Frees the memory."""
        del self.network
        if self.device == "cuda":
            self.torch.cuda.empty_cache()
