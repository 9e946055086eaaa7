"""Runtime: assembles the parts in a process and takes them apart again. The one object with state, and the one global.

Which provider the spans go to:

* none is set: we install one, so that manual spans inside a session are recorded; if the host sets its own later, that
  one takes its place, and everything is as if it had been there;
* an SDK provider (or one that takes span processors): our processor is added, nothing is replaced;
* that provider's sampler may drop spans, it takes no processors, or its tracers are not the SDK's, so that we cannot
  choose the ids of our spans: ours come from a private one beside it;
* we were started for a program that knows nothing of us (`opentelemetry-instrument`): the host's provider exports what
  it samples, and nothing is exported beside it.
"""

from __future__ import annotations

import atexit
import functools
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import ProxyTracerProvider
from opentelemetry.util._once import Once

from agentops_otel import context, host, threads
from agentops_otel._version import __version__
from agentops_otel.budget import budgets
from agentops_otel.conventions.markers import ProcessMark
from agentops_otel.guard import logger, quietly, warn_once
from agentops_otel.inheritance import Environment, inherited_session_id
from agentops_otel.instruments.arrival import Arrival
from agentops_otel.outbox import Outbox
from agentops_otel.privacy import Policy
from agentops_otel.processor import AgentOpsSpanProcessor, DirectOutbox, SpanOutbox
from agentops_otel.sessions import MAX_ID, OwnTracer, PlannedIds, Session, checked_tags, reason_of
from agentops_otel.settings import Settings
from agentops_otel.store import forks as forks  # sets its hooks before those of the outboxes

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from agentops_otel import records
    from agentops_otel.export import AgentOpsSpanExporter
    from agentops_otel.instruments.registry import Installation
    from agentops_otel.ledger import Books
    from agentops_otel.records import Json
    from agentops_otel.sinks.base import Sink

SCOPE = "agentops_otel"
ALWAYS_SAMPLED = ("AlwaysOnSampler", "ParentBased{root:AlwaysOnSampler,")
STORE_DELAY_S = 0.25
"""The embedded store is written this soon after an event, whatever `max_wait_time` allows."""

OTLP_DELAY_S = 5.0
"""A server is sent what has come together in this time; OpenTelemetry's own default."""

JOINED = "added to the host's provider, which exports"

DISK_EXIT_S = 5.0
"""The end of a program, and whoever asks for a cost, waits this long for its own disk, where the store and the spool
are: on a busy machine opening them may take a while."""

HOST_DELAY_S = 0.5
"""The host environment takes a tenth of a second; it is gathered this long after the start of a session, on a thread of
its own. A program that is over by then has only the outline."""

HOST_WAIT_S = 0.1
"""The end of a program waits this long for the host environment, where it is just being gathered."""


