"""Memory of a program that records many events, and how many of them arrived.

python benchmarks/bench_memory.py [events]
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time

import agentops_otel as agentops


def resident_mb() -> float:
    """The most memory this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Record in ten parts and tell the memory after each."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as home:
        session = agentops.init(home=home, instrument_llm_calls=False)
        assert session is not None
        started = time.process_time()
        for part in range(10):
            for number in range(events // 10):
                session.record(agentops.ActionEvent(action_type="step", params={"number": number}))
            print(f"{(part + 1) * events // 10:>10} events  {resident_mb():7.1f} MB")
        session.end_session("Success")
        each_us = (time.process_time() - started) / events * 1e6
        print(f"{session.event_counts['actions']:>10} arrived, {each_us:.0f} µs CPU each")


if __name__ == "__main__":
    main()
