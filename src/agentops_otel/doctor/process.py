"""What happens in the process: provider, processor, instruments, what was dropped."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opentelemetry import trace

from agentops_otel.doctor.environment import installed
from agentops_otel.doctor.findings import Finding
from agentops_otel.instruments import registry
from agentops_otel.instruments.registry import PointStatus, ProviderStatus
from agentops_otel.records import Json
from agentops_otel.runtime import Runtime
from agentops_otel.settings import Settings

ALL_SAMPLED = ("", "always_on", "parentbased_always_on")


# --- provider --------------------------------------------------------------------------------------------------------


def provider(running: Runtime | None, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Which tracer provider is global, what we do with it, whether spans reach us."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield Finding("provider", "problem", "OTEL_SDK_DISABLED=true: no span is recorded at all", "unset it")
    if running is not None:
        yield _role(running)
        yield _reach(running)
        return
    yield Finding(
        "provider",
        "ok",
        "nothing is recorded in this process; print(agentops_otel.doctor.report()) inside your program tells which "
        "provider it has",
    )
    sampler = environ.get("OTEL_TRACES_SAMPLER", "")
    if sampler not in ALL_SAMPLED:
        yield Finding(
            "provider",
            "note",
            f"OTEL_TRACES_SAMPLER={sampler} may drop spans of the program's own provider; ours then go through a "
            "private one beside it, so that no cost is lost",
        )


def _role(running: Runtime) -> Finding:
    existing = trace.get_tracer_provider()
    kind = f"{type(existing).__module__}.{type(existing).__qualname__}"
    sampler = getattr(existing, "sampler", None)
    described = sampler.get_description() if sampler is not None else None
    detail = {"global": kind, "role": running.role, "sampler": described}
    message = f"{kind} is global{f', sampler {described}' if described else ''}; ours: {running.role}"
    if running.role.startswith("private"):
        message += "; our record is whole, the program's own backend gets what its provider records"
        return Finding("provider", "note", message, detail=detail)
    return Finding("provider", "ok", message, detail=detail)


def _reach(running: Runtime) -> Finding:
    """Whether our processor is still where spans of the provider go by."""
    # Source: opentelemetry-sdk 1.27 to 1.45, TracerProvider._active_span_processor._span_processors.
    active = getattr(running.provider, "_active_span_processor", None)
    processors = getattr(active, "_span_processors", None)
    seen = running.processor.seen
    if processors is not None and running.processor not in processors:
        return Finding(
            "processor",
            "problem",
            f"our span processor was taken out of the provider; it saw {seen:,} spans before",
            "call agentops_otel.init() after the code that replaces span processors",
            {"seen": seen, "reached": False},
        )
    return Finding(
        "processor", "ok", f"spans reach us: {seen:,} have ended so far", detail={"seen": seen, "reached": True}
    )


# --- instruments -----------------------------------------------------------------------------------------------------


def instruments(running: Runtime | None, settings: Settings, *, rehearse: bool) -> Iterator[Finding]:
    """Which model clients are recorded, which not, and why."""
    if not settings.instrument_llm_calls:
        yield Finding("instruments", "note", "instrument_llm_calls=False: calls of model clients are not recorded")
        return
    if running is None and not rehearse:
        yield Finding("instruments", "ok", "agentops_otel.init() has not been called; no model client is recorded yet")
    elif running is None:
        yield from _rehearsed()
    elif running.arrival is not None and running.installation is None:
        yield Finding("instruments", "ok", "no model client has been imported yet; each is recorded when it is")
    elif running.installation is None:
        yield Finding(
            "instruments", "problem", "model clients are not recorded any more", "call agentops_otel.init() again"
        )
    else:
        yield from map(_client, running.installation.status)


def _rehearsed() -> Iterator[Finding]:
    """What would become of each installed client: it is imported and patched here, and left as it was."""
    known = installed()
    installation = registry.install(trace.NoOpTracer())
    try:
        for status in installation.status:
            if status.distribution in known:
                yield _imported(status) or _client(status)
            else:
                yield Finding(f"instrument {status.distribution}", "ok", f"{status.distribution} is not installed")
    finally:
        installation.uninstall()


def _imported(status: ProviderStatus) -> Finding | None:
    try:
        for module in dict.fromkeys(point.module for point in status.points):
            _import_if_there(module)
        for point in status.points:
            if point.state == "waiting":  # its module has just not been found
                point.state = "missing"
    except Exception as error:  # noqa: BLE001  a client may fail in any way when it is imported
        return Finding(
            f"instrument {status.distribution}",
            "problem",
            f"{status.distribution} cannot be imported: {type(error).__name__}: {error}",
            f"install it again: pip install --force-reinstall {status.distribution}",
        )
    return None


def _import_if_there(module: str) -> None:
    """Other versions of a client have other modules."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if "." not in (error.name or "") or not module.startswith(error.name or "."):
            raise


