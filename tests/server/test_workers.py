"""Large requests are translated by other processes; what comes of them is the same, whatever happens to those."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from agentops_otel.otlp import encode_traces, encode_traces_json
from agentops_otel.records import to_json
from agentops_otel.server.translating import Recipe, Translated, Translation
from agentops_otel.server.workers import FAILURES_AT_MOST, Workers
from agentops_otel.spans import FlatSpan
from agentops_otel.store.base import EventQuery
from agentops_otel.store.sqlite import SqliteStore

from .running import Running
from .test_durability import acknowledged_until_killed
from .test_otlp_http import JSON, PROTOBUF, chat

SPANS = 400
TEXT = "What is the weather like in the capital of France today? " * 20


def large(session_id: str, **attributes: object) -> list[FlatSpan]:
    """A request of some 600 KB: model calls side by side."""
    known = chat(session_id)
    said = {**known.attributes, "gen_ai.input.messages": f'[{{"role": "user", "content": "{TEXT}"}}]', **attributes}
    return [
        replace(
            known,
            span_id=f"{n + 1:016x}",
            start_ns=known.start_ns + n,
            attributes=said,
        )
        for n in range(SPANS)
    ]


def eventually(claim: Callable[[], bool], timeout_s: float = 60) -> bool:
    """Whether it comes true in time."""
    until = time.monotonic() + timeout_s
    while not claim():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def ready(workers: Workers, count: int) -> Workers:
    """With so many processes that have started."""
    body = encode_traces([chat(str(uuid.uuid4()))])
    assert eventually(lambda: workers.translated(body, PROTOBUF) is not None and workers.alive == count)
    return workers


@pytest.fixture(scope="module")
def two() -> Iterator[Workers]:
    workers = ready(Workers(Recipe(), 2), 2)
    yield workers
    workers.close()


def stored(folder: Path, said: Translated | None) -> list[object]:
    """All that a store answers after it was told this: sessions, and their events."""
    assert said is not None
    store = SqliteStore(folder / f"{uuid.uuid4()}.db")
    store.append_encoded("default", said.batches)
    ids = store.find_session_ids("default", "")
    events = [list(store.events("default", session_id, EventQuery(told=True))) for session_id in ids]
    sessions = [store.session("default", session_id) for session_id in ids]
    store.close()
    return [sessions, [[to_json(event) for event in some] for some in events]]


def of_none(session_id: str) -> list[FlatSpan]:
    return large(session_id)


def of_each(session_id: str) -> list[FlatSpan]:
    return large(session_id, **{"session.id": "mine"})


def of_some(session_id: str) -> list[FlatSpan]:
    """All but the first are below the one before; two subtrees name a session of their own at their top alone."""
    spans = [
        replace(span, parent_span_id=above.span_id if above else None)
        for above, span in zip([None, *large(session_id)], large(session_id), strict=False)
    ]
    for top, name in ((10, "first"), (300, "second")):
        spans[top] = replace(spans[top], attributes={**spans[top].attributes, "session.id": name})
    return spans


@pytest.mark.parametrize("spans", [of_none, of_each, of_some])
@pytest.mark.parametrize(("encode", "content_type"), [(encode_traces, PROTOBUF), (encode_traces_json, JSON)])
def test_workers_say_what_the_server_would_say(
    two: Workers,
    tmp_path: Path,
    spans: Callable[[str], list[FlatSpan]],
    encode: Callable[..., object],
    content_type: str,
) -> None:
    """Sessions and events are equal, in one part or in two, whichever spans name their session."""
    made = encode(spans(str(uuid.UUID(int=7))))
    body = made if isinstance(made, bytes) else json.dumps(made).encode()

    assert stored(tmp_path, two.translated(body, content_type)) == stored(
        tmp_path, Translation(Recipe()).of(body, content_type)
    )


def test_a_refused_span_is_told_by_its_place_in_the_request(two: Workers) -> None:
    """Also where the request was translated in parts."""
    spans = large(str(uuid.uuid4()))
    body = encode_traces(spans).replace(bytes.fromhex(spans[333].span_id), bytes(8), 1)

    said = two.translated(body, PROTOBUF)

    assert said is not None
    assert (said.spans, said.rejected) == (
        SPANS - 1,
        ["resourceSpans[0].scopeSpans[0].spans[333]: span_id is all zeros"],
    )


def test_a_body_that_nobody_can_read_is_left_to_the_server(two: Workers) -> None:
    """None is what makes the server try, and say why; the workers go on."""
    assert two.translated(b"\xff" * 600_000, PROTOBUF) is None
    assert two.translated(b"{" * 600_000, JSON) is None
    assert two.translated(encode_traces(large(str(uuid.uuid4()))), PROTOBUF) is not None


def test_a_worker_that_cannot_be_started_is_not_tried_for_ever(tmp_path: Path) -> None:
    """Here there is no such table of prices, so that each ends at once."""
    workers = Workers(Recipe(prices=tmp_path / "none.json"), 1)
    asked = 0
    while not workers.gave_up:
        assert workers.translated(b"", PROTOBUF) is None
        asked += 1
        time.sleep(0.01)
    assert asked >= FAILURES_AT_MOST
    workers.close()


def test_a_worker_runs_no_file_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's `pickle.py` is not the module that is meant."""
    (tmp_path / "pickle.py").write_text("raise SystemExit('this is not pickle')")
    monkeypatch.chdir(tmp_path)

    ready(Workers(Recipe(), 1), 1).close()


