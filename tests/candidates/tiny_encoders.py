"""A transformer encoder that is made in a moment, for tests that train one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["tiny_encoder"]


def tiny_encoder(folder: Path, words: Sequence[str]) -> Path:
    """The folder of an untrained BERT of one layer that knows these words; the same every time."""
    import torch
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(words) + 5,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    with torch.random.fork_rng():
        torch.manual_seed(2)
        transformers.BertModel(config).save_pretrained(folder)
    return folder
