"""What an empty dashboard tells: a first program, and the variables that make programs send here."""

from __future__ import annotations

from typing import NamedTuple

PROGRAM = """\
import agentops_otel as agentops
from openai import OpenAI

session = agentops.init(default_tags=["first"])
client = OpenAI()
answer = client.chat.completions.create(
    model="gpt-4o-mini",
    messages=[{"role": "user", "content": "Hello"}],
)
session.end_session("Success")"""


class Step(NamedTuple):
    """Something to copy: why, what it is called, and the text."""

    why: str
    name: str
    text: str


def first_steps(server_url: str, *, needs_key: bool) -> list[Step]:
    """How sessions get here. Keys are not known to us any more, so the reader fills them in."""
    ours = ["AGENTOPS_EXPORTER=api", f"AGENTOPS_API_ENDPOINT={server_url}"]
    otlp = [f"OTEL_EXPORTER_OTLP_ENDPOINT={server_url}", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"]
    if needs_key:
        ours.append("AGENTOPS_API_KEY=your-key")
        otlp.append("OTEL_EXPORTER_OTLP_HEADERS=x-agentops-api-key=your-key")
    return [
        Step("Run this, and the session appears here while it runs.", "the program", PROGRAM),
        Step("A program that uses another store, or another machine, sends here with", "our variables", _exports(ours)),
        Step("What is instrumented with OpenTelemetry already needs only", "OpenTelemetry's variables", _exports(otlp)),
    ]


def _exports(variables: list[str]) -> str:
    return "\n".join(f"export {one}" for one in variables)
