"""A transformer encoder with a linear head as one module of torch: token ids in, scores of the classes out.

Imported only where torch is there. Knows nothing about tokenizers, training or what the classes are called.
"""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["PooledClassifier"]


class PooledClassifier(torch.nn.Module):
    """The mean of the encoder's last layer over the tokens, and a linear layer on top."""

    def __init__(self, body: Any, n_labels: int, *, seed: int) -> None:
        super().__init__()
        self.body = body
        self.head = torch.nn.Linear(body.config.hidden_size, n_labels)
        drawn = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            self.head.weight.normal_(0.0, 0.02, generator=drawn)
            self.head.bias.zero_()

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Scores of the classes, shape (texts, classes); what is read has the shape (texts, tokens)."""
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        tokens = self.body(input_ids=input_ids, attention_mask=attention_mask, **types).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(tokens.dtype)
        scores: torch.Tensor = self.head((tokens * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1))
        return scores
