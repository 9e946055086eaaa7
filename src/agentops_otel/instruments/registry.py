"""The only list of providers, and how their points are patched when their library is imported.

Nothing is imported here: `wrapt` calls back when a module has been imported by somebody else, or at once if it has been
already. A hook that raised would make the user's import fail, so none does.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import wrapt
from opentelemetry.trace import Tracer

from agentops_otel.guard import quietly
from agentops_otel.instruments.driver import Silenced, Tower, collecting, seen_through, silenced, tower_of, watched
from agentops_otel.instruments.jobs import telling
from agentops_otel.instruments.sockets import heard
from agentops_otel.instruments.spec import Helper, JobTold, OwnTracer, Point, Provider, Socket, ToolRun, TypeTest
from agentops_otel.instruments.tools import carried_out
from agentops_otel.privacy import Policy

NAMES = (
    "openai",
    "anthropic",
    "groq",
    "bedrock",
    "aiobotocore",
    "ollama",
    "cohere",
    "mistral",
    "google",
    "huggingface",
    "together",
    "cerebras",
    "fireworks",
    "writer",
    "ai21",
    "azure",
    "voyageai",
    "watsonx",
    "xai",
    "replicate",
    "mcp",
    "litellm",
)
"""Every provider, by the name of its module in this package."""

State = Literal["waiting", "active", "missing", "skipped"]


@dataclass(slots=True)
class PointStatus:
    """What became of one point: "waiting" for the import of its module, "active", "missing" in the installed version,
    or "skipped" for `reason`."""

    module: str
    path: str
    state: State = "waiting"
    reason: str | None = None


@dataclass(slots=True)
class ProviderStatus:
    """What became of one library."""

    name: str
    distribution: str
    tested: str
    points: list[PointStatus] = field(default_factory=list)

    @property
    def state(self) -> State:
        """ "active" if any point is; else "skipped" if any is; else "waiting"."""
        states = {point.state for point in self.points}
        return next((state for state in _STATES if state in states), "waiting")

    @property
    def reason(self) -> str | None:
        """Why the first skipped point was skipped."""
        return next((point.reason for point in self.points if point.reason), None)


_Patched = Point | ToolRun | JobTold | Helper | Socket | OwnTracer | TypeTest
_STATES: tuple[State, ...] = ("active", "skipped", "waiting", "missing")

_NEIGHBOURS = (
    "opentelemetry.instrumentation",
    "openinference",
    "traceloop",
    "langfuse",
    "logfire",
    "openlit",
    "agentops",
)
"""Packages whose wrappers record the same calls as OpenTelemetry spans that reach us.