def _client(status: ProviderStatus) -> Finding:
    version = installed().get(status.distribution)
    topic, name = f"instrument {status.distribution}", f"{status.distribution} {version or ''}".strip()
    by_state: dict[str, list[PointStatus]] = {}
    for point in status.points:
        by_state.setdefault(point.state, []).append(point)
    detail: dict[str, Json] = {"version": version, "tested": status.tested, "state": status.state}
    detail |= {state: [f"{point.module}.{point.path}" for point in points] for state, points in by_state.items()}
    counts = f"{len(by_state.get('active', ()))} of {len(status.points)} methods"
    over = _wrapped_over(by_state.get("active", []))
    if over:
        return Finding(topic, "problem", f"{name}: calls are recorded twice, by us and {over}", _ONE_OF_TWO, detail)
    if "skipped" in by_state:
        return Finding(topic, "note", f"{name}: {counts} recorded by us; {status.reason}", _ONE_OF_TWO, detail)
    if status.state == "waiting":
        return Finding(topic, "ok", f"{name}: will be recorded when it is imported", detail=detail)
    if not by_state.get("active"):
        remedy = f"install a version that is tested: {status.distribution}{status.tested}"
        return Finding(topic, "problem", f"{name}: nothing that we know of is in this version", remedy, detail)
    return Finding(topic, "ok", f"{name}: {counts} recorded{_absent(by_state)}", detail=detail)


_ONE_OF_TWO = "let one of them record model calls: uninstall the other, or init(instrument_llm_calls=False)"


def _absent(by_state: Mapping[str, list[PointStatus]]) -> str:
    counts = {"not imported yet": "waiting", "only in other versions": "missing"}
    return "".join(f", {len(by_state[state])} {what}" for what, state in counts.items() if state in by_state)


def _wrapped_over(active: Sequence[PointStatus]) -> str | None:
    """The other instrumentation that wrapped a method after us."""
    for point in active:
        owner: Any = importlib.import_module(point.module)
        for step in point.path.split("."):
            owner = getattr(owner, step, None)
        outermost = registry.wrapped_by(owner)
        if outermost is not None and not outermost.startswith("agentops_otel"):
            return outermost
    return None


# --- delivery --------------------------------------------------------------------------------------------------------


def delivery(running: Runtime | None, settings: Settings) -> Iterator[Finding]:
    """Where spans go, and what was lost on the way in this process."""
    places = {"store": "the embedded store", "api": settings.endpoint, "otlp": "the stock OTLP exporter"}
    named = " and ".join(places[name] for name in settings.exporter if name in places)
    if named:
        yield Finding("delivery", "ok", f"spans go to {named}", detail={"exporter": list(settings.exporter)})
    else:
        yield Finding(
            "delivery", "note", "exporter=none: nothing is kept", "set exporter to store, or AGENTOPS_EXPORTER"
        )
    dropped = sum(sum(outbox.dropped.values()) for outbox in running.outboxes) if running is not None else 0
    if dropped:
        yield Finding(
            "dropped",
            "problem",
            f"{dropped:,} spans of this process were dropped because they came faster than they could be delivered",
            f"raise max_queue_size, which is {settings.max_queue_size:,}",
            {"dropped": dropped},
        )
    elif running is not None:
        yield Finding("dropped", "ok", "no span of this process was dropped", detail={"dropped": 0})