class Runtime:
    """Everything that runs in this process. One at a time; made by `start`, ended by `stop`."""

    def __init__(self, settings: Settings, *, sink: Sink | None = None, provider: Any = None) -> None:
        self.settings = settings
        self.automatic = provider is not None
        """Started for the program, not by it; the program's own `init` may still come."""
        logger.setLevel(settings.logging_level)
        self._host_env: Json = None
        self._undescribed: Outbox[Session] = Outbox(self._describe_host, delay_s=HOST_DELAY_S, name="agentops-host")
        self._environment = Environment()
        self._recorder: SpanOutbox | None = None
        self.outboxes = self._open_outboxes(sink) if provider is None else self._beside_pipeline(provider)
        self.processor = AgentOpsSpanProcessor(*self.outboxes)
        self.provider, self.role = choose_provider(self.processor) if provider is None else (provider, JOINED)
        if provider is not None:
            provider.add_span_processor(self.processor)
        self.own = own_tracer(self.provider)
        self.arrival: Arrival | None = None
        self.installation: Installation | None = None
        self.threads: threads.Following | None = None
        self._exits = ExitWatch(self)

    # --- parts ------------------------------------------------------------------------------------------------------

    def _open_outboxes(self, sink: Sink | None) -> list[SpanOutbox]:
        settings = self.settings
        wanted = list(settings.exporter)
        if sink is not None:
            wanted = ["store"]
        elif wanted != ["none"] and not {"store", "api"} & set(wanted):
            wanted.append("tally")  # what a session cost is known without a store, too
        return [self._open_outbox(name, sink) for name in wanted if name != "none"]

    def _open_outbox(self, name: str, sink: Sink | None) -> SpanOutbox:
        settings = self.settings
        make, delay_s = functools.partial(record_exporter, settings, name, sink), STORE_DELAY_S
        if name == "otlp":
            make, delay_s = functools.partial(otlp_exporter, settings), OTLP_DELAY_S
        delay_s = min(delay_s, settings.max_wait_time / 1000)
        outbox = SpanOutbox(make, capacity=settings.max_queue_size, delay_s=delay_s)
        if name in ("store", "tally") or (name == "api" and self._recorder is None):
            self._recorder = outbox
        return outbox

    def _beside_pipeline(self, provider: Any) -> list[SpanOutbox]:
        """A shorter way to our exporter in the host's pipeline, if it is there."""
        exporter = exporter_in(provider) if self.settings.session_scope == "process" else None
        if exporter is None:
            return []
        capacity, longest_s = self.settings.max_queue_size, self.settings.max_wait_time / 1000
        self._recorder = DirectOutbox(exporter, capacity=capacity, delay_s=min(STORE_DELAY_S, longest_s))
        return [self._recorder]

    def add_up(self) -> None:
        """Know from now on what sessions cost, where only others export them."""
        if self._recorder is None and self.settings.exporter != ("none",):
            outbox = self._open_outbox("tally", None)
            self.outboxes.append(outbox)
            self.processor.add(outbox)

    @functools.cached_property
    def policy(self) -> Policy:
        """What of prompts, arguments and results may be recorded."""
        return Policy.of(self.settings)

    @property
    def app_url(self) -> str:
        """Where sessions can be looked at."""
        return self.settings.endpoint.rstrip("/")

    def move(self) -> None:
        """The host has set its provider after us: from now on as if it had been there first. Spans that are open end
        where they began, which comes to the same outboxes."""
        self.provider, self.role = choose_provider(self.processor)
        self.own = own_tracer(self.provider)
        if self.installation is not None:
            self.installation.use(self.own.tracer)

    # --- what sessions need -----------------------------------------------------------------------------------------

    def process(self, session_id: str) -> ProcessMark:
        """This process, and how many spans of the session it had to drop."""
        me = host.this_process()
        dropped = sum(outbox.dropped.get(session_id, 0) for outbox in self.outboxes)
        return ProcessMark(key=me.key, boot_id=me.boot_id, dropped=dropped)

    @property
    def gathered_host_env(self) -> Json:
        """The host environment, if it has been gathered."""
        return self._host_env

    def host_outline(self) -> Json:
        """What of the host environment is known at once: all of it, if it has been gathered."""
        return self._host_env or host.host_outline()

    def host_env(self) -> Json:
        """The host environment; gathered once."""
        if self._host_env is None:
            self._host_env = host.host_env(self.settings.env_data_opt_out)
        return self._host_env

    def flush(self, timeout_s: float) -> bool:
        """Deliver what is queued, within the timeout."""
        if self.installation is not None:
            self.installation.settle(timeout_s)
        return self.processor.force_flush(int(timeout_s * 1000))

    def record_of(self, session_id: str) -> records.Session | None:
        """The session as all its processes recorded it; None without a store. What is still on its way there is waited
        for: a busy disk makes no cost wrong."""
        if self._recorder is not None and not self._recorder.taken(DISK_EXIT_S):
            warn_once(f"session {session_id}: not all of it was stored in time, and its cost is too low")
        exporter = self._recorder.exporter if self._recorder is not None else None
        read = getattr(exporter, "session", None)
        return read(session_id) if read is not None else None

    @property
    def books(self) -> Books:
        """The exporter that stores here; until it is made, and where nothing is stored, one that only knows prices."""
        exporter = self._recorder.exporter if self._recorder is not None else None
        return exporter or self._reader  # type: ignore[return-value]

    @functools.cached_property
    def _reader(self) -> AgentOpsSpanExporter:
        """Exports nothing. Where the host's provider exports into the embedded store, it reads there what that took."""
        from agentops_otel.export import AgentOpsSpanExporter

        reader = AgentOpsSpanExporter(settings=self.settings)
        if self.automatic and "store" in self.settings.exporter and reader.file is not None and reader.file.exists():
            reader.open()
        return reader

    def budgeted(self) -> None:
        """Tell child processes of the budget, too."""
        self._follow()

    def _follow(self) -> None:
        """Let the environment of child processes name the one active session, and its budget."""
        session = context.active.sole()
        ledger = budgets.of(session.key) if session is not None else None
        terms = {} if ledger is None else ledger.variables()
        self._environment.follow(context.active, enabled=self.settings.propagate_environment, beside=terms)

    def whereabouts(self, session_id: str) -> list[str]:
        """The path of the store, and the command that shows more."""
        if "store" not in self.settings.exporter:
            return []
        books = self.books
        path = getattr(books, "file", None)
        if path is None:
            return []
        option = "" if path == Settings().db_path() else f" --db {path}"
        return [f"store    {path}", f"more     agentops-otel sessions show {session_id[:8]}{option}"]

    def closed(self, session: Session) -> None:
        """A session has been ended here."""
        context.active.discard(session)
        budgets.ended(session.key)
        self._follow()

    # --- sessions ---------------------------------------------------------------------------------------------------

    def start_session(self, tags: Any = None, inherited_session_id: Any = None) -> Session:
        """A new session, or the one with that id if it is given; it becomes current in this context."""
        return self._start_session(tags, inherited_session_id, self.announce)

    def _start_session(self, tags: Any, inherited_session_id: Any, announce: Callable[[Session], None]) -> Session:
        session_id = checked_id(inherited_session_id)
        all_tags = tuple(dict.fromkeys((*self.settings.default_tags, *checked_tags(tags))))
        if session_id is not None:
            known = context.active.get(session_id)
            if isinstance(known, Session):
                known.add_tags(list(all_tags))
                return known
        session = Session(self, session_id or str(uuid.uuid4()), all_tags, joined=session_id is not None)
        context.active.add(session)
        budgets.began()
        announce(session)
        session.activate()
        if self.settings.max_cost is not None:
            session.budget(self.settings.max_cost, unpriced=self.settings.max_cost_unpriced)
        self._follow()
        return session

    def announce(self, session: Session) -> None:
        """Make the session visible, if it is not."""
        if session.announced:
            return
        session.announce()
        if self._host_env is None:
            self._undescribed.put(session)

    def _announce_later(self, session: Session) -> None:
        """Where only others export: with the first span. A program that makes none sends nothing to anybody."""
        self.processor.before_next_span(lambda: self.announce(session))

    def _describe_host(self, sessions: list[Session]) -> None:
        with quietly("gathering the host environment"):
            self.host_env()
            for session in sessions:
                session.describe_host()

    def first_session(self, inherited: str | None = None) -> Session | None:
        """What `init` returns: the session that goes on, else an inherited one, else a new one if so configured."""
        live = context.current()
        if isinstance(live, Session) and (inherited is None or str(inherited) == live.key):
            return live
        inherited = inherited or self.settings.inherited_session_id
        of_process = self.settings.session_scope == "process"
        if of_process:
            inherited = inherited or inherited_session_id(os.environ)
        wanted = inherited or (of_process and self.settings.auto_start_session)
        announce = self._announce_later if self.role == JOINED and not self.outboxes else self.announce
        return self._start_session(None, inherited, announce) if wanted else None

    def sessions(self) -> list[Session]:
        """The sessions that go on in this process, oldest first."""
        return [one for one in context.active.all() if isinstance(one, Session)]

    def follow_threads(self) -> None:
        """Let sessions follow into threads; once."""
        if self.threads is None and self.settings.propagate_threads:
            with quietly("following threads"):
                self.threads = threads.follow()

    def instrument(self) -> None:
        """Record the calls of model clients, also of those that are imported later; once."""
        self.follow_threads()
        if self.arrival is None and self.settings.instrument_llm_calls:
            self.arrival = Arrival(self._install)
            with quietly("instrumenting the model clients"):
                self.arrival.wait()

    def _install(self) -> None:
        from agentops_otel.instruments import registry

        self.installation = registry.install(self.own.tracer, capture=self.policy)

    def uninstrument(self) -> None:
        """Leave model clients and threads as they were."""
        following, self.threads = self.threads, None
        if following is not None:
            following.stop()
        installation, self.installation = self.installation, None
        arrival, self.arrival = self.arrival, None
        if arrival is not None:
            arrival.stop()
        if installation is not None:
            installation.uninstall()

    # --- the end ----------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Leave the sessions that are open and deliver what is queued, all within `exit_timeout`."""
        deadline = time.monotonic() + self.settings.exit_timeout / 1000
        self._undescribed.abandon(HOST_WAIT_S)
        with quietly("leaving the open sessions"):
            for session in self.sessions():
                session.leave()
                context.active.discard(session)
        budgets.clear()
        self.uninstrument()
        self.processor.retire()
        self._environment.restore()
        with quietly("delivering the last spans"):
            for outbox in self.outboxes:
                outbox.close(deadline - time.monotonic(), DISK_EXIT_S)
        self._exits.uninstall()

    def stop_at_once(self) -> None:
        """Stop in a process that ends past its exit handlers, so that nobody else would flush the host's provider."""
        deadline = time.monotonic() + self.settings.exit_timeout / 1000
        self.stop()
        if self.role == JOINED:  # OpenTelemetry's own flush (1.45) takes a timeout and ignores it
            flushing = threading.Thread(target=self.provider.force_flush, name="agentops-flush", daemon=True)
            flushing.start()
            flushing.join(max(0.0, deadline - time.monotonic()))

    def after_fork(self) -> None:
        """In a forked child: the sessions go on here; the child takes part in them from its first span on."""
        self._environment.forked()
        sessions = self.sessions()
        for session in sessions:
            session.forked()
        self.processor.before_next_span(lambda: announce(sessions))
        util = sys.modules.get("multiprocessing.util")
        if util is not None:  # registered now, run in the child after it has cleared what the parent left
            util.register_after_fork(self, stop_with_multiprocessing)
        stop_with_celery(self)


