"""Results that are still going on, watched until they end: coroutines, generators, streams, managers, raw responses.

A watched result stays an instance of the client's class and behaves as it would without us: same items, same
exceptions, same methods, no item more.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterator
from types import TracebackType
from typing import Any, Protocol

import wrapt
from opentelemetry.context import Context

from agentops_otel import context as sessions
from agentops_otel.guard import quietly
from agentops_otel.instruments.spec import Provider


class Watching(Protocol):
    """Who is told what becomes of a result."""

    def admit(self) -> None:
        """The call is about to begin; raises where it may not."""
        ...

    def depart(self) -> Context:
        """The call begins; the context to work in."""
        ...

    def see(self, chunk: Any) -> None:
        """A chunk has come."""
        ...

    def hand_over(self, result: Any) -> Any:
        """The result led to another; what the caller gets of it."""
        ...

    def see_bytes(self, piece: bytes, *, is_last: bool) -> None:
        """The caller has read a piece of a body."""
        ...

    def see_body(self, raw: Any) -> None:
        """The caller is done with a raw response."""
        ...

    def land(self, response: Any = None, *, error: BaseException | None = None) -> None:
        """The call has ended."""
        ...


class aloft:
    """A block in which a flight's span is current. Where that fails the block runs all the same.

    Only a flight that is not admitted keeps the block from running.
    """

    __slots__ = ("_attached", "_flight")

    def __init__(self, flight: Watching) -> None:
        self._flight = flight
        self._attached: sessions.attached | None = None

    def __enter__(self) -> None:
        self._flight.admit()
        with quietly("starting the span of a model call"):
            attached = sessions.attached(self._flight.depart())
            attached.__enter__()
            self._attached = attached

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._attached is not None:
            self._attached.__exit__()


# --- what a result is ------------------------------------------------------------------------------------------------

_KINDS: dict[type, str] = {
    types.CoroutineType: "coroutine",
    types.GeneratorType: "generator",
    types.AsyncGeneratorType: "async generator",
}
_MOST_KINDS = 1000
"""Programs that make classes as they go must not grow the table for ever."""


def kind_of(cls: type, provider: Provider | None) -> str:
    """What instances of a class are: "value", or a key of the watchers."""
    kind = _KINDS.get(cls)
    if kind is None:
        kind = _kind_by_methods(cls, provider)
        if len(_KINDS) < _MOST_KINDS:
            _KINDS[cls] = kind
    return kind


def _kind_by_methods(cls: type, provider: Provider | None) -> str:
    if provider is not None and provider.raw is not None and provider.raw.matches(cls):
        return "raw"
    if provider is not None and cls.__name__ in provider.kinds:
        return provider.kinds[cls.__name__]
    if hasattr(cls, "__anext__") and hasattr(cls, "__next__"):
        return "stream for both"
    for method, kind in _BY_METHOD:
        if hasattr(cls, method):
            return kind
    return "value"


_BY_METHOD = (
    ("__anext__", "async stream"),
    ("__next__", "stream"),
    ("__await__", "awaitable"),
    ("__enter__", "manager"),
    ("__aenter__", "manager"),
)


def is_watched(value: Any) -> bool:
    """Whether this is an object of a client, watched."""
    return issubclass(type(value), _Watched)


def watch(kind: str, result: Any, flight: Watching) -> Any:
    """The result, watched; `kind` as `kind_of` told it."""
    return _WATCHERS[kind](result, flight)


# --- coroutines and generators ---------------------------------------------------------------------------------------


def _coroutine(source: Coroutine[Any, Any, Any], flight: Watching) -> Coroutine[Any, Any, Any]:
    watched = _awaited(source, flight)
    for name in ("__name__", "__qualname__"):  # what a warning or a traceback shows is the client's
        setattr(watched, name, getattr(source, name))
    return watched


async def _awaited(source: Any, flight: Watching) -> Any:
    try:
        with aloft(flight):
            result = await source
    except BaseException as error:
        flight.land(error=error)
        raise
    return flight.hand_over(result)


def _generator(source: Generator[Any, Any, Any], flight: Watching) -> Iterator[Any]:
    """The body of a generator function, the request included, runs from the first `next` on."""
    try:
        with aloft(flight):
            chunk = next(source, _END)
        while chunk is not _END:
            flight.see(chunk)
            yield chunk
            chunk = next(source, _END)
    except BaseException as error:
        flight.land(error=error)
        raise
    finally:
        source.close()
    flight.land()


async def _async_generator(source: AsyncGenerator[Any, Any], flight: Watching) -> AsyncIterator[Any]:
    try:
        with aloft(flight):
            chunk = await anext(source, _END)
        while chunk is not _END:
            flight.see(chunk)
            try:
                yield chunk
            except (
                BaseException
            ):  # of whoever closes it: GeneratorExit, or the end of the loop that cancels the closing
                flight.land()
                raise
            chunk = await anext(source, _END)
    except BaseException as error:
        flight.land(error=error)
        raise
    finally:
        await source.aclose()
    flight.land()


_END: Any = object()


# --- objects of the client -------------------------------------------------------------------------------------------

_Proxy: Any = getattr(wrapt, "BaseObjectProxy", wrapt.ObjectProxy)
"""wrapt 2 has a proxy that does not claim to be iterable; wrapt 1 has none."""


class _Watched(_Proxy):  # type: ignore[misc]
    """Any object of the client. Closing or leaving it ends the call.

    `close` and `aclose` are watched where they are looked up, so that `hasattr` tells the truth.
    """

    def __init__(self, wrapped: Any, flight: Watching) -> None:
        super().__init__(wrapped)
        self._self_flight = flight

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.__wrapped__, name)
        return _then(found, self._self_leave) if name in ("close", "aclose") else found

    def __enter__(self) -> Any:
        flight = self._self_flight
        try:
            with aloft(flight):
                entered = self.__wrapped__.__enter__()
        except BaseException as error:
            flight.land(error=error)
            raise
        return self if entered is self.__wrapped__ else self._self_entered(entered)

    def __exit__(self, *exc_info: Any) -> Any:
        try:
            return self.__wrapped__.__exit__(*exc_info)
        finally:
            self._self_leave()

    async def __aenter__(self) -> Any:
        flight = self._self_flight
        try:
            with aloft(flight):
                entered = await self.__wrapped__.__aenter__()
        except BaseException as error:
            flight.land(error=error)
            raise
        return self if entered is self.__wrapped__ else self._self_entered(entered)

    async def __aexit__(self, *exc_info: Any) -> Any:
        try:
            return await self.__wrapped__.__aexit__(*exc_info)
        finally:
            self._self_leave()

    def _self_entered(self, entered: Any) -> Any:
        """What the caller gets in a block that is not the manager itself."""
        return self._self_flight.hand_over(entered)

    def _self_leave(self) -> None:
        """The caller is done with it. What went wrong in the caller's own block is no failure of the call."""
        self._self_flight.land()


