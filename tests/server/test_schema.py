"""The REST surface against its own OpenAPI document: whatever that allows, the server answers (extra `fuzz`)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .running import Running

schemathesis = pytest.importorskip("schemathesis")

patient = settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def test_every_route_answers_whatever_its_description_allows(bridge: Running) -> None:
    """Bodies, parameters and paths as Schemathesis makes them: no answer of 500 or more, and each refusal says why."""
    schema = schemathesis.openapi.from_url(f"{bridge.url}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]

    @given(data=st.data())
    @patient
    def is_answered(operation: Any, data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy())
        answer = case.call()
        assert answer.status_code < 500, (case, answer.content)
        assert answer.status_code < 400 or answer.content or case.method == "HEAD", case

    for operation in operations:
        is_answered(operation)
    assert len(operations) > 30
    assert bridge.ask("GET", "/health").status == 200