def otlp_exporter(settings: Settings) -> SpanExporter:
    """OpenTelemetry's own exporter, as its variables say, behind a spool in the home folder."""
    from agentops_otel.sinks.otlp import spooled_otlp

    return spooled_otlp(settings)


def record_exporter(settings: Settings, name: str, sink: Sink | None) -> SpanExporter:
    """Ours: into the `sink` if there is one, "api" over REST, "tally" only adding up, else into the embedded store."""
    from agentops_otel.export import AgentOpsSpanExporter

    if name == "api":
        sink = api_sink(settings)
    elif name == "tally":
        from agentops_otel.sinks.tally import TallySink

        sink = TallySink()
    return AgentOpsSpanExporter(sink, settings=settings)


def api_sink(settings: Settings) -> Sink:
    """The REST API of `endpoint`, behind a spool in the home folder that every process of this user shares."""
    from agentops_otel.sinks.api import ApiSink
    from agentops_otel.sinks.spool import Spool, SpoolSink, destination_of

    inner = ApiSink(settings.endpoint, settings.api_key, parent_key=settings.parent_key)
    path = os.path.join(settings.home, "spool.db")
    return SpoolSink(inner, Spool(path, destination_of(settings.endpoint, settings.api_key)))


def stop_with_multiprocessing(runtime: Runtime) -> None:
    """Children of multiprocessing may leave by `os._exit`, past atexit, but run their own finalizers first."""
    sys.modules["multiprocessing.util"].Finalize(None, runtime.stop_at_once, exitpriority=100)