def _then(method: Callable[..., Any], action: Callable[[], None]) -> Callable[..., Any]:
    """`method`, with `action` after it has run, or after what it returned has been awaited; whatever the outcome."""

    @functools.wraps(method)
    def run(*args: Any, **kwargs: Any) -> Any:
        is_pending = False
        try:
            result = method(*args, **kwargs)
            is_pending = inspect.isawaitable(result)
            return _afterwards(result, action) if is_pending else result
        finally:
            if not is_pending:
                action()

    return run


async def _afterwards(source: Any, action: Callable[[], None]) -> Any:
    try:
        return await source
    finally:
        action()


class _WatchedIterable(_Watched):
    """Chunks, one after the other. Leaving a loop early does not end it: the caller may read on."""

    def __iter__(self) -> Iterator[Any]:
        return _chunks(iter(self.__wrapped__), self._self_flight)


class _WatchedStream(_WatchedIterable):
    """An iterator over chunks."""

    def __next__(self) -> Any:
        flight = self._self_flight
        try:
            chunk = self.__wrapped__.__next__()
        except StopIteration:
            flight.land()
            raise
        except BaseException as error:
            flight.land(error=error)
            raise
        flight.see(chunk)
        return chunk


def _chunks(source: Iterator[Any], flight: Watching) -> Iterator[Any]:
    see = flight.see
    try:
        for chunk in source:
            see(chunk)
            yield chunk
    except GeneratorExit:
        raise
    except BaseException as error:
        flight.land(error=error)
        raise
    flight.land()


class _WatchedAsyncStream(_Watched):
    """An asynchronous iterator over chunks."""

    def __aiter__(self) -> AsyncIterator[Any]:
        return _async_chunks(aiter(self.__wrapped__), self._self_flight)

    async def __anext__(self) -> Any:
        flight = self._self_flight
        try:
            chunk = await self.__wrapped__.__anext__()
        except StopAsyncIteration:
            flight.land()
            raise
        except BaseException as error:
            flight.land(error=error)
            raise
        flight.see(chunk)
        return chunk


