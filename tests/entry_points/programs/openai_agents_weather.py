"""An agent with a tool, run whole and streamed, as the documentation of openai-agents shows it."""

import asyncio

from agents import Agent, Runner, function_tool


@function_tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"The weather in {city} is sunny."


agent = Agent(name="Assistant", instructions="You are helpful.", tools=[get_weather], model="gpt-4o-mini")


async def main() -> None:
    result = await Runner.run(agent, "What's the weather in Tokyo?")
    print(result.final_output)
    streamed = Runner.run_streamed(agent, "And in Paris?")
    async for _ in streamed.stream_events():
        pass
    print(streamed.final_output)


asyncio.run(main())
