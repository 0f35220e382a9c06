"""Two translators of a handful of sentences, trained here in seconds: a Marian of one pair, an NLLB of two."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

ENGLISH = ["the cat eats", "a red house", "good day", "thanks"]
SPANISH = ["el gato come", "una casa roja", "buenos días", "gracias"]
FRENCH = ["le chat mange", "une maison rouge", "bonjour", "merci"]
_SIZE = {
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 32,
    "dropout": 0.0,
}


def marian(folder: Path) -> Path:
    """English to Spanish, with SentencePiece models as OPUS-MT has them."""
    import sentencepiece
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    folder.mkdir()
    pieces = _pieces(folder, sentencepiece)
    words = [piece for piece in pieces if piece not in ("<s>", "</s>", "<unk>")]
    vocabulary = ["</s>", "<unk>", *words, "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({token: n for n, token in enumerate(vocabulary)}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tokenizer = MarianTokenizer(
            source_spm=str(folder / "source.spm"),
            target_spm=str(folder / "target.spm"),
            vocab=str(folder / "vocab.json"),
        )
    tokenizer.save_pretrained(folder)
    pad = len(vocabulary) - 1
    ends = {"pad_token_id": pad, "eos_token_id": 0, "decoder_start_token_id": pad, "forced_eos_token_id": 0}
    model = MarianMTModel(MarianConfig(vocab_size=len(vocabulary), bos_token_id=0, **ends, **_SIZE))
    said = tokenizer(text_target=SPANISH)["input_ids"]
    model.generation_config.bad_words_ids = [[pad]]
    return _taught(model, tokenizer(ENGLISH, padding=True, return_tensors="pt"), said, folder)


def nllb(folder: Path) -> Path:
    """English to Spanish or French, by the token of the language."""
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

    words = sorted({f"▁{word}" for text in [*ENGLISH, *SPANISH, *FRENCH] for word in text.split()})
    starts = list(dict.fromkeys(word[:n] for word in words for n in range(1, len(word) + 1)))
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *dict.fromkeys([*starts, *sorted(set("".join(words)))])]
    vocabulary = {token: n for n, token in enumerate(tokens)}
    merges = [(start[:-1], start[-1]) for start in starts if len(start) > 1]  # so that each word is one token
    languages = ["eng_Latn", "spa_Latn", "fra_Latn"]
    tokenizer = NllbTokenizer(vocab=vocabulary, merges=merges, extra_special_tokens=languages, src_lang="eng_Latn")
    tokenizer.save_pretrained(folder)
    model = M2M100ForConditionalGeneration(
        M2M100Config(vocab_size=len(tokenizer), encoder_layerdrop=0.0, decoder_layerdrop=0.0, **_SIZE)
    )
    read = tokenizer(ENGLISH * 2, padding=True, return_tensors="pt")
    said: list[list[int]] = []
    for language, texts in (("spa_Latn", SPANISH), ("fra_Latn", FRENCH)):
        tokenizer.tgt_lang = language
        said += tokenizer(text_target=texts)["input_ids"]
    return _taught(model, read, said, folder)


def _pieces(folder: Path, sentencepiece: Any) -> list[str]:
    corpus = folder / "corpus.txt"
    corpus.write_text("\n".join([*ENGLISH, *SPANISH] * 20), "utf-8")
    trained = {"model_prefix": str(folder / "joint"), "vocab_size": 40, "hard_vocab_limit": False, "minloglevel": 2}
    sentencepiece.SentencePieceTrainer.train(input=str(corpus), **trained)
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes((folder / "joint.model").read_bytes())
    model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.spm"))
    return [model.id_to_piece(n) for n in range(model.get_piece_size())]


def _taught(model: Any, read: Any, said: list[list[int]], folder: Path) -> Path:
    import torch

    longest = max(map(len, said))
    labels = torch.tensor([[*ids, *[-100] * (longest - len(ids))] for ids in said])
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(400):
        loss = model(input_ids=read["input_ids"], attention_mask=read["attention_mask"], labels=labels).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        with torch.no_grad():  # a Marian begins from nothing, which CTranslate2 relies on
            model.get_input_embeddings().weight[model.config.pad_token_id] = 0.0
        if loss.item() < 0.01:
            break
    model.save_pretrained(folder)
    return folder
