"""A causal language model in the Hugging Face format: a tiny one, made here, with a tokenizer of letters."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from pathlib import Path

import pytest

from merits.candidates.causal_model import CausalModel
from merits.candidates.meter import AskFailed
from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Model, Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.media.weights import model_folder

torch = pytest.importorskip("torch", reason="needs the extra transformers")
transformers = pytest.importorskip("transformers", reason="needs the extra transformers")

LETTERS = [*"abcdefghijklmnopqrstuvwxyz ABCDE.:,?\n"]
TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)


def made(folder: Path, template: str | None = None) -> Path:
    """A model of two layers with random weights, saved."""
    from tokenizers import Tokenizer, decoders, models

    vocabulary = {letter: n for n, letter in enumerate(["<end>", "<unk>", *LETTERS])}
    letters = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>"))
    letters.decoder = decoders.Fuse()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=letters, eos_token="<end>", unk_token="<unk>", chat_template=template
    )
    config = transformers.LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=200,
        eos_token_id=0,
        bos_token_id=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = transformers.LlamaForCausalLM(config)
        with torch.no_grad():
            model.lm_head.weight.mul_(30)  # opinions, not noise
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("chat"), TEMPLATE)


def model(
    path: Path, *, kind: str = "generation", classes: tuple[str, ...] = (), seed: int = 0, **params: JSON
) -> Model:
    context = LoadContext(task_kind=kind, classes=classes, env={}, seed=seed)
    exact = {"path": str(path), "dtype": "float32", **params}  # on a GPU, too, where it would be bfloat16
    return load(Candidate(name="mine", kind="transformers", params=exact), context)


def asked(model: Model, *inputs: JSON) -> list[Answer]:
    async def all_at_once() -> list[Answer]:
        try:
            return list(await asyncio.gather(*map(model.answer, inputs)))
        finally:
            await model.close()

    return asyncio.run(all_at_once())


def by_definition(path: Path, text: str, n: int) -> tuple[str, float]:
    """The likeliest letters, one after the other, the whole text computed anew for each; and their mean chance."""
    network = transformers.LlamaForCausalLM.from_pretrained(path).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    ids, logprobs = tokenizer.encode(text), []
    for _ in range(n):
        with torch.no_grad():
            chances = network(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
        ids.append(int(chances.argmax()))
        logprobs.append(float(chances.max()))
        if ids[-1] == 0:
            break
    said = tokenizer.decode(ids[-len(logprobs) :], skip_special_tokens=True)
    return said, math.exp(sum(logprobs) / len(logprobs))


def test_what_is_written_is_what_the_definition_says_whatever_it_is_computed_with(plain: Path) -> None:
    """Prompts of several lengths are padded and computed together; the answer must not depend on the company."""
    inputs = ["abc", "what is it? a long question of many letters", "b"]
    for text, answer in zip(inputs, asked(model(plain, max_tokens=12, stop=["#"]), *inputs), strict=True):
        said, confidence = by_definition(plain, text, 12)
        assert said.strip() == answer.output
        assert confidence == pytest.approx(answer.confidence, rel=1e-3)
        assert answer.usage.input_tokens == len(text)
        assert 0 < answer.usage.output_tokens <= 12
        assert ("" if answer.usage.output_tokens < 12 else "length") == answer.finish_reason
        assert plain.name == answer.model


def test_an_answer_ends_before_a_stop(plain: Path) -> None:
    """A base model would go on with the next question."""
    whole = asked(model(plain, max_tokens=12, stop=["#"]), "abc")[0]
    assert isinstance(whole.output, str)
    stop = whole.output[3:5]
    short = asked(model(plain, max_tokens=12, stop=[stop]), "abc")[0]
    assert whole.output.split(stop)[0].strip() == short.output
    assert short.finish_reason == ""
    assert short.usage.output_tokens < whole.usage.output_tokens


def test_draws_follow_the_temperature_and_the_seed_alone(plain: Path) -> None:
    """The chance of a letter is the softmax of its score over the temperature, and the company changes nothing."""
    alone = asked(model(plain, temperature=1.0, max_tokens=6), "abc")[0]
    together = asked(model(plain, temperature=1.0, max_tokens=6), "some other question", "abc")[1]
    assert alone.output == together.output
    inputs = ["same", "a same", "aa same"]
    loaded = CausalModel(model_folder(str(plain), LoadContext(env={})), device="cpu", dtype="float32", threads=1)
    options = {"max_tokens": 1, "temperature": 2.0, "stops": ()}
    seen = [loaded.write(inputs, seed=n, **options) for n in range(300)]  # type: ignore[arg-type]
    for place, text in enumerate(inputs):
        with torch.no_grad():
            scores = loaded._model(torch.tensor([loaded._tokenizer.encode(text)])).logits[0, -1]
        likeliest = int(scores.argmax())
        chance = float((scores / 2.0).softmax(-1)[likeliest])
        said = Counter(answers[place].text for answers in seen)[loaded.text_of([likeliest])]
        assert abs(said / 300 - chance) < 4 * math.sqrt(chance * (1 - chance) / 300) + 0.005


def test_a_label_has_the_chance_that_the_definition_gives_it(plain: Path) -> None:
    """Held to the labels, letter by letter; those that begin alike are followed up, all questions at once."""
    labels = ("ab", "ac", "d")
    network = transformers.LlamaForCausalLM.from_pretrained(plain).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(plain)

    def chances(text: str, letters: str) -> list[float]:
        with torch.no_grad():
            found = network(torch.tensor([tokenizer.encode(text)])).logits[0, -1].softmax(-1)
        kept = [float(found[tokenizer.convert_tokens_to_ids(letter)]) for letter in letters]
        return [share / sum(kept) for share in kept]

    inputs = ["what is it", "and this one?"]
    answers = asked(
        model(plain, kind="classification", classes=labels, calibrate=False, system="x", prompt="{input}"), *inputs
    )
    system = "x\nAnswer with exactly one of these labels and nothing else: ab, ac, d"
    for text, answer in zip(inputs, answers, strict=True):
        prompt = f"{system}\n\n{text}"
        a, d = chances(prompt, "ad")
        b, c = chances(f"{prompt} a", "bc")
        assert answer.probabilities == pytest.approx({"ab": a * b, "ac": a * c, "d": d}, rel=1e-3, abs=1e-4)
        assert max(answer.probabilities, key=answer.probabilities.__getitem__) == answer.output
        assert answer.confidence is None


def test_calibration_divides_by_what_it_would_say_to_nothing(plain: Path) -> None:
    """A habit is no opinion on the input."""
    inputs = ("abc", "N/A", "", "[MASK]")
    raw = [
        answer.probabilities or {}
        for answer in asked(model(plain, kind="classification", classes=("a", "b"), calibrate=False), *inputs)
    ]
    even = asked(model(plain, kind="classification", classes=("a", "b")), "abc")[0].probabilities
    found = {label: raw[0][label] / (sum(nothing[label] for nothing in raw[1:]) / 3) for label in "ab"}
    assert {label: share / sum(found.values()) for label, share in found.items()} == pytest.approx(even, rel=1e-3)


def test_messages_go_through_the_chat_template_and_a_system_message_into_the_first_question(chat: Path) -> None:
    """Gemma's template, for one, refuses a system message."""
    answer = asked(model(chat, max_tokens=8, system="be brief"), "abc")[0]
    said, _ = by_definition(chat, "user: be brief\n\nabc\nassistant:", 8)
    assert said == answer.output
    assert len("user: be brief\n\nabc\nassistant:") == answer.usage.input_tokens
    as_text = asked(model(chat, max_tokens=8, plain=True, stop=["#"]), "abc")[0]
    assert by_definition(chat, "abc", 8)[0].strip() == as_text.output


