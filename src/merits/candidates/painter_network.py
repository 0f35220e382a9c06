"""A small network that draws for a text: a conditional variational autoencoder of pictures, in torch.

Kingma & Welling (2014), arXiv 1312.6114; Sohn, Lee & Yan (2015), "Learning structured output representation using deep
conditional generative models". Knows nothing about captions: a text comes as a vector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merits.core.identity import content_hash

__all__ = ["Painter", "seed_of"]

_LATENT = 32
_WIDTH = 48
_BATCH = 64
_LEARNING_RATE = 2e-3
_KL_WEIGHT = 0.02  # of the divergence, in a loss per pixel: larger gives more variety and less likeness


def seed_of(*parts: object) -> int:
    """A seed made of whatever it depends on.

    >>> seed_of(0, "a cat") == seed_of(0, "a cat") != seed_of(1, "a cat")
    True
    """
    return int(content_hash([str(part) for part in parts])[:15], 16)


class Painter:
    """The network and its training. `size` is that of the pictures, 16, 32 or 64; `n_features` is that of a text.

    Everything that is drawn at random comes from the seed and the epoch: training that was interrupted and goes on
    from `state` comes to the same as one that was not.
    """

    def __init__(self, size: int, n_features: int, seed: int) -> None:
        import torch

        self._torch: Any = torch
        self._size, self._seed, self.n_features = size, seed, n_features
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._encoder, self._decoder = _encoder(size, n_features), _decoder(size, n_features)
        self._both = torch.nn.ModuleList([self._encoder, self._decoder])
        self._start()
        self._both.to(self._device)
        self._optimiser = torch.optim.Adam(self._both.parameters(), lr=_LEARNING_RATE)
        self.epoch = 0

    @property
    def network(self) -> Any:
        """Both halves of it, as one module of torch."""
        return self._both

    def train(
        self,
        pictures: NDArray[np.uint8],
        texts: NDArray[np.float32],
        epochs: int,
        after_epoch: Callable[[], None] = lambda: None,
    ) -> None:
        """Trains up to so many epochs in all, on pictures (n, size, size, 3) and the vectors of their texts (n, m)."""
        torch = self._torch
        torch.set_num_threads(1)
        seen = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div(255).to(self._device)
        told = torch.from_numpy(texts).to(self._device)
        self._both.train()
        while self.epoch < epochs:
            for group in self._optimiser.param_groups:  # down to nothing along a cosine
                group["lr"] = _LEARNING_RATE * 0.5 * (1 + float(np.cos(np.pi * self.epoch / epochs)))
            generator = torch.Generator().manual_seed(seed_of(self._seed, "epoch", self.epoch))
            order = torch.randperm(len(seen), generator=generator)
            for batch in order.split(_BATCH):
                noise = torch.randn(len(batch), _LATENT, generator=generator).to(self._device)
                with torch.backends.cudnn.flags(deterministic=True):  # the same seed is the same painter on a GPU, too
                    self._step(seen[batch.to(self._device)], told[batch.to(self._device)], noise)
            self.epoch += 1
            after_epoch()
        self._both.eval()

    def draw(self, text: NDArray[np.float32], seed: int, variety: float) -> NDArray[np.uint8]:
        """A picture, shape (size, size, 3), for the vector of a text (m,); the same for the same seed."""
        torch = self._torch
        torch.set_num_threads(1)
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(1, _LATENT, generator=generator).to(self._device) * variety
        with torch.inference_mode():
            drawn = self._decoder(torch.cat([noise, torch.from_numpy(text)[None].to(self._device)], 1)).sigmoid()
        pixels = (drawn[0].permute(1, 2, 0) * 255).round().clamp(0, 255).byte().cpu().numpy()
        return np.asarray(pixels, np.uint8)

    def state(self) -> dict[str, Any]:
        """All that training goes on from."""
        return {"epoch": self.epoch, "both": self._both.state_dict(), "optimiser": self._optimiser.state_dict()}

    def go_on_from(self, state: Any) -> None:
        """Takes up a state of the same network."""
        self._both.load_state_dict(state["both"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.epoch = int(state["epoch"])
        self._both.eval()

    def _step(self, seen: Any, told: Any, noise: Any) -> None:
        torch = self._torch
        mean, log_variance = self._encoder[1](torch.cat([self._encoder[0](seen), told], 1)).chunk(2, 1)
        log_variance = log_variance.clamp(-8, 8)
        drawn = self._decoder(torch.cat([mean + noise * (0.5 * log_variance).exp(), told], 1))
        likeness = torch.nn.functional.binary_cross_entropy_with_logits(drawn, seen)
        divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1).mean() / (3 * self._size**2)
        self._optimiser.zero_grad(set_to_none=True)
        (likeness + _KL_WEIGHT * divergence).backward()
        self._optimiser.step()

    def _start(self) -> None:
        """The weights that training begins with, drawn from the seed and not from the process's own generator."""
        torch = self._torch
        generator = torch.Generator().manual_seed(seed_of(self._seed, "weights"))
        for name, parameter in self._both.named_parameters():
            if parameter.dim() > 1:
                torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu", generator=generator)
            elif name.endswith("bias"):
                torch.nn.init.zeros_(parameter)


def _encoder(size: int, n_features: int) -> Any:
    from torch import nn

    layers: list[Any] = []
    channels, side = 3, size
    while side > 4:
        wider = _WIDTH if channels == 3 else min(2 * channels, 2 * _WIDTH)
        layers += [nn.Conv2d(channels, wider, 4, 2, 1), nn.GroupNorm(8, wider), nn.SiLU()]
        channels, side = wider, side // 2
    seeing = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * 16, 128), nn.SiLU())
    return nn.ModuleList([seeing, nn.Linear(128 + n_features, 2 * _LATENT)])


def _decoder(size: int, n_features: int) -> Any:
    from torch import nn

    layers: list[Any] = [nn.Linear(_LATENT + n_features, 256), nn.SiLU(), nn.Linear(256, 2 * _WIDTH * 16), nn.SiLU()]
    layers.append(nn.Unflatten(1, (2 * _WIDTH, 4, 4)))
    channels, side = 2 * _WIDTH, 4
    while side < size:
        layers += [nn.ConvTranspose2d(channels, _WIDTH, 4, 2, 1), nn.GroupNorm(8, _WIDTH), nn.SiLU()]
        channels, side = _WIDTH, side * 2
    return nn.Sequential(*layers, nn.Conv2d(_WIDTH, 3, 3, padding=1))
