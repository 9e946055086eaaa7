"""Record events by hand: what no client or decorator can see."""

import agentops_otel as agentops

session = agentops.init(default_tags=["manual"], instrument_llm_calls=False)

agentops.record(agentops.ActionEvent(action_type="plan", params={"goal": "ship it"}, returns=["build", "test"]))

search = agentops.ToolEvent(name="search", params={"query": "opentelemetry"})
search.returns = ["https://opentelemetry.io"]
agentops.record(search)

agentops.record(
    agentops.LLMEvent(
        model="in-house-7b",
        prompt=[{"role": "user", "content": "Summarise the search."}],
        completion={"role": "assistant", "content": "A vendor-neutral standard."},
        prompt_tokens=812,
        completion_tokens=9,
        cost=0.00042,  # the model is in no price table: your own figure wins
    )
)

try:
    raise TimeoutError("the index did not answer")
except TimeoutError as error:
    agentops.record(agentops.ErrorEvent(exception=error, trigger_event=search))

agentops.add_tags(["reviewed"])
print("so far:", agentops.get_analytics())
print("cost  :", agentops.end_session("Success", end_state_reason="all steps done"))
print(session.summary())
