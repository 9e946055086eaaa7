"""Quickstart: a small agent on the real openai client, recorded as one session.

With OPENAI_API_KEY set it talks to the real API; otherwise to an offline model server on this machine.
Run it with `make demo`.
"""

import asyncio
import json
import os
from contextlib import ExitStack

import openai
from openai import AsyncOpenAI, OpenAI

import agentops_otel as agentops
from agentops_otel.testing import ModelServer

MODEL = "gpt-4o-mini"
WEATHER_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather for a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@agentops.record_tool
def get_weather(city: str) -> dict[str, object]:
    """What the model may call."""
    return {"city": city, "celsius": 21, "sky": "clear"}


@agentops.track_agent(name="Forecaster")
class Forecaster:
    """An agent: whatever its methods do is attributed to it."""

    def __init__(self, client: OpenAI) -> None:
        self.client = client

    @agentops.record_action
    def forecast(self, question: str) -> str:
        """One round of tool calling."""
        messages = [{"role": "user", "content": question}]
        answer = self.client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER_TOOL])
        for call in answer.choices[0].message.tool_calls or []:
            messages.append(answer.choices[0].message.model_dump(exclude_none=True))
            result = get_weather(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)})
            answer = self.client.chat.completions.create(model=MODEL, messages=messages)
        return answer.choices[0].message.content or ""


@agentops.record_action("stream a haiku")
def haiku(client: OpenAI) -> str:
    """A streamed call."""
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "A haiku about telemetry, please."}],
        stream=True,
        stream_options={"include_usage": True},
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


@agentops.record_action
async def translate(client: AsyncOpenAI, words: list[str]) -> list[str]:
    """Several calls at once."""

    async def one(word: str) -> str:
        answer = await client.responses.create(model=MODEL, input=f"French for {word}?")
        return answer.output_text

    return await asyncio.gather(*(one(word) for word in words))


@agentops.record_action
def ask_the_wrong_model(client: OpenAI) -> None:
    """A call that fails: the action and the error are both recorded, and the exception is the client's own."""
    client.chat.completions.create(model="no-such-model", messages=[{"role": "user", "content": "Hello?"}])


def main() -> None:
    """Run the agent in one session and show what was recorded."""
    with ExitStack() as stack:
        options = {}
        if not os.environ.get("OPENAI_API_KEY"):
            server = stack.enter_context(ModelServer())
            options = {"base_url": server.base_url, "api_key": "offline"}
            print(f"No OPENAI_API_KEY: talking to the offline model server at {server.url}\n")

        session = agentops.init(default_tags=["quickstart"])

        with OpenAI(**options) as client:
            print("forecast :", Forecaster(client).forecast("What is the weather in Paris?"))
            print("haiku    :", haiku(client))
            print("translate:", asyncio.run(_translate(options)))
            try:
                ask_the_wrong_model(client)
            except openai.APIStatusError as error:
                print("failed   :", type(error).__name__, "(as it should)")

        cost = session.end_session("Success")

    print(f"\nThe session cost ${cost}. This was recorded:\n")
    print(session.summary())


async def _translate(options: dict[str, str]) -> list[str]:
    async with AsyncOpenAI(**options) as client:
        return await translate(client, ["sky", "rain"])


if __name__ == "__main__":
    main()
