"""Bad input: a warning or a typed error at the call that was wrong, and nothing else is lost with it."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

import agentops_otel as agentops
from agentops_otel.errors import ConfigurationError
from sessions.conftest import Recorded

CYCLE: list[Any] = []
CYCLE.append(CYCLE)

ODD = {
    "NaN": (math.nan, {"$type": "float", "$repr": "nan"}),
    "bytes": (b"\x00", {"$type": "bytes", "$repr": "b'\\x00'", "$size": 1}),
    "cycle": (CYCLE, [{"$type": "list", "$repr": "(cycle)"}]),
    "lone surrogate": ("\ud800", "\\ud800"),
    "object": (object, {"$type": "object", "$repr": "<class 'object'>"}),
    "timedelta": (timedelta(1), {"$type": "datetime.timedelta", "$repr": "datetime.timedelta(days=1)"}),
    "ten megabytes": ("x" * 10_000_000, "x" * 1_000_000 + "… [10000000 characters]"),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_value_is_marked_and_its_siblings_are_unharmed(name: str, recorded: Recorded) -> None:
    """In a recorded event and in a decorated call alike."""
    value, shown = ODD[name]
    session = agentops.init(instrument_llm_calls=False)
    assert session is not None
    session.record(agentops.ActionEvent(params={"odd": value, "sibling": 1}, returns=value))
    agentops.record_action(lambda odd: odd)(value)
    session.end_session("Success")
    event, call = recorded.events()
    assert ({"odd": shown, "sibling": 1}, shown) == (event.params, event.returns)
    assert ({"odd": shown}, shown) == (call.params, call.returns)


def test_what_is_no_event_is_told_and_nothing_is_raised(recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    """The next event is recorded as if nothing had happened."""
    session = agentops.init(instrument_llm_calls=False)
    assert session is not None
    session.record({"event_type": "actions"})  # type: ignore[arg-type]
    session.record(agentops.ActionEvent())
    session.end_session()
    assert (caplog.messages) == [
        "record({'event_type': 'actions'}): not an event; give an ActionEvent, LLMEvent, ToolEvent or ErrorEvent"
    ]
    assert recorded.session().statistics.events == 1


NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        (
            {"init_timestamp": NOW.replace(tzinfo=None)},
            "init_timestamp=datetime.datetime(2026, 11, 22, 12, 0) has no time zone and is read as UTC; "
            "use datetime.now(timezone.utc)",
        ),
        (
            {"init_timestamp": NOW, "end_timestamp": NOW - timedelta(hours=1)},
            "the event ends (2026-11-22 11:00:00+00:00) before it starts (2026-11-22 12:00:00+00:00): "
            "recorded as ending when it starts; swap the two",
        ),
        (
            {"init_timestamp": "yesterday"},
            "init_timestamp='yesterday' is not an ISO 8601 text or a datetime: the current time is used",
        ),
        (
            {"prompt_tokens": -1},
            "prompt_tokens=-1 is not a count of tokens: left unknown; give a whole number, 0 or more",
        ),
        ({"cost": math.nan}, "cost=nan is not an amount of US dollars: left unknown; give a number"),
        ({"cost": "free"}, "cost='free' is not an amount of US dollars: left unknown; give a number"),
    ],
)
def test_a_field_that_cannot_be_used_is_named_with_its_remedy(
    fields: dict[str, Any], warning: str, recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """The event is recorded with what can be used."""
    session = agentops.init(instrument_llm_calls=False)
    assert session is not None
    session.record(agentops.LLMEvent(model="m", **fields))
    session.end_session()
    assert [warning] == caplog.messages
    (event,) = recorded.events()
    assert event.end_timestamp is not None
    assert event.end_timestamp >= event.init_timestamp


def test_a_key_that_is_no_uuid_is_told_without_being_shown(
    caplog: pytest.LogCaptureFixture, recorded: Recorded
) -> None:
    """The embedded store needs no key, so the session starts all the same."""
    session = agentops.init("sk-secret-value", instrument_llm_calls=False)
    assert session is not None
    session.end_session()
    assert caplog.messages == ["api_key='sk-s…' is not a UUID and is not used; `agentops-otel keys create` makes one"]
    assert agentops.get_api_key() is None


@pytest.mark.parametrize("inherited", ["", "x" * 257, 5])
def test_an_id_that_cannot_be_joined_starts_a_session_of_its_own(
    inherited: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is lost for a bad id."""
    agentops.init(auto_start_session=False, instrument_llm_calls=False)
    session = agentops.start_session(inherited_session_id=inherited)
    assert session is not None
    assert session.key != str(inherited)
    assert len(caplog.messages) == 1


def test_a_wrong_option_is_a_typed_error_at_the_call() -> None:
    """It names the option, the value and the remedy; the runtime has not started."""
    with pytest.raises(ConfigurationError, match="max_queue_size='big' is not a whole number, 0 or more"):
        agentops.init(max_queue_size="big")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="there is no option 'max_que'"):
        agentops.init(max_que=5)
    assert not agentops.Client().is_initialized
