"""One session over several processes: children join by id, or by their environment alone."""

import os
import subprocess
import sys

import agentops_otel as agentops

CHILD = """
import sys
import agentops_otel as agentops

by_id = sys.argv[1] if len(sys.argv) > 1 else None
agentops.init(inherited_session_id=by_id, instrument_llm_calls=False)
agentops.record(agentops.ActionEvent(action_type="joined by id" if by_id else "joined by environment"))
"""

session = agentops.init(default_tags=["several processes"], instrument_llm_calls=False)
agentops.record(agentops.ActionEvent(action_type="work in the parent"))

by_id = {name: value for name, value in os.environ.items() if name not in ("TRACEPARENT", "BAGGAGE")}
subprocess.run([sys.executable, "-c", CHILD, str(session.session_id)], check=True, env=by_id)
subprocess.run([sys.executable, "-c", CHILD], check=True)

session.end_session("Success")
print(session.summary())
