"""conventions.agentops: what markers write is what is read."""

from agentops_otel.conventions.agentops import AgentOpsDialect
from agentops_otel.conventions.markers import Marker, ProcessMark
from agentops_otel.facts import End, EndRank, HostEnv, ProcessFacts, ProcessKey, SessionFacts, Stamp
from agentops_otel.spans import FlatSpan

KEY = ProcessKey("host-a", 41, 1_000)


def span_of(marker: Marker, kind: str = "marker") -> FlatSpan:
    return FlatSpan(
        trace_id="ab" * 16, span_id="cd" * 8, name="m", start_ns=5, end_ns=7, attributes=marker.attributes("s1", kind)
    )


def test_a_marker_reads_back_as_the_facts_it_states() -> None:
    """Every field of a marker arrives, stamped with the end and the id of the span that carried it."""
    marker = Marker(
        started=True,
        tags_set=["a", "b"],
        tags_added=["c"],
        video="https://example.com/v",
        end_state="Failure",
        end_state_reason="boom",
        end_rank=EndRank.SIGNAL,
        process=ProcessMark(key=KEY, boot_id="boot", ended=True, dropped=3, host_env={"OS": {"Hostname": "host-a"}}),
        agent=("agent-1", "Planner"),
    )
    stamp = Stamp(7, "cd" * 8)
    expected = SessionFacts(
        session_id="s1",
        start_ns=5,
        activity_ns=7,
        end=End(EndRank.SIGNAL, 7, "cd" * 8, "Failure", "boom"),
        tags_set=(stamp, ("a", "b")),
        tags_added=frozenset([(stamp, ("c",))]),
        video=(stamp, "https://example.com/v"),
        processes={KEY: ProcessFacts("boot", 7, 7, 3, HostEnv(stamp, '{"OS":{"Hostname":"host-a"}}'))},
        agents={"agent-1": (stamp, "Planner")},
    )
    reading = AgentOpsDialect().read(span_of(marker))
    assert expected == reading.session
    assert reading.kind == "marker"
    assert reading.consumed.keys() == set(span_of(marker).attributes)


def test_an_empty_marker_says_only_that_the_session_lives() -> None:
    """A marker without fields is activity and nothing else."""
    reading = AgentOpsDialect().read(span_of(Marker(), kind="session"))
    assert SessionFacts("s1", activity_ns=7) == reading.session
    assert reading.kind == "session"
