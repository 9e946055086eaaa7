"""A second process of an agentops 0.3 session: joins it by its id, records one event, ends it."""

import json
import sys

import agentops
from agentops import ActionEvent

session = agentops.init(default_tags=["joined"], instrument_llm_calls=False, inherited_session_id=sys.argv[1])
session.record(ActionEvent("from elsewhere"))
session.end_session("Fail", end_state_reason="the joiner says so")
print(json.dumps([str(session.session_id)]))
