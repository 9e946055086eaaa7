"""An agent with a tool, run whole and streamed, as the documentation of Pydantic AI shows it."""

import asyncio

from pydantic_ai import Agent

agent = Agent("openai:gpt-4o-mini", instructions="Be concise.")


@agent.tool_plain
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"The weather in {city} is sunny."


print(agent.run_sync("What's the weather in Tokyo?").output)


async def main() -> None:
    async with agent.run_stream("And in Paris?") as result:
        print(await result.get_output())


asyncio.run(main())