async def _async_chunks(source: AsyncIterator[Any], flight: Watching) -> AsyncIterator[Any]:
    """What is thrown in while the caller has the chunk says that the loop was left: an event loop that ends cancels the
    closing of generators that nobody reads any more."""
    see = flight.see
    is_with_caller = False
    try:
        async for chunk in source:
            see(chunk)
            is_with_caller = True
            yield chunk
            is_with_caller = False
    except BaseException as error:
        if not is_with_caller:
            flight.land(error=error)
        raise
    flight.land()


class _WatchedStreamForBoth(_WatchedStream, _WatchedAsyncStream):
    """A stream that is read either way."""


class _WatchedBody(_Watched):
    """A body whose bytes the caller reads, by calls that block or are awaited.

    What the client's class makes of `read` (lines, chunks, iteration) is run on this object, so that it reads through
    it. What the body lets into a block is its raw stream, which is read in the same way; aiohttp's has a reader within.
    """

    def __getattr__(self, name: str) -> Any:
        if name in _BY_READING:
            return types.MethodType(getattr(type(self.__wrapped__), name), self)
        found = super().__getattr__(name)
        if name == "content":
            return _WatchedBody(found, self._self_flight)
        return _noting(found, self._self_flight) if name in _READS else found

    def __iter__(self) -> Any:
        return type(self.__wrapped__).__iter__(self)

    def __next__(self) -> Any:
        return type(self.__wrapped__).__next__(self)

    def __aiter__(self) -> Any:
        return type(self.__wrapped__).__aiter__(self)

    def __anext__(self) -> Any:
        return type(self.__wrapped__).__anext__(self)

    def _self_entered(self, entered: Any) -> Any:
        return _WatchedBody(entered, self._self_flight)


_BY_READING = frozenset({"iter_chunks", "iter_lines"})
_READS = frozenset({"read", "readinto", "readlines"})


def _noting(method: Callable[..., Any], flight: Watching) -> Callable[..., Any]:
    """`method`, whose bytes are noted."""

    @functools.wraps(method)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            result = method(*args, **kwargs)
        except BaseException as error:
            flight.land(error=error)
            raise
        if inspect.isawaitable(result):
            return _noted(result, args, flight)
        _note(result, args, flight)
        return result

    return run


async def _noted(source: Any, args: tuple[Any, ...], flight: Watching) -> Any:
    try:
        result = await source
    except BaseException as error:
        flight.land(error=error)
        raise
    _note(result, args, flight)
    return result


def _note(result: Any, args: tuple[Any, ...], flight: Watching) -> None:
    """The last piece is what was read without a limit, or nothing where something was asked for."""
    with quietly("reading the body of a model's answer"):
        limit: Any = args[0] if args else None
        if isinstance(result, int):  # into a buffer
            flight.see_bytes(bytes(memoryview(limit)[:result]), is_last=not result)
            return
        piece = b"".join(result) if isinstance(result, list) else bytes(result)
        is_whole = isinstance(result, list) or limit is None or limit == -1
        flight.see_bytes(piece, is_last=is_whole or (not piece and limit != 0))


class _WatchedAwaitable(_Watched):
    """An awaitable that is no coroutine."""

    def __await__(self) -> Any:
        return _awaited(self.__wrapped__, self._self_flight).__await__()


class _WatchedRaw(_Watched):
    """A raw response whose body has not been read: parsing it leads to the value, or to the stream."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        """As the client's own."""
        flight = self._self_flight
        try:
            parsed = self.__wrapped__.parse(*args, **kwargs)
        except BaseException as error:
            flight.land(error=error)
            raise
        return flight.hand_over(parsed)

    def _self_leave(self) -> None:
        self._self_flight.see_body(self.__wrapped__)
        self._self_flight.land()


_WATCHERS: dict[str, Callable[[Any, Any], Any]] = {
    "coroutine": _coroutine,
    "generator": _generator,
    "async generator": _async_generator,
    "awaitable": _WatchedAwaitable,
    "iterable": _WatchedIterable,
    "stream": _WatchedStream,
    "async stream": _WatchedAsyncStream,
    "stream for both": _WatchedStreamForBoth,
    "body": _WatchedBody,
    "manager": _Watched,
    "raw": _WatchedRaw,
}
