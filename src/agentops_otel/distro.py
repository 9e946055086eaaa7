"""What `opentelemetry-instrument` picks up of this package, by the entry points of pyproject.toml.

No distro and no configurator, of which there can be only one: the provider is made by whoever makes it, and
OTEL_TRACES_EXPORTER says where its spans go (`agentops` is `AgentOpsSpanExporter`). Whatever fails in here is logged;
the tool would end everything that comes after it.

Needs opentelemetry-instrumentation (extra `auto`), whose tool is the only one that imports this module.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]  # its file says: ignore
from opentelemetry.trace import NoOpTracer

from agentops_otel import runtime
from agentops_otel._version import __version__
from agentops_otel.guard import quietly
from agentops_otel.instruments import registry
from agentops_otel.privacy import Policy
from agentops_otel.settings import OPTIONS, Settings, from_environment


class SessionInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Stamps the spans of the global provider with their session, and makes the run of the program one.

    Options are those of docs/configuration.md, and `tracer_provider`. Where no provider takes spans (none is set, or
    OTEL_SDK_DISABLED) nothing is done. A session that the program's own `init` started is left to it.
    """

    _room: runtime.Runtime | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: it works with any program."""
        return ()

    def _instrument(self, **options: Any) -> None:
        with quietly("starting the session of this program"):
            provider = options.get("tracer_provider") or trace.get_tracer_provider()
            if runtime.running() is None and takes_spans(provider):
                settings = settings_of(options).replace(instrument_llm_calls=False)  # each library has its own
                self._room = runtime.start(settings, provider=provider)
                self._room.follow_threads()
                self._room.first_session()

    def _uninstrument(self, **_: Any) -> None:
        room, self._room = self._room, None
        if room is not None and room is runtime.running():
            runtime.stop()


class LibraryInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Records the calls of one model client, also if it is imported later. Subclasses say of which."""

    library: str
    _installation: registry.Installation | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: where the client is not installed, nobody will import it."""
        return ()

    def _instrument(self, **options: Any) -> None:
        with quietly(f"instrumenting {self.library}"):
            tracer = trace.get_tracer("agentops_otel", __version__, options.get("tracer_provider"))
            policy = Policy.of(settings_of(options))
            self._installation = registry.install(tracer, capture=policy, names=(self.library,))

    def _uninstrument(self, **_: Any) -> None:
        installation, self._installation = self._installation, None
        if installation is not None:
            installation.uninstall()


class libraries:
    """The instrumentors of the registry, one class for each of its names."""


for _name in registry.NAMES:
    setattr(libraries, _name, type(f"{_name}_instrumentor", (LibraryInstrumentor,), {"library": _name}))


def settings_of(options: dict[str, Any]) -> Settings:
    """The settings of the environment, changed by those options that are ours."""
    return from_environment().replace(**{name: value for name, value in options.items() if name in OPTIONS})


def takes_spans(provider: Any) -> bool:
    """Whether the provider takes span processors and its spans are recorded.

    Not by its class: others (Logfire) put one of their own around the SDK's.
    """
    return hasattr(provider, "add_span_processor") and not isinstance(provider.get_tracer("probe"), NoOpTracer)
