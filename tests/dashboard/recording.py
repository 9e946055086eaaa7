"""A program that records the sessions the dashboard is shown with: our front door, the real openai client, an offline
model. Run as `python recording.py NAME...`, each NAME a function below; prints the session ids."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

from openai import NotFoundError, OpenAI

import agentops_otel as agentops
from agentops_otel.testing import ModelServer, Reply, Tokens, ToolRequest

CANARY = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"
SEARCH = {
    "type": "function",
    "function": {
        "name": "search_papers",
        "description": "Papers on a topic",
        "parameters": {"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"]},
    },
}


@agentops.record_tool("search_papers")
def search_papers(topic: str) -> list[dict[str, object]]:
    """A tool that finds."""
    return [{"title": f"On {topic}", "year": 2025, "citations": 41}, {"title": f"{topic} revisited", "year": 2026}]


@agentops.record_tool("fetch_page")
def fetch_page(url: str) -> str:
    """A tool that fails."""
    raise TimeoutError(f"{url} did not answer within 10 s")


@agentops.track_agent(name="Researcher")
class Researcher:
    """Asks, searches, answers."""

    def __init__(self, client: OpenAI, model: str) -> None:
        self.client, self.model = client, model
        self.messages: list[Any] = [{"role": "system", "content": "You are a careful researcher. Cite what you use."}]

    @agentops.record_action("research")
    def research(self, question: str) -> str:
        """One round of tools."""
        self.messages.append({"role": "user", "content": question})
        answer = self._answer(tools=[SEARCH])
        for call in answer.tool_calls or []:
            found = search_papers(**json.loads(call.function.arguments))
            self.messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(found)})
        return (self._answer().content or "") if answer.tool_calls else (answer.content or "")

    def _answer(self, **more: Any) -> Any:
        made = self.client.chat.completions.create(model=self.model, messages=self.messages, **more)
        self.messages.append(made.choices[0].message.model_dump(exclude_none=True))
        return made.choices[0].message


@agentops.track_agent(name="Writer")
class Writer:
    """Writes up what was found."""

    def __init__(self, client: OpenAI) -> None:
        self.client = client

    @agentops.record_action("write summary")
    def write(self, notes: str) -> str:
        """One call."""
        messages: list[Any] = [{"role": "user", "content": f"Sum up in two sentences: {notes}"}]
        made = self.client.chat.completions.create(model="gpt-4.1", messages=messages)
        return made.choices[0].message.content or ""


def research(client: OpenAI, server: ModelServer) -> Any:
    """Two agents, two models, tools, cached tokens; Success."""
    session = agentops.start_session(tags=["research", "nightly"])
    server.script(
        Reply(tools=[ToolRequest("search_papers", {"topic": "telemetry"})], tokens=Tokens(412, 31, cached=256)),
        Reply(text="Two papers matter: On telemetry (2025) and telemetry revisited (2026).", tokens=Tokens(655, 92)),
        Reply(
            text="The second: it repeats the study with ten times the data.",
            tokens=Tokens(790, 64, cached=640),
        ),
        Reply(text="Telemetry was measured in 2025. A larger study confirmed it in 2026.", tokens=Tokens(221, 48)),
    )
    researcher = Researcher(client, "gpt-4o")
    notes = researcher.research("Which papers on telemetry should I read first?")
    notes += researcher.research("Which of them is the more convincing one?")
    Writer(client).write(notes)
    session.end_session("Success")
    return session


def again(client: OpenAI, server: ModelServer) -> Any:
    """`research` with another model, one tool call more and no second question."""
    session = agentops.start_session(tags=["research", "nightly"])
    server.script(
        Reply(
            tools=[ToolRequest("search_papers", {"topic": t}) for t in ("telemetry", "tracing")], tokens=Tokens(412, 58)
        ),
        Reply(text="Three papers matter, all of them from 2025 and 2026.", tokens=Tokens(812, 71)),
        Reply(text="Telemetry was measured in 2025. A larger study confirmed it in 2026.", tokens=Tokens(198, 46)),
    )
    Writer(client).write(Researcher(client, "gpt-4.1").research("Which papers on telemetry should I read first?"))
    session.end_session("Success")
    return session


@agentops.track_agent(name="Editor")
class Editor:
    """Has others do the work."""

    def __init__(self, client: OpenAI) -> None:
        self.client = client

    @agentops.record_action("edit issue")
    def edit(self, question: str) -> str:
        """Plans, has it researched and written, and looks up pictures, one of which is not there."""
        plan: list[Any] = [{"role": "user", "content": f"Plan an article: {question}"}]
        self.client.chat.completions.create(model="gpt-4o", messages=plan)
        text = Writer(self.client).write(Researcher(self.client, "gpt-4o").research(question))
        for topic in ("span", "trace", "metric", "log", "baggage"):
            search_papers(topic)
        with contextlib.suppress(TimeoutError):
            fetch_page("https://example.org/picture")
        return text


def crew(client: OpenAI, server: ModelServer) -> Any:
    """An agent that calls two others, a tool that is called again and again, one that fails; Success."""
    session = agentops.start_session(tags=["crew"])
    server.script(
        Reply(text="1. Research. 2. Write.", tokens=Tokens(120, 40)),
        Reply(tools=[ToolRequest("search_papers", {"topic": "telemetry"})], tokens=Tokens(412, 31)),
        Reply(text="Two papers matter.", tokens=Tokens(655, 92)),
        Reply(text="Telemetry was measured in 2025.", tokens=Tokens(221, 48)),
    )
    Editor(client).edit("What is telemetry?")
    session.end_session("Success")
    return session


def failure(client: OpenAI, server: ModelServer) -> Any:
    """A tool times out and a model does not exist; Failure with a reason."""
    session = agentops.start_session(tags=["nightly"])

    @agentops.record_action("collect sources")
    def collect() -> None:
        with_retry = ("https://example.org/a", "https://example.org/b")
        for url in with_retry:
            try:
                fetch_page(url)
            except TimeoutError:
                continue
        client.chat.completions.create(model="no-such-model", messages=[{"role": "user", "content": "Go on"}])

    try:
        collect()
    except NotFoundError:
        session.end_session("Failure", end_state_reason="NotFoundError: the model no-such-model does not exist")
    return session


def unpriced(client: OpenAI, server: ModelServer) -> Any:
    """A model that has a price and one that has none; left without a verdict."""
    session = agentops.start_session(tags=["evaluation"])
    server.script(Reply(text="Paris.", tokens=Tokens(30, 4)), Reply(text="Paris, I think.", tokens=Tokens(30, 8)))
    for model in ("gpt-4o-mini", "in-house-70b"):
        client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Capital of France?"}])
    session.end_session("Indeterminate", end_state_reason="the judge could not decide between two answers")
    return session


def canary(client: OpenAI, server: ModelServer) -> Any:
    """Markup in every field that data can reach."""
    session = agentops.start_session(tags=[CANARY])
    server.script(
        Reply(text=CANARY),
        Reply(text=CANARY, model=CANARY),
        Reply(tools=[ToolRequest(CANARY, {CANARY: CANARY})], model=CANARY),
    )

    @agentops.record_tool(CANARY)
    def tool(said: str) -> dict[str, str]:
        raise ValueError(CANARY)

    @agentops.record_tool(CANARY)
    def repeated(said: str) -> str:
        return said

    @agentops.track_agent(name=CANARY)
    class Agent:
        @agentops.record_action(CANARY)
        def act(self, said: str) -> str:
            messages: list[Any] = [{"role": "user", "content": CANARY}]
            client.chat.completions.create(model="gpt-4o-mini", messages=messages)
            client.chat.completions.create(model=CANARY, messages=messages)
            client.chat.completions.create(model=CANARY, messages=messages)
            with contextlib.suppress(ValueError):
                tool(said)
            for _ in range(3):
                repeated(said)
            return CANARY

    Agent().act(CANARY)
    session.end_session("Failure", end_state_reason=CANARY, video=f"javascript:alert(3)//{CANARY}")
    return session


def running(client: OpenAI, server: ModelServer) -> Any:
    """A session that goes on: each line of stdin is one more call, its end leaves the session open."""
    session = agentops.start_session(tags=["live"])
    print(session.session_id, flush=True)
    for line in sys.stdin:
        server.script(Reply(text=line.strip(), tokens=Tokens(20, 3)))
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": line.strip()}])
    return session


def main(names: list[str]) -> None:
    """Record the sessions of these names."""
    agentops.init(auto_start_session=False)
    with ModelServer() as server, OpenAI(base_url=server.base_url, api_key="offline") as client:
        for name in names:
            session = globals()[name](client, server)
            if name != "running":
                print(session.session_id, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