Those of ddtrace, Sentry, LangSmith and MLflow have pipelines of their own: beside them every call is ours to record."""


class Installation:
    """Patches that are in place. `uninstall` takes them out; it is idempotent."""

    def __init__(self, tower: Tower) -> None:
        self._tower = tower
        self._patches: list[_Patch] = []
        self.status: list[ProviderStatus] = []
        """What became of each provider, for `doctor`."""

    def add(self, provider: Provider) -> None:
        """Patch the points of a provider, each as soon as its module is imported."""
        status = ProviderStatus(provider.name, provider.distribution, provider.tested)
        self.status.append(status)
        points: list[_Patched] = [
            *provider.points,
            *provider.tools,
            *(provider.job.told if provider.job is not None else ()),
            *provider.helpers,
            *provider.sockets,
            *provider.own_tracers,
            *provider.type_tests,
        ]
        for point in points:
            told = PointStatus(point.module, point.path)
            status.points.append(told)
            wrapt.register_post_import_hook(self._hook(provider, point, told), point.module)

    def uninstall(self) -> None:
        """Restore what was patched. Where others have wrapped our wrapper since, it stays and lets every call pass."""
        self._tower.close()
        for patch in reversed(self._patches):
            with quietly(f"restoring {patch.name}"):
                patch.undo()
        self._patches.clear()

    def use(self, tracer: Tracer) -> None:
        """Let this one make the spans of calls outside of any session from now on."""
        self._tower.tracer = tracer

    def settle(self, timeout_s: float) -> None:
        """Wait for the spans of calls whose results the garbage collector has just found."""
        self._tower.settle(timeout_s)

    def _hook(self, provider: Provider, point: _Patched, told: PointStatus) -> Callable[[Any], None]:
        def hook(module: Any) -> None:
            with quietly(f"instrumenting {point.module}.{point.path}"):
                if self._tower.is_open:
                    self._patch(module, provider, point, told)

        return hook

    def _patch(self, module: Any, provider: Provider, point: _Patched, told: PointStatus) -> None:
        *path, name = point.path.split(".")
        owner = module
        for step in path:
            owner = getattr(owner, step, None)
        original = getattr(owner, name, None)
        if original is None:
            told.state = "missing"
            return
        if any(tower_of(layer) is self._tower for layer in _layers(original)):
            told.state = "active"  # a copy of a function that is watched already, under another name
            return
        neighbour = wrapped_by(original)
        if neighbour is not None:
            told.state, told.reason = "skipped", f"{point.module}.{point.path} is already wrapped by {neighbour}"
            return
        patch = _Patch(owner, name)
        patch.do(self._wrapper(patch.original, provider, point))
        self._patches.append(patch)
        told.state = "active"

    def _wrapper(self, original: Any, provider: Provider, point: _Patched) -> Any:
        if isinstance(point, Helper):
            return collecting(original, self._tower)
        if isinstance(point, ToolRun):
            return carried_out(original, point.outcome, self._tower)
        if isinstance(point, Socket):
            return heard(original, provider, point, self._tower)
        if isinstance(point, OwnTracer):
            is_property = isinstance(original, property)
            return silenced(original, point.is_private, self._tower) if is_property else Silenced(original, self._tower)
        if isinstance(point, TypeTest):
            return seen_through(original, self._tower)
        if isinstance(point, JobTold):
            assert provider.job is not None
            return telling(original, provider.job, point, self._tower)
        return watched(original, provider, point.operation, self._tower, prepares=point.prepares, names=point.names)


class _Patch:
    """One attribute of a class or module, replaced."""

    def __init__(self, owner: Any, name: str) -> None:
        self.owner, self.name = owner, name
        self._was_own = name in vars(owner)
        self.original = vars(owner)[name] if self._was_own else getattr(owner, name)
        self._wrapper: Any = None

    def do(self, wrapper: Any) -> None:
        self._wrapper = wrapper
        setattr(self.owner, self.name, wrapper)

    def undo(self) -> None:
        if vars(self.owner).get(self.name) is not self._wrapper:
            return
        if self._was_own:
            setattr(self.owner, self.name, self.original)
        else:
            delattr(self.owner, self.name)


def wrapped_by(function: Any) -> str | None:
    """The package of another instrumentor (or of us) whose wrapper is anywhere around the function.

    One of ours that was uninstalled lets every call pass, and does not count.
    """
    for layer in _layers(function):
        tower = tower_of(layer)
        if tower is not None and not tower.is_open:
            continue
        module = _module_of(layer)
        if module.startswith(_NEIGHBOURS):
            return module
    return None


def _layers(function: Any) -> Iterator[Any]:
    """The function, and what it wraps, from the outermost in; at most as many as anybody would stack."""
    for _ in range(50):
        if function is None:
            return
        yield function
        function = getattr(function, "__wrapped__", None)


def _module_of(layer: Any) -> str:
    """Where the code of a wrapper is. `functools.wraps` copies `__module__`, so the globals are asked first."""
    wrapper = getattr(layer, "_self_wrapper", layer)
    code_globals = getattr(wrapper, "__globals__", None) or getattr(
        getattr(wrapper, "__func__", None), "__globals__", None
    )
    name = (code_globals or {}).get("__name__") or getattr(wrapper, "__module__", None)
    return name if isinstance(name, str) else ""


def install(tracer: Tracer, *, capture: bool | Policy = True, names: Collection[str] = NAMES) -> Installation:
    """Watch the calls of the named providers, those of libraries imported later included.

    `tracer` makes the spans of calls outside of any session. Without `capture` no text of a prompt, an answer or a tool
    is written down; a policy decides over each text. A library that is already wrapped by another instrumentor is
    skipped; `status` says so.
    """
    policy = capture if isinstance(capture, Policy) else Policy("full" if capture else "none")
    installation = Installation(Tower(tracer, policy))
    for name in names:
        module = importlib.import_module(f"agentops_otel.instruments.{name}")
        installation.add(module.PROVIDER)
    return installation
