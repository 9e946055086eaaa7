"""Decorators on functions, coroutines, generators and classes; agents whose work is attributed to them."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import agentops_otel as agentops


@agentops.record_tool("dictionary")
def look_up(word: str) -> str:
    """A tool: arguments and result are recorded."""
    return {"sol": "sun", "luna": "moon"}[word]


@agentops.track_agent
class Translator:
    """Named after its class, unless `agentops_name=` or `self.role` says otherwise."""

    @agentops.record_action
    def translate(self, words: list[str]) -> list[str]:
        """A plain method."""
        return [look_up(word) for word in words]


@agentops.track_agent(name="Reporter")
class Reporter:
    """Its generators are recorded over their whole life."""

    @agentops.record_action("write report")
    def lines(self, words: list[str]) -> Iterator[str]:
        """A generator."""
        for number, word in enumerate(words, 1):
            yield f"{number}. {word}"

    @agentops.record_action("publish")
    async def publish(self, lines: list[str]) -> AsyncIterator[str]:
        """An async generator."""
        for line in lines:
            await asyncio.sleep(0)
            yield f"published {line!r}"


async def publish(reporter: Reporter, lines: list[str]) -> None:
    """Run the async generator to its end."""
    async for message in reporter.publish(lines):
        print(message)


with agentops.init(default_tags=["decorators"], instrument_llm_calls=False) as session:
    words = Translator().translate(["sol", "luna"])
    reporter = Reporter()
    asyncio.run(publish(reporter, list(reporter.lines(words))))
    try:
        Translator(agentops_name="Careless").translate(["terra"])
    except KeyError:
        print("a failed call records the action, the tool and the error, and raises what it raised")

print(session.summary())
