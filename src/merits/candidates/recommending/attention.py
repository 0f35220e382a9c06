"""A network that reads a history and points at what comes next: self-attention, as in SASRec.

Kang & McAuley (2018), "Self-attentive sequential recommendation", arXiv 1808.09781; trained with the softmax over items
instead of one negative each, which is what makes it strong (Klenitskiy & Vasilev 2023, arXiv 2309.07602). All that is
drawn is drawn from the given generator: torch's own belongs to whatever else runs in the process.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["NextItem", "loss_of"]

_FULL = 5_000  # items up to which the softmax is over all of them
_NEGATIVES = 1_000  # else over so many drawn ones


class NextItem(nn.Module):
    """Maps histories (batch, length) of item numbers from 1, 0 behind their end, to vectors (batch, length, width)."""

    def __init__(
        self, n_items: int, *, width: int, layers: int, longest: int, dropout: float, random: torch.Generator
    ) -> None:
        super().__init__()
        self.random, self.dropout = random, dropout
        self.items = nn.Embedding(n_items + 1, width, padding_idx=0)
        self.places = nn.Embedding(longest, width)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(layers))
        self.last = nn.LayerNorm(width)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.normal_(
                    parameter, std=0.02 if parameter.shape[0] > width * 4 else width**-0.5, generator=random
                )
        with torch.no_grad():
            self.items.weight[0] = 0.0

    def forward(self, histories: Tensor) -> Tensor:
        """The vector at each place says what comes after it; a place sees only those before it."""
        places = torch.arange(histories.shape[1], device=histories.device)
        x = self._dropped(self.items(histories) * math.sqrt(self.items.embedding_dim) + self.places(places))
        for block in cast("list[_Block]", list(self.blocks)):
            x = x + self._dropped(block.attend(x))
            x = x + self._dropped(block.forward(x))
        return self.last(x)  # type: ignore[no-any-return]

    def grow(self, n_items: int) -> None:
        """Makes room for new items, which begin as the mean of the others and a little of their own."""
        old = self.items.weight.data
        n_new = n_items + 1 - len(old)
        if n_new <= 0:
            return
        mean, spread = old[1:].mean(dim=0), float(old[1:].std())
        noise = torch.randn((n_new, old.shape[1]), generator=self.random).to(old.device)
        fresh = mean + 0.1 * spread * noise
        self.items = nn.Embedding(n_items + 1, old.shape[1], padding_idx=0, _weight=torch.cat([old, fresh]))

    def _dropped(self, x: Tensor) -> Tensor:
        if not self.training or not self.dropout:
            return x
        kept = torch.rand(x.shape, generator=self.random).to(x.device) >= self.dropout
        return x * kept / (1.0 - self.dropout)


class _Block(nn.Module):
    """Attention with one head, and what is computed at each place by itself; both on normed input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.mixing, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        for layer in (self.mixing, self.out, self.up, self.down):
            nn.init.zeros_(layer.bias)

    def attend(self, x: Tensor) -> Tensor:
        query, key, value = self.mixing(self.norms[0](x)).chunk(3, dim=-1)
        return self.out(functional.scaled_dot_product_attention(query, key, value, is_causal=True))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        return self.down(functional.gelu(self.up(self.norms[1](x))))  # type: ignore[no-any-return]


def loss_of(network: NextItem, vectors: Tensor, following: Tensor) -> Tensor:
    """The mean cross-entropy of the items that follow (0: none) under the softmax over items.

    With many items it is, in training, over those drawn: the share that each stands for is made up for, so that the sum
    is right on average.
    """
    there = following > 0
    vectors, following = vectors[there], following[there]
    weights = network.items.weight
    n = len(weights) - 1
    if n <= _FULL or not network.training:
        return functional.cross_entropy(vectors @ weights[1:].T, following - 1)
    drawn = torch.randint(1, n + 1, (_NEGATIVES,), generator=network.random).to(vectors.device)
    others = vectors @ weights[drawn].T + math.log(n / _NEGATIVES)
    others = others.masked_fill(following[:, None] == drawn[None, :], -math.inf)
    own = (vectors * weights[following]).sum(dim=-1, keepdim=True)
    logits = torch.cat([own, others], dim=1)
    return functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))
