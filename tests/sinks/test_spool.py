"""The spool: nothing that was taken is lost, nobody is waited for, and it never grows without bound."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from agentops_otel.errors import DeliveryError, StoreError
from agentops_otel.facts import EventFact, Fact, SessionFacts
from agentops_otel.records import Action
from agentops_otel.sinks.spool import STUCK_AFTER_S, MemorySpool, Spool, Spooled, SpoolSink, packed, unpacked

from .test_api import facts_of


def fact(name: str) -> Fact:
    return EventFact(Action(event_id=name, session_id="s", name=name, init_timestamp=123_456_789, end_timestamp=None))


class Destination:
    """A sink that takes, refuses or never answers, as it is told."""

    def __init__(self, mood: str = "takes") -> None:
        self.mood = mood
        self.taken: list[Fact] = []
        self.asked, self.released = threading.Event(), threading.Event()

    def append(self, facts: Sequence[Fact]) -> None:
        self.asked.set()
        if self.mood == "hangs":
            self.released.wait(30)
        if self.mood != "takes":
            raise DeliveryError("not now")
        self.taken.extend(facts)

    def flush(self, timeout_s: float) -> bool:
        return True

    def close(self) -> None:
        pass


def test_facts_survive_the_disk_exactly() -> None:
    """To the nanosecond and the cent."""
    facts = [*facts_of("s"), fact("a"), SessionFacts("only")]

    assert facts == unpacked(packed(facts))


def test_what_is_appended_is_delivered_in_order(tmp_path: Path) -> None:
    """With a destination that works the spool is empty after a flush."""
    destination, spool = Destination(), Spool(tmp_path / "spool.db", "d")
    sink = SpoolSink(destination, spool)
    for name in "abc":
        sink.append([fact(name)])

    assert sink.flush(10)
    sink.close()
    assert ([fact("a"), fact("b"), fact("c")], 0) == (destination.taken, spool.waiting())


@pytest.mark.parametrize("mood", ["refuses", "hangs"])
def test_a_destination_that_fails_is_not_waited_for(tmp_path: Path, mood: str) -> None:
    """Flush returns at once, the batches are on disk, and the next process delivers them."""
    destination, spool = Destination(mood), Spool(tmp_path / "spool.db", "d", clock=lambda: 1000.0)
    sink = SpoolSink(destination, spool)
    sink.append([fact("a")])
    assert destination.asked.wait(10)
    sink.append([fact("b")])

    assert sink.flush(10)
    sink.close()
    waited = spool.waiting()
    destination.released.set()
    later, next_process = Destination(), Spool(tmp_path / "spool.db", "d", clock=lambda: 2000.0)
    following = SpoolSink(later, next_process)

    assert following.flush(10)
    following.close()
    names = [one.event.name for one in later.taken if isinstance(one, EventFact)]
    assert (waited, sorted(map(str, names)), next_process.waiting()) == (2, ["a", "b"], 0)


def test_where_no_folder_can_be_written_batches_wait_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They are delivered in order, a flush waits for a destination that fails, and what is left at the end is told."""
    (tmp_path / "file").touch()
    destination = Destination("refuses")
    sink = SpoolSink(destination, Spool(tmp_path / "file" / "spool.db", "d"))
    sink.append([fact("a")])
    sink.append([fact("b")])
    assert not sink.flush(0.1)
    destination.mood = "takes"
    assert sink.flush(30)
    assert sorted(str(one) for one in destination.taken) == sorted(str(fact(name)) for name in "ab")

    destination.mood = "refuses"
    sink.append([fact("c")])
    assert not sink.flush(0.1)
    sink.close()
    lost = "records are lost that waited in memory for their destination"
    assert [lost in caplog.messages, "set AGENTOPS_HOME to a folder that can be written" in caplog.text] == [True, True]


def test_what_waits_in_memory_is_bounded() -> None:
    """The oldest go first."""
    spool = MemorySpool(max_bytes=10)
    for body in (b"first", b"second", b"3rd"):
        spool.put(body)
    assert [batch.body for batch in iter(spool.take, None)] == [b"second", b"3rd"]


def test_a_destination_that_answers_slowly_is_waited_for(tmp_path: Path) -> None:
    """It just took a batch, so a flush gives it the time it was allowed."""
    destination, spool = Destination(), Spool(tmp_path / "spool.db", "d")
    sink = SpoolSink(destination, spool)
    sink.append([fact("a")])
    assert sink.flush(10)
    destination.asked.clear()
    destination.mood = "hangs"
    sink.append([fact("b")])
    assert destination.asked.wait(10)

    assert not sink.flush(STUCK_AFTER_S * 2)
    destination.mood = "takes"
    destination.released.set()
    assert sink.flush(10)
    sink.close()
    assert [fact("a"), fact("b")] == destination.taken


