"""How a decorated call is written on a span: an action in our vocabulary, a tool in the GenAI one.

Source: OpenTelemetry GenAI semantic conventions 1.37, execute tool span.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentops_otel.conventions import genai
from agentops_otel.conventions.agentops import ACTION_TYPE, EVENT_TYPE, PARAMS, RETURNS
from agentops_otel.spans import AnyValue
from agentops_otel.values import dumps


@dataclass(frozen=True)
class StepOf:
    """A kind of decorated call, and the attributes that say what it was, was given and gave."""

    fixed: Mapping[str, AnyValue]
    name_attribute: str
    params_attribute: str
    returns_attribute: str
    name_prefix: str = ""

    def span_name(self, name: str) -> str:
        """`search`, `execute_tool search`."""
        return self.name_prefix + name

    def attributes(self, name: str, params: Mapping[str, Any] | None) -> dict[str, AnyValue]:
        """What is known before the call; without `params` (content is not captured) no argument."""
        out = {**self.fixed, self.name_attribute: name}
        if params is not None:
            out[self.params_attribute] = dumps(params)
        return out

    def returned(self, value: Any) -> dict[str, AnyValue]:
        """What is known after the call. Plain values go to our own attribute: others take a text for JSON."""
        if value is None:
            return {}
        text = dumps(value)
        return {self.returns_attribute if text[0] in "[{" else RETURNS: text}


action_step = StepOf(
    fixed={EVENT_TYPE: "actions"},
    name_attribute=ACTION_TYPE,
    params_attribute=PARAMS,
    returns_attribute=RETURNS,
)
tool_step = StepOf(
    fixed={genai.OPERATION: "execute_tool"},
    name_attribute=genai.TOOL_NAME,
    params_attribute=genai.TOOL_ARGUMENTS,
    returns_attribute=genai.TOOL_RESULT,
    name_prefix="execute_tool ",
)
