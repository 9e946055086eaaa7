"""A program with agentops 0.3 that records one event and exits without ending its session."""

import json

import agentops
from agentops import ActionEvent

session = agentops.init(default_tags=["open"], instrument_llm_calls=False)
session.record(ActionEvent("first"))
print(json.dumps([str(session.session_id)]))
