"""The prompts as test cases of DeepEval: answers by the openai SDK, judged by its own exact match."""

import asyncio
import json
import sys

from deepeval import evaluate
from deepeval.evaluate import AsyncConfig, CacheConfig, DisplayConfig, ErrorConfig
from deepeval.metrics import ExactMatchMetric
from deepeval.test_case import LLMTestCase
from openai import AsyncOpenAI, OpenAIError

prompts, results, concurrency, model = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]


async def answered(rows):
    client, gate = AsyncOpenAI(), asyncio.Semaphore(concurrency)

    async def one(row):
        async with gate:
            asked = [{"role": "user", "content": row["input"]}]
            try:
                answer = await client.chat.completions.create(model=model, messages=asked)
                return answer.choices[0].message.content
            except (OpenAIError, IndexError, ValueError):
                return None

    return await asyncio.gather(*map(one, rows))


with open(prompts, encoding="utf-8") as file:
    rows = [json.loads(line) for line in file]
texts = asyncio.run(answered(rows))
cases = [
    LLMTestCase(input=row["input"], actual_output=text, expected_output=row["target"])
    for row, text in zip(rows, texts, strict=True)
    if text is not None
]
report = evaluate(
    cases,
    [ExactMatchMetric()],
    async_config=AsyncConfig(max_concurrent=concurrency),
    display_config=DisplayConfig(show_indicator=False, print_results=False),
    error_config=ErrorConfig(ignore_errors=True),
    cache_config=CacheConfig(write_cache=True),
)
with open(results, "w", encoding="utf-8") as file:
    for result in report.test_results:
        kept = {"input": result.input, "answered": True, "solved": bool(result.success)}
        file.write(json.dumps(kept) + "\n")
