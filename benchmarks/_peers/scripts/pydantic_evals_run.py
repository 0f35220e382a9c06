"""The prompts as a dataset of pydantic-evals; its report is written as JSON lines."""

import asyncio
import json
import sys

from openai import AsyncOpenAI
from pydantic_evals import Case, Dataset
from pydantic_evals.evaluators import EqualsExpected

prompts, results, concurrency, model = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]


async def main():
    client = AsyncOpenAI()

    async def ask(text: str) -> str:
        answer = await client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}])
        return answer.choices[0].message.content

    with open(prompts, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    cases = [Case(name=str(n), inputs=r["input"], expected_output=r["target"]) for n, r in enumerate(rows)]
    dataset = Dataset(name="prompts", cases=cases, evaluators=[EqualsExpected()])
    report = await dataset.evaluate(ask, max_concurrency=concurrency, progress=False)
    with open(results, "w", encoding="utf-8") as file:
        for case in report.cases:
            solved = all(verdict.value for verdict in case.assertions.values())
            kept = {"input": case.inputs, "answered": True, "solved": solved, "output": case.output}
            file.write(json.dumps(kept) + "\n")
        for failure in report.failures:
            kept = {"input": failure.inputs, "answered": False, "error": failure.error_message}
            file.write(json.dumps(kept) + "\n")


asyncio.run(main())