def test_a_batch_in_flight_is_there_for_the_next_process_at_once(tmp_path: Path) -> None:
    """It was leased to a process that ended, and nobody waits for the lease to run out."""
    destination, spool = Destination("hangs"), Spool(tmp_path / "spool.db", "d")
    sink = SpoolSink(destination, spool)
    sink.append([fact("a")])
    assert destination.asked.wait(10)

    sink.close()

    batch = Spool(tmp_path / "spool.db", "d").take()
    destination.released.set()
    assert batch is not None
    assert [fact("a")] == unpacked(batch.body)


def test_a_batch_that_is_always_refused_does_not_keep_the_others(tmp_path: Path) -> None:
    """It goes behind them, and after three tries, while others got through, it is left out and counted."""
    taken: list[Fact] = []

    class Picky:
        def append(self, facts: Sequence[Fact], /) -> None:
            if facts == [fact("bad")]:
                raise DeliveryError("not this one")
            taken.extend(facts)

    spool = Spool(tmp_path / "spool.db", "d")
    for name in ("bad", "a", "b"):
        spool.put(packed([fact(name)]))
    spooled = Spooled(Picky(), spool, packed, unpacked)
    while spool.waiting():
        spooled._drain(0)
    spooled.close()

    assert ([fact("a"), fact("b")], 1) == (taken, spool.lost())


def test_two_deliverers_never_send_one_batch_at_once(tmp_path: Path) -> None:
    """A batch is leased; a lease that was not honoured ends."""
    now = [1000.0]
    spools = [Spool(tmp_path / "spool.db", "d", clock=lambda: now[0]) for _ in range(2)]
    spools[0].put(b"first")
    spools[0].put(b"second")

    taken = [spool.take() for spool in spools]
    nothing = spools[0].take()
    now[0] += 61
    again = spools[0].take()

    assert (
        [batch.body for batch in taken if batch],
        nothing,
        again.body if again else None,
    ) == ([b"first", b"second"], None, b"first")


def test_the_oldest_go_when_it_is_full_or_they_are_old(tmp_path: Path) -> None:
    """By size and by age; each loss is counted; another destination keeps its own."""
    now = [1000.0]
    spool = Spool(tmp_path / "spool.db", "d", max_bytes=10, max_age_s=50, clock=lambda: now[0])
    other = Spool(tmp_path / "spool.db", "other", clock=lambda: now[0])
    other.put(b"other")
    for body in (b"aaaa", b"bbbb", b"cccc"):
        spool.put(body)
    by_size = spool.waiting(), spool.lost()
    now[0] += 51
    spool.put(b"dddd")

    assert (by_size, (spool.waiting(), spool.lost()), (other.waiting(), other.lost())) == ((2, 1), (1, 3), (1, 0))


def test_a_killed_process_leaves_what_it_took(tmp_path: Path) -> None:
    """kill -9 right after append returned: the batch is there for the next process."""
    path = tmp_path / "spool.db"
    script = (
        "import sys, os, signal\n"
        "from agentops_otel.sinks.spool import Spool\n"
        f"spool = Spool({str(path)!r}, 'd')\n"
        "for n in range(20): spool.put(b'batch %d' % n)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    done = subprocess.run([sys.executable, "-c", script], check=False)

    assert (done.returncode, Spool(path, "d").waiting()) == (-signal.SIGKILL, 20)


def test_a_spool_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A file in the place of the folder; a file that is no database."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "other.db").write_bytes(b"not a database at all, but long enough to be looked at" * 30)

    for path in (tmp_path / "file" / "spool.db", tmp_path / "other.db"):
        with pytest.raises(StoreError, match="cannot be used"):
            Spool(path, "d").put(b"x")


def test_a_forked_child_delivers_what_it_appends(tmp_path: Path) -> None:
    """Its parent's thread does not exist there, so it starts its own."""
    script = (
        "import os, json\n"
        "from pathlib import Path\n"
        "from agentops_otel.facts import SessionFacts\n"
        "from agentops_otel.sinks.spool import Spool, SpoolSink\n"
        "class Out:\n"
        "    taken = []\n"
        "    def append(self, facts): self.taken += [fact.session_id for fact in facts]\n"
        f"sink = SpoolSink(Out(), Spool({str(tmp_path / 'spool.db')!r}, 'd'))\n"
        "sink.flush(10)\n"
        "pid = os.fork()\n"
        "sink.append([SessionFacts('child' if pid == 0 else 'parent')])\n"
        "assert sink.flush(10)\n"
        "if pid == 0:\n"
        f"    Path({str(tmp_path / 'child')!r}).write_text(json.dumps(Out.taken))\n"
        "    os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env=os.environ)

    assert set(json.loads((tmp_path / "child").read_text())) <= {"child", "parent"}
    assert Spool(tmp_path / "spool.db", "d").waiting() == 0
