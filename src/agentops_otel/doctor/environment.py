"""What surrounds the process: versions, other instrumentations, environment variables."""

from __future__ import annotations

import difflib
import platform
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions

from agentops_otel._version import __version__
from agentops_otel.doctor.findings import Finding
from agentops_otel.errors import ConfigurationError
from agentops_otel.instruments import registry
from agentops_otel.settings import OPTIONS, Settings, read_option

_LIMIT = "bounds the attributes of a span; the oldest are lost first"
_LENGTH = "cuts long attribute values, prompts too"
OTEL_VARIABLES = {
    "OTEL_SDK_DISABLED": "true switches OpenTelemetry off",
    "OTEL_TRACES_SAMPLER": "which spans a provider of the program records",
    "OTEL_TRACES_SAMPLER_ARG": "argument of that sampler",
    "OTEL_PYTHON_TRACER_PROVIDER": "provider that is loaded when nobody sets one",
    "OTEL_TRACES_EXPORTER": "where `opentelemetry-instrument` exports spans to",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "where exporter=otlp sends spans",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "where exporter=otlp sends spans",
    "OTEL_EXPORTER_OTLP_HEADERS": "sent by exporter=otlp with every request",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "sent by exporter=otlp with every request",
    "OTEL_SERVICE_NAME": "name of the service, on every span",
    "OTEL_RESOURCE_ATTRIBUTES": "on every span",
    "OTEL_ATTRIBUTE_COUNT_LIMIT": _LIMIT,
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": _LIMIT,
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": _LENGTH,
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": _LENGTH,
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "read by other instrumentations, not by this one",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "read by `opentelemetry-instrument`",
    "TRACEPARENT": "makes a process part of the trace of its parent",
    "BAGGAGE": "lets a process join the session of its parent",
}

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|HEADERS")
_LONGEST_SHOWN = 80


def versions() -> Iterator[Finding]:
    """What is installed."""
    names = ("opentelemetry-api", "opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http", "wrapt")
    known = installed()
    found = {"agentops-otel-bridge": __version__, "python": platform.python_version()}
    found |= {name: known[name] for name in names if name in known}
    yield Finding("versions", "ok", ", ".join(f"{name} {version}" for name, version in found.items()), detail=found)
    api, sdk = known.get("opentelemetry-api"), known.get("opentelemetry-sdk")
    if api and sdk and api.split(".")[:2] != sdk.split(".")[:2]:
        yield Finding(
            "versions",
            "problem",
            f"opentelemetry-api {api} and opentelemetry-sdk {sdk} do not belong together",
            "install the same version of both",
        )


def installed() -> dict[str, str]:
    """Every installed distribution by its normal name (lower case, hyphens) with its version."""
    found = ((one.metadata["Name"], one.version) for one in distributions() if one.metadata)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found if name}


def neighbours() -> Iterator[Finding]:
    """Installed packages that record the calls we record."""
    others = sorted(f"{name} {version}" for name, version in installed().items() if _records_the_same(name))
    if others:
        yield Finding(
            "double instrumentation",
            "note",
            f"installed beside us: {', '.join(others)}; a call that both record is counted once only if one is inside "
            "the other",
            "let one of them record model calls: uninstall the other, or init(instrument_llm_calls=False)",
            {"packages": others},
        )
    else:
        yield Finding("double instrumentation", "ok", "no other instrumentation of model clients is installed")


def _records_the_same(distribution: str) -> bool:
    if distribution in ("agentops", "traceloop-sdk", "openlit"):
        return True
    found = re.fullmatch(r"(?:opentelemetry|openinference)-instrumentation-(?:genai-)?(.+?)(?:-v2)?", distribution)
    return found is not None and found[1] in registry.NAMES


def capture(settings: Settings) -> Iterator[Finding]:
    """Whether texts are recorded."""
    if settings.capture_content == "none":
        yield Finding("capture", "ok", "no prompt, completion, argument or result is recorded (capture_content=none)")
        return
    kept = "without keys, tokens, email addresses and card numbers, " if settings.capture_content == "redacted" else ""
    if settings.redact is not None:
        kept += "as far as your own function lets them pass, "
    yield Finding(
        "capture",
        "ok",
        f"prompts, completions, arguments and results are recorded, {kept}up to {settings.max_text:,} characters each",
        detail={"capture_content": settings.capture_content, "max_text": settings.max_text},
    )


# --- environment variables -------------------------------------------------------------------------------------------


def variables(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Every variable that is set and means something here. Keys, tokens and headers are never shown."""
    options = {option.metadata["env"]: name for name, option in OPTIONS.items()}
    for variable in sorted(environ):
        if not environ[variable]:
            continue
        if variable in options:
            yield _option(variable, environ[variable], options[variable])
        elif variable in OTEL_VARIABLES:
            message = f"{shown(variable, environ[variable])}: {OTEL_VARIABLES[variable]}"
            shortens = OTEL_VARIABLES[variable] in (_LIMIT, _LENGTH)
            yield Finding("environment", "note" if shortens else "ok", message, detail={"variable": variable})
        elif variable.startswith("AGENTOPS_"):
            yield _unknown(variable, list(options))


def _option(variable: str, value: str, name: str) -> Finding:
    meaning = OPTIONS[name].metadata["doc"]
    try:
        read_option(name, value)
    except ConfigurationError as error:
        message = f"{variable} cannot be used, so the default is: {_without_value(error, variable)}"
        return Finding("environment", "problem", message, "correct it, or unset it", {"variable": variable})
    return Finding("environment", "ok", f"{shown(variable, value)}: {meaning}", detail={"variable": variable})


def _without_value(error: ConfigurationError, variable: str) -> str:
    """The complaint; of a secret only what would be allowed."""
    return str(error).partition(" is not ")[2] + " is expected" if _SECRET.search(variable) else str(error)


def _unknown(variable: str, options: list[str]) -> Finding:
    near = difflib.get_close_matches(variable, options, 1)
    remedy = f"perhaps {near[0]} is meant" if near else "docs/configuration.md has all of them"
    return Finding("environment", "note", f"{variable} is not an option of ours", remedy, {"variable": variable})


def shown(variable: str, value: str) -> str:
    """`NAME=value`; secrets are only said to be set, credentials in URLs are left out, long values cut."""
    if _SECRET.search(variable):
        return f"{variable} is set"
    value = re.sub(r"//[^/@\s]+@", "//", value)
    return f"{variable}={value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + '…'}"
