"""The prompts asked with the openai SDK in a loop: each answer is compared and written down as it comes."""

import asyncio
import json
import sys

from openai import AsyncOpenAI, OpenAIError

prompts, results, concurrency, model = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]


async def main():
    client, gate = AsyncOpenAI(), asyncio.Semaphore(concurrency)
    with open(prompts, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    with open(results, "w", encoding="utf-8") as out:

        async def one(row):
            async with gate:
                asked = [{"role": "user", "content": row["input"]}]
                try:
                    answer = await client.chat.completions.create(model=model, messages=asked)
                    text = answer.choices[0].message.content
                    kept = {"input": row["input"], "answered": True, "solved": text == row["target"], "output": text}
                except (OpenAIError, IndexError, ValueError) as problem:
                    kept = {"input": row["input"], "answered": False, "error": str(problem)}
            out.write(json.dumps(kept) + "\n")
            out.flush()

        await asyncio.gather(*map(one, rows))


asyncio.run(main())
