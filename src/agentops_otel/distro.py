"""What `opentelemetry-instrument` picks up of this package, by the entry points of pyproject.toml.

No distro and no configurator, of which there can be only one: the provider is made by whoever makes it, and
OTEL_TRACES_EXPORTER says where its spans go (`agentops` is `AgentOpsSpanExporter`). Whatever fails in here is logged;
the tool would end everything that comes after it.

Needs opentelemetry-instrumentation (extra `auto`), whose tool is the only one that imports this module.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]  # its file says: ignore
from opentelemetry.trace import NoOpTracer, Tracer

from agentops_otel import runtime
from agentops_otel._version import __version__
from agentops_otel.guard import quietly
from agentops_otel.instruments.arrival import Arrival
from agentops_otel.privacy import Policy
from agentops_otel.settings import OPTIONS, Settings, from_environment

if TYPE_CHECKING:
    from agentops_otel.instruments.registry import Installation


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
    _installation: Installation | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: where the client is not installed, nobody will import it."""
        return ()

    def _instrument(self, **options: Any) -> None:
        with quietly(f"instrumenting {self.library}"):
            tracer = trace.get_tracer("agentops_otel", __version__, options.get("tracer_provider"))
            policy = Policy.of(settings_of(options))
            expected.add(self.library, lambda: self._install(tracer, policy))

    def _install(self, tracer: Tracer, policy: Policy) -> None:
        from agentops_otel.instruments import registry

        self._installation = registry.install(tracer, capture=policy, names=(self.library,))

    def _uninstrument(self, **_: Any) -> None:
        expected.discard(self.library)
        installation, self._installation = self._installation, None
        if installation is not None:
            installation.uninstall()


class Expected:
    """What is to be done when the first model client is imported; all instrumentors share one look at every import."""

    def __init__(self) -> None:
        self._installs: dict[str, Callable[[], None]] = {}
        self._arrival: Arrival | None = None

    def add(self, library: str, install: Callable[[], None]) -> None:
        """Do that, at once if a client is there already."""
        self._installs[library] = install
        if self._arrival is None:
            self._arrival = Arrival(self._arrived)
            self._arrival.wait()

    def discard(self, library: str) -> None:
        """Do it no more."""
        self._installs.pop(library, None)
        if not self._installs and self._arrival is not None:
            self._arrival.stop()
            self._arrival = None

    def _arrived(self) -> None:
        installs, self._installs, self._arrival = self._installs, {}, None
        for library, install in installs.items():
            with quietly(f"instrumenting {library}"):
                install()


expected = Expected()
"""A fact about the process, as the instrumentors are, of which there is one each."""


class Libraries:
    """The instrumentors of the registry, a class for each of its names, made when it is asked for."""

    def __getattr__(self, name: str) -> type[LibraryInstrumentor]:
        if name.startswith("_") or find_spec(f"agentops_otel.instruments.{name}") is None:
            raise AttributeError(f"no model client is called {name!r}")
        made = type(f"{name}_instrumentor", (LibraryInstrumentor,), {"library": name})
        setattr(self, name, made)
        return made


libraries = Libraries()


def settings_of(options: dict[str, Any]) -> Settings:
    """The settings of the environment, changed by those options that are ours."""
    return from_environment().replace(**{name: value for name, value in options.items() if name in OPTIONS})


def takes_spans(provider: Any) -> bool:
    """Whether the provider takes span processors and its spans are recorded.

    Not by its class: others (Logfire) put one of their own around the SDK's.
    """
    return hasattr(provider, "add_span_processor") and not isinstance(provider.get_tracer("probe"), NoOpTracer)
