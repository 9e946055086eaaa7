"""The vocabulary in which a provider is written down: what to watch, and what to read of it.

A provider file holds data and small pure functions only; `driver` does the rest. A *path* reads nested mappings and
objects alike ("usage.prompt_tokens", "choices.0.message"); a *getter* is a path or a function of the same value.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from agentops_otel.conventions import emit
from agentops_otel.conventions.usage import Shape, reported_cost
from agentops_otel.paths import at
from agentops_otel.records import Json, Message, Usage

Getter = str | Callable[[Any], Any]
Fold = Callable[[Any, Any], Any]
"""(state, chunk) -> state, where the state starts as None and is read like a whole response."""


def each(path: str) -> Callable[[Any], list[Any] | None]:
    """A getter of every value at `path`: lists on the way are walked; None if there is none."""
    steps = path.split(".")

    def read(raw: Any) -> list[Any] | None:
        values = [raw]
        for step in steps:
            values = [found for value in values for found in _items(at(value, step))]
        return values or None

    return read


def _items(value: Any) -> Iterable[Any]:
    if value is None:
        return ()
    return value if isinstance(value, (list, tuple)) else (value,)


def first_of(*paths: str) -> Callable[[Any], Any]:
    """A getter of what is at the first path that has anything."""

    def read(raw: Any) -> Any:
        return next((found for path in paths if (found := at(raw, path)) is not None), None)

    return read


def counted(shape: Shape, path: str = "usage") -> Callable[[Any], Usage]:
    """A getter of the usage that `shape` finds at `path`."""
    return lambda raw: shape.count(at(raw, path)).usage


def reported(raw: Any) -> Decimal | None:
    """A getter of what the provider says in its usage that the call cost."""
    return reported_cost(at(raw, "usage"))


def given(value: Any) -> bool:
    """Whether a caller said this: None and the clients' marks for "not given" are not."""
    return value is not None and type(value).__name__ not in _NOT_GIVEN


_NOT_GIVEN = frozenset({"Omit", "NotGiven", "NotGivenOr", "Unset", "_Unset"})
"""Classes whose instances stand for an argument that was left out: openai, anthropic, groq, mistralai, together."""


def no_messages(raw: Any) -> None:
    """A reader for operations without messages."""


class Origin(NamedTuple):
    """Where a call goes: the URL (anything with a str), and the provider where the client's class tells it."""

    url: Any = None
    provider: str | None = None


class RawResponse(Protocol):
    """How a client's raw responses are told and read."""

    def matches(self, cls: type) -> bool:
        """Whether instances of the class are raw responses."""
        ...

    def body(self, raw: Any) -> bytes | None:
        """The body as far as somebody has read all of it; never reads."""
        ...


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One kind of model call. Keys of `request` and `response` are fields, params or facts of `Call`.

    Readers and getters get the keyword arguments (positional ones are named first) or the response; `fold` makes a
    response out of chunks, in the shape that `response` and `messages_out` read. Where the request tells
    the provider, `provider` reads it.

    Where the client returns a mapping that `holds` a stream or an unread body under a key, that is watched in its
    place, and what came through it stands under the same key of the response that is read.
    """

    name: str
    api: str | None = None
    request: Mapping[str, Getter] = field(default_factory=dict)
    response: Mapping[str, Getter] = field(default_factory=dict)
    messages_in: Callable[[Any], Sequence[Message] | None] = no_messages
    messages_out: Callable[[Any], Sequence[Message] | None] = no_messages
    system: Callable[[Any], Sequence[Json] | None] = no_messages
    tools: Callable[[Any], Sequence[Json] | None] = no_messages
    output_type: Callable[[Any], str | None] = no_messages
    provider: Callable[[Any], str | None] = no_messages
    fold: Fold | None = None
    model: str = "model"
    holds: str | None = None

    @functools.cached_property
    def opening(self) -> Mapping[str, str]:
        """What a span says from its start, so that samplers and processors know it for a model call."""
        return emit.opening(self.name)


Route = Callable[[Any, Mapping[str, Any]], tuple[Operation, Mapping[str, Any]] | None]
"""(instance, arguments) -> the operation and the arguments that it reads; None for what is no model call."""


@dataclass(frozen=True)
class Point:
    """One function to watch: the module that defines it (or names it early), the path in it, and what it does.

    A function that does many things has a route. One that `prepares` makes a manager or a generator, and the call
    begins when that is entered. `names` are those of arguments that it takes as `*args`.
    """

    module: str
    path: str
    operation: Operation | Route
    prepares: bool = False
    names: Sequence[str] = ()


@dataclass(frozen=True)
class Helper:
    """A function that returns a manager around a watched call: when the manager ends, so does the call."""

    module: str
    path: str


@dataclass(frozen=True)
class Socket:
    """The method of a connection that parses what it received; an answer ends with an event of a type of `ends`."""

    module: str
    path: str
    operation: Operation
    ends: frozenset[str]


@dataclass(frozen=True)
class OwnTracer:
    """A client's own tracer, so that no call has two spans. As a property of the client it is None while a watched call
    is made, unless `is_private` says that the client's spans go where the program sent them; as a variable of a module
    its spans are then none."""

    module: str
    path: str
    is_private: Callable[[Any], bool] = lambda client: False


@dataclass(frozen=True)
class TypeTest:
    """The `__instancecheck__` of a metaclass that knows only its very own instances: a watched one is no less one."""

    module: str
    path: str


class ToolOutcome(NamedTuple):
    """What a tool gave, and what it said where it tells of failure in its answer; None where it tells of none."""

    value: Any = None
    failure: str | None = None


@dataclass(frozen=True)
class ToolRun:
    """A coroutine function that has a tool carried out, with the parameters `name` and `arguments`. `outcome` reads
    what it returns."""

    module: str
    path: str
    outcome: Callable[[Any], ToolOutcome]


@dataclass(frozen=True)
class JobTold:
    """A function that returns a job that may be known, or one of the job's that `streams` what it gives."""

    module: str
    path: str
    streams: bool = False


@dataclass(frozen=True)
class Job:
    """A class, by its name, whose instances stand for calls that may go on, and have an `id`.

    The functions of `told` tell what has become of it. `said` is what an instance says by now, read like a response;
    `failure` the error of a call that has ended by one; `keep` lets its second argument live as long as the instance.
    """

    kind: str
    told: Sequence[JobTold]
    said: Callable[[Any], Any]
    has_ended: Callable[[Any], bool]
    failure: Callable[[Any], BaseException | None]
    keep: Callable[[Any, object], None]


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A client library. `name` is the provider when the host name tells no other.

    `origin` is read on the caller's path, so it only takes references. `tested` is the range of versions of
    `distribution` that the tests run with. `streams_within` names classes of the client that iterate over a stream that
    they hold, and the attribute that holds it: that stream is watched in its place. `kinds` names classes whose
    methods do not tell what they are: an "iterable" (a stream that is no iterator), a "body" that is read as bytes.
    `job` is what functions return whose calls go on.
    """

    name: str
    distribution: str
    tested: str
    points: Sequence[Point] = ()
    tools: Sequence[ToolRun] = ()
    helpers: Sequence[Helper] = ()
    sockets: Sequence[Socket] = ()
    origin: Callable[[Any], Origin] = lambda instance: Origin()
    raw: RawResponse | None = None
    own_tracers: Sequence[OwnTracer] = ()
    type_tests: Sequence[TypeTest] = ()
    streams_within: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    job: Job | None = None
