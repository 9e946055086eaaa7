"""xAI's chat, seen from the server: gRPC on loopback, with the protobuf that the client ships.

Scripted as `agentops_otel.testing.ModelServer` is. What would be the status of an HTTP answer is that of the call.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from xai_sdk.proto import chat_pb2, chat_pb2_grpc, deferred_pb2, usage_pb2

from agentops_otel.testing import Body, Reply
from agentops_otel.testing import Failure as Refusal
from agentops_otel.testing.openai_wire import pieces
from agentops_otel.testing.replies import Answer, Asked, Scripted, answer_to

_STATUSES = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
}
_STOP, _TOOL_CALLS = 3, 4
_ASSISTANT = 2


@dataclass(frozen=True)
class Request:
    """A request as it arrived."""

    body: Any


class XaiServer:
    """A context manager; `url` is the host and port."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._reply: Scripted = Reply()
        self._nonce = secrets.token_hex(4)
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((_Handlers(_Chat(self)),))
        self.url = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def script_always(self, reply: Scripted) -> None:
        """Every request gets this answer from now on."""
        self._reply = reply

    def __enter__(self) -> XaiServer:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.stop(None).wait(60)

    def answer(self, request: Any, context: Any) -> tuple[Reply | Body, Answer | None]:
        """Take note of a request; the answer that is due, of a failure none."""
        with self._lock:
            self.requests.append(Request(MessageToDict(request)))
            reply_id = f"{self._nonce}{len(self.requests):06d}"
        reply = self._reply
        if isinstance(reply, Refusal):
            context.abort(_STATUSES[reply.status], reply.message or "refused")
        if isinstance(reply, Body):
            return reply, None
        assert isinstance(reply, Reply)
        return reply, answer_to(_asked(request), reply, reply_id, int(time.time()))


class _Chat(chat_pb2_grpc.ChatServicer):  # type: ignore[misc]
    def __init__(self, owner: XaiServer) -> None:
        self._owner = owner
        self._deferred: dict[str, Any] = {}

    def GetCompletion(self, request: Any, context: Any) -> Any:
        """The whole answer."""
        reply, answer = self._owner.answer(request, context)
        return reply.content if isinstance(reply, Body) else _whole(request, answer)

    def GetCompletionChunk(self, request: Any, context: Any) -> Iterator[Any]:
        """The answer in pieces."""
        reply, answer = self._owner.answer(request, context)
        if isinstance(reply, Body):
            yield reply.content
            return
        for index, chunk in enumerate(_chunks(request, answer)):
            if index == reply.fail_after:
                context.abort(grpc.StatusCode.INTERNAL, "the model has stopped")
            if reply.hold is not None and index == reply.hold_after:
                while context.is_active() and not self._owner.closing.is_set() and not reply.hold.wait(0.02):
                    pass
            yield chunk

    def StartDeferredCompletion(self, request: Any, context: Any) -> Any:
        """A number to come back with; who asks the first time with it has to wait."""
        reply, answer = self._owner.answer(request, context)
        if isinstance(reply, Body):
            return reply.content
        assert answer is not None
        pending = chat_pb2.GetDeferredCompletionResponse(status=deferred_pb2.DeferredStatus.PENDING)
        done = chat_pb2.GetDeferredCompletionResponse(
            status=deferred_pb2.DeferredStatus.DONE, response=_whole(request, answer)
        )
        self._deferred[answer.id] = iter([pending, done])
        return deferred_pb2.StartDeferredResponse(request_id=answer.id)

    def GetDeferredCompletion(self, request: Any, context: Any) -> Any:
        """Whether it is done."""
        return next(self._deferred[request.request_id])


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]
    """The service of the client's stubs, whose answers may also be bytes that are no protobuf."""

    def __init__(self, servicer: _Chat) -> None:
        self._servicer = servicer

    def service(self, handler_call_details: Any) -> Any:
        """The handler of a method."""
        name = handler_call_details.method.rpartition("/")[2]
        is_polled = name == "GetDeferredCompletion"
        asked = deferred_pb2.GetDeferredRequest if is_polled else chat_pb2.GetCompletionsRequest
        make = grpc.unary_stream_rpc_method_handler if name.endswith("Chunk") else grpc.unary_unary_rpc_method_handler
        return make(
            getattr(self._servicer, name),
            request_deserializer=asked.FromString,
            response_serializer=lambda answer: answer if isinstance(answer, bytes) else answer.SerializeToString(),
        )


def _asked(request: Any) -> Asked:
    said = [part.text for message in request.messages if message.role == 1 for part in message.content]
    return Asked(
        model=request.model,
        stream=False,
        text=" ".join(said),
        prompt=said,
        schema=json.loads(request.response_format.schema) if request.response_format.schema else None,
    )


def _head(answer: Answer) -> dict[str, Any]:
    return {"id": answer.id, "model": answer.model, "created": Timestamp(seconds=answer.created)}


BILLED = "grok-billed"
"""A model whose answers tell what they cost: 0.0037756 dollars."""


def _usage(answer: Answer) -> dict[str, Any]:
    """Reasoning is counted beside the answer."""
    tokens = answer.tokens
    if tokens is None:
        return {}
    counts = usage_pb2.SamplingUsage(
        prompt_tokens=tokens.input,
        completion_tokens=tokens.output - tokens.reasoning,
        reasoning_tokens=tokens.reasoning,
        total_tokens=tokens.input + tokens.output,
        prompt_text_tokens=tokens.input,
        cached_prompt_text_tokens=tokens.cached,
    )
    if answer.model == BILLED:
        counts.cost_in_usd_ticks = 37_756_000
    return {"usage": counts}


def _calls(answer: Answer) -> list[Any]:
    return [
        chat_pb2.ToolCall(
            id=f"call_{answer.id}_{index}",
            function=chat_pb2.FunctionCall(name=tool.name, arguments=json.dumps(dict(tool.arguments))),
        )
        for index, tool in enumerate(answer.tools)
    ]


def _whole(request: Any, answer: Answer | None) -> Any:
    assert answer is not None
    finish = _TOOL_CALLS if answer.tools else _STOP
    message = chat_pb2.CompletionMessage(role=_ASSISTANT, content=answer.text, tool_calls=_calls(answer))
    outputs = [
        chat_pb2.CompletionOutput(index=index, finish_reason=finish, message=message)
        for index in range(max(1, request.n))
    ]
    return chat_pb2.GetChatCompletionResponse(**_head(answer), **_usage(answer), outputs=outputs)


def _chunks(request: Any, answer: Answer | None) -> Iterator[Any]:
    """Piece by piece; tools are asked for at once, and the last chunk has the counts."""
    assert answer is not None

    def chunk(finish: int = 0, counts: Any = None, **delta: Any) -> Any:
        outputs = [
            chat_pb2.CompletionOutputChunk(
                index=index, finish_reason=finish, delta=chat_pb2.Delta(role=_ASSISTANT, **delta)
            )
            for index in range(max(1, request.n))
        ]
        return chat_pb2.GetChatCompletionChunk(**_head(answer), **(counts or {}), outputs=outputs)

    for piece in pieces(answer.text):
        yield chunk(content=piece)
    if answer.tools:
        yield chunk(tool_calls=_calls(answer))
    yield chunk(_TOOL_CALLS if answer.tools else _STOP, _usage(answer))
