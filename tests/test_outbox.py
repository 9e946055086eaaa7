"""outbox: nothing is lost in a burst, nothing is waited for when stuck, everything dropped is counted."""

import os
import threading

import pytest

from agentops_otel.outbox import ROOM_WAIT_S, Outbox


class Sink:
    """Keeps what was delivered; can be made to fail or to wait."""

    def __init__(self) -> None:
        self.items: list[int] = []
        self.dropped: list[int] = []
        self.failing = False
        self.gate = threading.Event()
        self.gate.set()
        self.tried = threading.Event()

    def deliver(self, batch: list[int]) -> None:
        self.tried.set()
        self.gate.wait(10)
        if self.failing:
            raise OSError("no")
        self.items += batch

    def box(self, **options: float) -> Outbox[int]:
        return Outbox(self.deliver, dropped=self.dropped.append, **options)  # type: ignore[arg-type]


def test_a_burst_far_beyond_the_capacity_arrives_whole_and_in_order() -> None:
    """A full queue slows its writer down instead of losing anything."""
    sink = Sink()
    box = sink.box(capacity=16)
    for number in range(5_000):
        box.put(number)
    assert box.flush(10)
    assert list(range(5_000)) == sink.items


def test_a_stuck_writer_costs_counted_items_and_no_more_waiting() -> None:
    """While the sink hangs the queue keeps its size; the rest is dropped at once and counted."""
    sink = Sink()
    sink.gate.clear()
    box = sink.box(capacity=8)
    box.put(0, urgent=True)
    assert sink.tried.wait(10)
    for number in range(1, 1_000):
        box.put(number)
    assert list(range(9, 1_000)) == sink.dropped
    sink.gate.set()
    assert box.flush(10)
    assert list(range(9)) == sink.items


def test_a_first_delivery_may_take_longer_than_a_stuck_one() -> None:
    """It imports and opens what it needs; a burst meanwhile loses nothing."""
    sink = Sink()
    sink.gate.clear()
    threading.Timer(ROOM_WAIT_S * 1.5, sink.gate.set).start()
    box = sink.box(capacity=8)
    for number in range(100):
        box.put(number)

    assert box.flush(10)
    assert ([], list(range(100))) == (sink.dropped, sink.items)


def test_what_could_not_be_delivered_is_tried_again() -> None:
    """A failing sink loses nothing; the order stays."""
    sink = Sink()
    sink.failing = True
    box = sink.box()
    box.put(1)
    assert not box.flush(10)
    sink.failing = False
    box.put(2)
    assert box.flush(10)
    assert sink.items == [1, 2]


def test_closing_counts_what_is_left() -> None:
    """Nothing disappears in silence at the end."""
    sink = Sink()
    sink.failing = True
    box = sink.box()
    box.put(1)
    box.put(2)
    assert not box.close(5)
    box.put(3)
    assert sink.dropped == [1, 2, 3]


def test_a_last_delivery_that_fails_is_tried_again() -> None:
    """A store that was locked for a moment at the end of the process costs nothing."""
    tries, arrived, dropped = [OSError("locked"), OSError("locked")], list[int](), list[int]()

    def deliver(batch: list[int]) -> None:
        if tries:
            raise tries.pop()
        arrived.extend(batch)

    box = Outbox(deliver, dropped=dropped.append)
    box.put(1)
    assert box.close(60)
    assert (arrived, dropped) == ([1], [])


def test_an_urgent_item_does_not_wait() -> None:
    """With an hour's delay an urgent item still arrives at once, and takes along what stood before it."""
    sink = Sink()
    box = sink.box(delay_s=3600)
    box.put(1)
    box.put(2, urgent=True)
    assert sink.tried.wait(10)
    assert box.flush(10)
    assert sink.items == [1, 2]


def test_jobs_run_on_the_thread_after_a_delivery() -> None:
    """Slow facts about the host are gathered off the caller's thread."""
    sink = Sink()
    box = sink.box()
    seen: list[object] = []
    done = threading.Event()
    box.put(1)
    box.call(lambda: (seen.append((list(sink.items), threading.current_thread().name)), done.set()))  # type: ignore[func-returns-value]
    assert done.wait(10)
    assert seen == [([1], "agentops-outbox")]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_starts_empty_and_delivers_its_own() -> None:
    """What the parent queued the parent delivers; the child has a thread of its own."""
    sink = Sink()
    box = sink.box(delay_s=3600)
    box.put(1)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        box.put(2)
        box.flush(10)
        os.write(writer, repr(sink.items).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(reader, 100) == b"[2]"
    assert box.flush(10)
    assert sink.items == [1]


def test_what_is_abandoned_is_never_delivered() -> None:
    """Neither what waits nor what comes later."""
    sink = Sink()
    box = sink.box(delay_s=60.0)
    box.put(1)
    box.abandon(1.0)
    assert (len(box), box.put(2), sink.dropped, sink.items) == (0, False, [2], [])