# --- in a server -----------------------------------------------------------------------------------------------------


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Running]:
    """A server whose one worker has started."""
    with Running(tmp_path, workers=1) as running:
        assert post(running, large(str(uuid.uuid4()))) == 200
        assert eventually(lambda: "agentops_workers 1" in metrics(running))
        yield running


def metrics(running: Running) -> str:
    return running.ask("GET", "/metrics").body.decode()


def post(running: Running, spans: list[FlatSpan]) -> int:
    return running.ask("POST", "/v1/traces", encode_traces(spans), Content_Type=PROTOBUF).status


def worker_of(running: Running) -> psutil.Process:
    assert running.process is not None
    (worker,) = psutil.Process(running.process.pid).children()
    return worker


def test_no_worker_is_started_for_small_requests(tmp_path: Path) -> None:
    """Who sends little has one process."""
    with Running(tmp_path, workers=2) as running:
        assert post(running, [chat(str(uuid.uuid4()))]) == 200
        assert running.process is not None
        assert psutil.Process(running.process.pid).children() == []


def test_a_worker_that_dies_takes_no_request_with_it(serving: Running) -> None:
    """The request it was busy with is answered and stored, and another worker is started for the next."""
    worker, session_id, statuses = worker_of(serving), str(uuid.uuid4()), list[int]()
    worker.suspend()
    sender = threading.Thread(target=lambda: statuses.append(post(serving, large(session_id))))
    sender.start()
    assert eventually(lambda: "agentops_waiting_requests 1" in metrics(serving))

    worker.kill()
    sender.join(60)

    assert statuses == [200]
    assert serving.get(f"/v2/sessions/{session_id}/stats")["llms"] == SPANS
    assert post(serving, large(str(uuid.uuid4()))) == 200
    assert eventually(lambda: "agentops_workers 1" in metrics(serving))
    assert worker_of(serving).pid != worker.pid


def test_a_server_that_is_killed_loses_nothing_that_its_workers_translated(serving: Running) -> None:
    """kill -9 in the middle of large requests: of each that was answered with 200 every span is there afterwards."""
    acknowledged = acknowledged_until_killed(serving, large, 4)
    serving.start()
    kept = [serving.get(f"/v2/sessions/{session_id}/stats")["llms"] for session_id in acknowledged]

    assert len(acknowledged) >= 4
    assert {SPANS} == set(kept)


def test_small_requests_do_not_wait_for_large_ones(serving: Running) -> None:
    """While as many large requests wait as there are threads for them, a small one is taken."""
    worker, statuses = worker_of(serving), list[int]()
    worker.suspend()
    senders = [
        threading.Thread(target=lambda: statuses.append(post(serving, large(str(uuid.uuid4()))))) for _ in range(4)
    ]
    for sender in senders:
        sender.start()
    assert eventually(lambda: "agentops_waiting_requests 4" in metrics(serving))

    assert post(serving, [chat(str(uuid.uuid4()))]) == 200
    assert statuses == []

    worker.resume()
    for sender in senders:
        sender.join(60)
    assert statuses == [200] * 4


def test_workers_end_with_a_server_that_stops(serving: Running) -> None:
    """Without a word."""
    worker = worker_of(serving)

    assert (serving.stop(), serving.log.read_text()) == (0, "")
    assert not worker.is_running()


def test_workers_end_with_a_server_that_is_killed(serving: Running) -> None:
    """They see that nobody asks any more."""
    worker = worker_of(serving)

    serving.kill()

    assert eventually(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_a_signal_to_all_processes_does_not_hurry_the_workers(serving: Running) -> None:
    """A terminal and systemd send it to each; the server still finishes what it accepted."""
    worker, session_id, statuses = worker_of(serving), str(uuid.uuid4()), list[int]()
    worker.suspend()
    sender = threading.Thread(target=lambda: statuses.append(post(serving, large(session_id))))
    sender.start()
    assert eventually(lambda: "agentops_waiting_requests 1" in metrics(serving))

    worker.send_signal(signal.SIGTERM)
    resuming = threading.Timer(0, worker.resume)
    resuming.start()
    assert serving.stop() == 0

    for thread in (sender, resuming):
        thread.join(60)
    assert statuses == [200]
