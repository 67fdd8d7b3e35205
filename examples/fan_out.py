"""Fan out and in: many pieces at once, no more than a few at a time, and one result.

python examples/fan_out.py
"""

from __future__ import annotations

import asyncio

from dalsegno import App, Retry, step, workflow

TEXTS = {
    "sea": "the sea the sky the sea",
    "hill": "over the hill and over the dale",
    "score": "from the sign to the end",
    "storm": "the storm",
}


@step(retry=Retry(attempts=3, first="50ms"))
async def fetch(title: str) -> str:
    await asyncio.sleep(0.02)  # the network, elsewhere
    return TEXTS[title]


@workflow
async def count_words(title: str) -> dict[str, int]:
    words = (await fetch(title)).split()
    return {word: words.count(word) for word in sorted(set(words))}


@workflow
async def count_all(titles: list[str]) -> dict[str, int]:
    """Count each text in a child run of its own; at most two of them at a time."""
    turnstile = asyncio.Semaphore(2)

    async def one(title: str) -> dict[str, int]:
        async with turnstile:
            return await count_words.start(title)

    total: dict[str, int] = {}
    for counts in await asyncio.gather(*(one(title) for title in titles)):
        for word, count in counts.items():
            total[word] = total.get(word, 0) + count
    return total


app = App("words")


async def main() -> None:
    async with app as client:
        run = await client.start(count_all, list(TEXTS), id="words-1")
        total = await run.result()
        print(sorted(total.items(), key=lambda item: (-item[1], item[0]))[:3])
        print(len(await client.runs(workflow="count_words")), "child runs")


if __name__ == "__main__":
    asyncio.run(main())
