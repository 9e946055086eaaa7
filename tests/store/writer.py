"""A process of the tests that writes into a store; run as a script.

writer.py forever PATH WRITER     append batches of three events until killed, printing each batch's number when it is
                                  stored
writer.py once PATH SEED          wait for a line on stdin, then append everything the session `shared` has, in an order
                                  and in batches that the seed decides
"""

from __future__ import annotations

import itertools
import random
import sys

from agentops_otel.facts import EventFact, Fact, ProcessFacts, ProcessKey, SessionFacts, Stamp
from agentops_otel.records import Action, LLMCall, Usage
from agentops_otel.store.sqlite import SqliteStore

BATCH = 3


def batch(writer: str, number: int) -> list[Fact]:
    """Three events with payloads of different lengths, in the writer's own session and in one that all share."""
    return [
        EventFact(
            Action(
                event_id=f"{writer}-{number}-{one}",
                session_id=f"s{writer}" if one else "shared",
                name="step",
                init_timestamp=number,
                params="x" * (number * 997 % 30_000),
            )
        )
        for one in range(BATCH)
    ]


def shared_facts() -> list[Fact]:
    """What four processes say together of one session, revisions of the same events included."""
    facts: list[Fact] = []
    for number in range(120):
        call = LLMCall(
            event_id=f"e{number % 80}",
            session_id="shared",
            name="chat",
            init_timestamp=1_000 + number,
            model=f"m{number % 3}",
            usage=Usage(input=number),
            params={"number": number},
        )
        facts.append(EventFact(call, revision=number // 80))
        process = {ProcessKey("host", number % 4, 1): ProcessFacts(seen_ns=number, dropped=number)}
        added = frozenset({(Stamp(number, "o"), (f"tag{number % 5}",))})
        facts.append(SessionFacts("shared", start_ns=2_000 - number, tags_added=added, processes=process))
    return facts


def forever(path: str, writer: str) -> None:
    """Until killed."""
    store = SqliteStore(path)
    for number in itertools.count():
        store.append("p", batch(writer, number))
        print(number, flush=True)


def once(path: str, seed: str) -> None:
    """Everything, in random order and batches; half of it twice."""
    chance = random.Random(int(seed))
    facts = shared_facts()
    facts += chance.sample(facts, len(facts) // 2)
    chance.shuffle(facts)
    store = SqliteStore(path)
    sys.stdin.readline()
    while facts:
        size = chance.randint(1, 20)
        store.append("p", facts[:size])
        del facts[:size]
    store.close()


if __name__ == "__main__":
    {"forever": forever, "once": once}[sys.argv[1]](*sys.argv[2:])