def stop_with_celery(runtime: Runtime) -> None:
    """Children of Celery's prefork pool leave by `os._exit`, past every exit handler; they send this signal before."""
    signals = sys.modules.get("celery.signals")
    if signals is not None:
        with quietly("waiting for the end of a Celery worker process"):
            signals.worker_process_shutdown.connect(
                lambda **_: runtime.stop_at_once(), weak=False, dispatch_uid="agentops_otel"
            )


def is_multiprocessing_child() -> bool:
    """Whether multiprocessing started this process."""
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def announce(sessions: list[Session]) -> None:
    """Export the start markers of these sessions."""
    for session in sessions:
        session.announce()


def checked_id(session_id: Any) -> str | None:
    """A session id as text; None, with a warning, for what cannot be one."""
    if session_id is None:
        return None
    text = str(session_id)
    if isinstance(session_id, (str, uuid.UUID)) and 0 < len(text) <= MAX_ID:
        return text
    logger.warning("inherited_session_id=%r is not a UUID or a text of 1 to %d characters: ignored", session_id, MAX_ID)
    return None


# --- providers -------------------------------------------------------------------------------------------------------


def choose_provider(processor: AgentOpsSpanProcessor) -> tuple[Any, str]:
    """The provider that our own spans go to, and in words what was done; never replaces one that exists."""
    existing = trace.get_tracer_provider()
    if isinstance(existing, ProxyTracerProvider):
        provider = private_provider(processor)
        trace.set_tracer_provider(provider)
        give_way()
        return provider, "installed: no tracer provider was set"
    add = getattr(existing, "add_span_processor", None)
    if add is None:
        return private_provider(processor), f"private: {type(existing).__name__} takes no span processors"
    add(processor)
    sampler = getattr(existing, "sampler", None)
    described = sampler.get_description() if sampler is not None else ALWAYS_SAMPLED[0]
    if not described.startswith(ALWAYS_SAMPLED):
        return private_provider(processor), f"private beside the host's: its sampler {described} may drop spans"
    if not isinstance(existing.get_tracer(SCOPE), SdkTracer):  # as Logfire's
        return private_provider(processor), f"private beside the host's: {type(existing).__name__} chooses its own ids"
    return existing, "added to the host's provider"