def test_examples_of_dev_are_shown(plain: Path) -> None:
    found = model(plain, few_shot=2, prompt="Q: {input}\nA:", max_tokens=4, stop=["#"])
    assert isinstance(found, Trainable)
    found.fit([Example(str(n), f"q{n}", f"a{n}") for n in range(9)])
    one, two = asked(found, "qx", "qy")
    assert one.usage.input_tokens == two.usage.input_tokens == 3 * len("Q: qx\nA:") + 2 * len(" a1\n\n")


def test_an_input_that_is_too_long_fails_alone(plain: Path) -> None:
    async def both() -> list[Answer | BaseException]:
        found = model(plain, max_tokens=4)
        answers = await asyncio.gather(*map(found.answer, ("abc", "a" * 198)), return_exceptions=True)
        await found.close()
        return list(answers)

    good, bad = asyncio.run(both())
    assert isinstance(good, Answer)
    assert isinstance(bad, AskFailed)
    assert "2 tokens more than the model takes" in str(bad.failure.message)


def test_what_can_change_an_answer_is_in_the_fingerprint(plain: Path, chat: Path) -> None:
    assert model(plain).fingerprint == model(plain).fingerprint != model(chat).fingerprint
    assert model(plain, kind="classification", classes=("a", "b")).fingerprint != model(plain).fingerprint


def test_a_gpu_that_is_not_there_and_a_file_that_is_no_model_are_clear(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF but not really")
    with pytest.raises(CandidateError, match="cannot be read by transformers"):
        asked(model(tmp_path / "bad.gguf"), "abc")
    with pytest.raises(CandidateError, match="has the SHA-256"):
        model(tmp_path / "bad.gguf", sha256="0" * 64)
    if not torch.cuda.is_available():
        with pytest.raises(CandidateError, match="device: auto"):
            asked(model(plain, device="cuda"), "abc")
