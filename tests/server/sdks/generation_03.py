"""What a program does with agentops 0.3: a session with each kind of event, tags, agents, analytics."""

import json

import agentops
from agentops import ActionEvent, ErrorEvent, LLMEvent, ToolEvent, record_action, record_tool, track_agent

session = agentops.init(default_tags=["sdk"], instrument_llm_calls=False)


@track_agent(name="Ada")
class Worker:
    def work(self, n):
        return self.step(n)

    @record_action("step")
    def step(self, n):
        return n + 1


@record_tool("look up")
def look_up(q):
    return {"answer": q}


Worker().work(1)
look_up("x")
tool = ToolEvent(name="broken", params={"q": "x"})
session.record(tool)
session.record(ErrorEvent(trigger_event=tool, exception=ValueError("no good")))
session.record(
    LLMEvent(
        prompt=[{"role": "user", "content": "Hi"}],
        completion={"role": "assistant", "content": "Hello"},
        prompt_tokens=10,
        completion_tokens=5,
        model="gpt-4o-mini",
    )
)
session.record(ActionEvent("custom", params={"nan": float("nan")}))
session.add_tags(["more"])
analytics = session.get_analytics() if hasattr(session, "get_analytics") else None
cost = session.end_session("Success", end_state_reason="all done")
print(json.dumps([str(session.session_id), analytics, str(cost)]))