class _GivesWay(Once):
    """Stands where the API remembers that a provider was set: the next that is set takes the place of ours."""

    def do_once(self, func: Callable[[], None]) -> bool:
        """Set it, and go on with it; once."""
        did = super().do_once(func)
        if did and _runtime is not None:
            with quietly("going on with the provider that the host has set"):
                _runtime.move()
        return did


def give_way() -> None:
    """Let the host still set its own provider, which the API (1.27 to 1.45) allows once and we have used up."""
    if isinstance(getattr(trace, "_TRACER_PROVIDER_SET_ONCE", None), Once):
        trace._TRACER_PROVIDER_SET_ONCE = _GivesWay()


def private_provider(processor: AgentOpsSpanProcessor) -> TracerProvider:
    """A provider of our own that samples everything. The runtime shuts it down, so it needs no exit handler."""
    provider = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return provider


def exporter_in(provider: Any) -> AgentOpsSpanExporter | None:
    """Ours behind a BatchSpanProcessor of the provider; None if there is none, or the provider does not let look.

    The SDK (1.27 to 1.45) keeps its processors in `_active_span_processor._span_processors`.
    """
    if "agentops_otel.export" not in sys.modules:
        return None
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from agentops_otel.export import AgentOpsSpanExporter

    for one in getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ()):
        exporter = getattr(one, "span_exporter", None)
        if isinstance(one, BatchSpanProcessor) and isinstance(exporter, AgentOpsSpanExporter):
            return exporter
    return None


def own_tracer(provider: Any) -> OwnTracer:
    """Our tracer, with an id generator of its own: the host's generator is asked, but never changed."""
    tracer = provider.get_tracer(SCOPE, __version__)
    ids = PlannedIds(getattr(tracer, "id_generator", None) or RandomIdGenerator())
    if isinstance(tracer, SdkTracer):
        tracer.id_generator = ids
    return OwnTracer(tracer, ids)


# --- how a process ends ----------------------------------------------------------------------------------------------


class ExitWatch:
    """Tells sessions how the process ends, without changing how it does.

    Signal handlers and `sys.excepthook` are chained to what was there; the exit code stays what it would have been.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._before: dict[int, Any] = {}
        self.interrupted = False
        self._except_hook = sys.excepthook
        sys.excepthook = self._on_uncaught
        atexit.register(runtime.stop)
        if is_multiprocessing_child():
            stop_with_multiprocessing(runtime)
        stop_with_celery(runtime)
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._watch(number)

    def _watch(self, number: signal.Signals) -> None:
        before = signal.getsignal(number)
        if before in (None, signal.SIG_IGN):
            return
        self._before[number] = before
        signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        with quietly(f"telling the sessions of {name}"):
            for session in self._runtime.sessions():
                session.failing(f"Signal {name} detected")
        before = self._before.get(number)
        if callable(before):
            before(number, frame)
            return
        with quietly(f"leaving the sessions at {name}"):
            self._runtime.stop_at_once()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _on_uncaught(self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        with quietly("telling the sessions of an uncaught exception"):
            self.interrupted = isinstance(error, KeyboardInterrupt)
            if not self.interrupted:
                for session in self._runtime.sessions():
                    session.failing(reason_of(error, session.policy), error)
        self._except_hook(kind, error, traceback)

    def uninstall(self) -> None:
        """Put back what was there, where nobody else has hooked in since."""
        atexit.unregister(self._runtime.stop)
        if self.interrupted:
            keep_interrupted_exit_code()
        if sys.excepthook == self._on_uncaught:
            sys.excepthook = self._except_hook
        for number, before in self._before.items():
            with quietly("restoring a signal handler"):
                if signal.getsignal(number) == self._on_signal:
                    signal.signal(number, before)
        self._before.clear()


def keep_interrupted_exit_code() -> None:
    """Let a process that an uncaught KeyboardInterrupt ends still die by SIGINT.

    CPython (3.8 to 3.13, Python/pythonrun.c) remembers the interrupt in a flag that any later `exec` of a text clears;
    importing a dataclass is enough, and the exporter may import its store now. Raising one inside `exec` sets it again.
    """
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        return


# --- the one global --------------------------------------------------------------------------------------------------

_runtime: Runtime | None = None
_starting = threading.RLock()


def running() -> Runtime | None:
    """The runtime of this process, None before `start` and after `stop`."""
    return _runtime


def start(settings: Settings, *, sink: Sink | None = None, provider: Any = None) -> Runtime:
    """The runtime of this process, started if there is none.

    With a `provider`, one that takes span processors, spans go to that one whatever its sampler, and nowhere else.
    """
    global _runtime
    with _starting:
        if _runtime is None:
            _runtime = Runtime(settings, sink=sink, provider=provider)
        return _runtime


def stop() -> None:
    """End the runtime, if there is one."""
    global _runtime
    with _starting:
        ended, _runtime = _runtime, None
    if ended is not None:
        ended.stop()


def _after_fork() -> None:
    if _runtime is not None:
        with quietly("going on after a fork"):
            _runtime.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
