"""The offline model server, as the real client sees it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import openai
import pydantic
import pytest

from agentops_otel.testing import Body, Failure, ModelServer, Reply, Tokens, ToolRequest
from agentops_otel.testing.replies import count_tokens, sample

HELLO = [{"role": "user", "content": "Hello there"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


recent = pytest.mark.skipif(not hasattr(openai.OpenAI, "responses"), reason="this openai has no responses API")


class Forecast(pydantic.BaseModel):
    city: str
    degrees: list[float]


@pytest.fixture
def client(server: ModelServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.base_url, api_key="offline") as client:
        yield client


def test_answers_what_the_user_said(client, server):
    """Without a script the answer repeats the user's last words, and its tokens are counted by length."""
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    assert answer.choices[0].message.content == "Offline answer to: Hello there"
    assert answer.model == "gpt-4o-mini-2024-07-18"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (count_tokens(HELLO), 8)
    assert server.requests[0].body == {"messages": HELLO, "model": "gpt-4o-mini"}


def test_ids_differ_between_servers(client, server):
    """Two servers never give the same response id, so their calls are never taken for twins."""
    with ModelServer() as other, openai.OpenAI(base_url=other.base_url, api_key="offline") as elsewhere:
        ids = {c.chat.completions.create(model="m", messages=HELLO).id for c in (client, client, elsewhere)}
    assert len(ids) == 3


def test_stream_reports_usage_only_when_asked(client):
    """The chunk with the usage comes last, has no choices, and is there only with `include_usage`."""
    silent = list(client.chat.completions.create(model="m", messages=HELLO, stream=True))
    counted = list(
        client.chat.completions.create(model="m", messages=HELLO, stream=True, stream_options={"include_usage": True})
    )
    assert [chunk.usage for chunk in silent] == [None] * len(silent)
    assert counted[-1].choices == []
    assert counted[-1].usage.total_tokens == 19
    assert "".join(c.choices[0].delta.content or "" for c in silent) == "Offline answer to: Hello there"


def test_tool_is_called_until_it_has_answered(client):
    """With tools the model asks for the first one, and answers once a tool message is present."""
    asking = client.chat.completions.create(model="m", messages=HELLO, tools=[WEATHER])
    call = asking.choices[0].message.tool_calls[0]
    answered = [*HELLO, asking.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "21"}]
    final = client.chat.completions.create(model="m", messages=answered, tools=[WEATHER])
    assert (asking.choices[0].finish_reason, call.function.name) == ("tool_calls", "weather")
    assert call.function.arguments == '{"city": "offline"}'
    assert (final.choices[0].finish_reason, final.choices[0].message.content[:7]) == ("stop", "Offline")


@recent
def test_schema_is_answered_by_a_value_that_fits(client):
    """Structured output parses into the user's own model."""
    parsed = client.chat.completions.parse(model="m", messages=HELLO, response_format=Forecast)
    assert parsed.choices[0].message.parsed == Forecast(city="offline", degrees=[0.5])
    assert client.responses.parse(model="m", input="Hi", text_format=Forecast).output_parsed == Forecast(
        city="offline", degrees=[0.5]
    )


@recent
def test_stream_helper_rebuilds_the_same_message(client):
    """What the client's own accumulator makes of the chunks equals the plain answer."""
    with client.chat.completions.stream(model="m", messages=HELLO, tools=[WEATHER], n=2) as stream:
        message = stream.get_final_completion().choices[1].message
    assert [call.function.parsed_arguments for call in message.tool_calls] == [{"city": "offline"}]


@recent
def test_responses_speak_the_typed_events(client):
    """A streamed response ends in the whole response, with usage."""
    with client.responses.stream(model="m", input="Hi", reasoning={"effort": "low"}) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert final.output_text == "Offline answer to: Hi"
    assert final.usage.output_tokens_details.reasoning_tokens == 32


@recent
def test_responses_call_functions(client):
    """The responses API gets its function call in its own shape."""
    tool = {"type": "function", "name": "weather", "parameters": WEATHER["function"]["parameters"], "strict": True}
    first = client.responses.create(model="m", input="Hi", tools=[tool])
    assert [(item.type, item.name, item.arguments) for item in first.output] == [
        ("function_call", "weather", '{"city": "offline"}')
    ]


def test_embeddings_have_one_vector_an_input(client):
    """Floats and base64 carry the same numbers."""
    packed = client.embeddings.create(model="e", input=["one", "two"], dimensions=4)
    plain = client.embeddings.create(model="e", input=["one", "two"], dimensions=4, encoding_format="float")
    assert [item.embedding for item in packed.data] == [item.embedding for item in plain.data]
    assert [len(item.embedding) for item in packed.data] == [4, 4]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
def test_failures_raise_what_the_provider_would(client, server, status, error):
    """Each status becomes the client's own exception."""
    server.script(*[Failure(status=status)] * 3)
    with pytest.raises(error):
        client.chat.completions.create(model="m", messages=HELLO)


def test_unknown_model_is_not_found(client):
    """A model that begins with no-such needs no script to fail."""
    with pytest.raises(openai.NotFoundError, match="model does not exist"):
        client.chat.completions.create(model="no-such-model", messages=HELLO)


def test_failure_then_success_is_one_call_and_two_requests(client, server):
    """The client tries again at once."""
    server.script(Failure(status=500), Reply(text="Fine"))
    assert client.chat.completions.create(model="m", messages=HELLO).choices[0].message.content == "Fine"
    assert [request.path for request in server.requests] == ["/v1/chat/completions"] * 2


def test_stream_can_be_cut(client, server):
    """The connection closes in the midst of a stream."""
    server.script(Reply(cut_after=2))
    stream = client.chat.completions.create(model="m", messages=HELLO, stream=True)
    with pytest.raises(Exception, match=r"(?i)connection"):
        list(stream)


def test_stream_can_fail_with_an_event(client, server):
    """The provider tells an error in the midst of a stream."""
    server.script(Reply(fail_after=2))
    with pytest.raises(openai.APIError, match="broke down"):
        list(client.chat.completions.create(model="m", messages=HELLO, stream=True))


def test_plain_body_can_be_cut(client, server):
    """The connection closes within the body, three times as the client tries again."""
    server.script(*[Reply(cut_after=0)] * 3)
    with pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(model="m", messages=HELLO)


def test_body_can_be_anything(client, server):
    """A body that no provider would send reaches the client as it is."""
    server.script(Body(content=b"not json", content_type="text/plain"))
    assert client.chat.completions.create(model="m", messages=HELLO) == "not json"


def test_script_says_text_tools_and_tokens(client, server):
    """Everything of an answer can be scripted, usage details included."""
    tokens = Tokens(input=2101, output=40, cached=1536, reasoning=30, audio_in=5, audio_out=2)
    server.script(Reply(tools=[ToolRequest("weather", {"city": "Oslo"})], tokens=tokens), Reply(tokens=None))
    scripted = client.chat.completions.create(model="m", messages=HELLO)
    uncounted = client.chat.completions.create(model="m", messages=HELLO)
    usage = scripted.usage.model_dump()
    prompt, completion = usage["prompt_tokens_details"], usage["completion_tokens_details"]
    assert scripted.choices[0].message.tool_calls[0].function.arguments == '{"city": "Oslo"}'
    assert (prompt["cached_tokens"], prompt["audio_tokens"]) == (1536, 5)
    assert (completion["reasoning_tokens"], completion["audio_tokens"]) == (30, 2)
    assert uncounted.usage is None


def test_held_answer_waits_for_the_test(client, server):
    """`hold` stops a stream between two events until the test goes on."""
    hold = threading.Event()
    server.script(Reply(text="a b c", hold=hold, hold_after=2))
    stream = client.chat.completions.create(model="m", messages=HELLO, stream=True)
    first = [next(stream), next(stream)]
    hold.set()
    assert [chunk.choices[0].delta.content for chunk in [*first, *stream]] == ["", "a ", "b ", "c", None]


def test_close_ends_a_held_answer(client):
    """A server closes although a test never let go of an answer."""
    with ModelServer() as other, openai.OpenAI(base_url=other.base_url, api_key="offline") as elsewhere:
        other.script(Reply(hold=threading.Event(), hold_after=1))
        next(elsewhere.chat.completions.create(model="m", messages=HELLO, stream=True))


def test_model_keeps_its_script(client, server):
    """An answer for a model is given as often as it is asked."""
    server.script_model("terse", Reply(text="No."))
    texts = [
        client.chat.completions.create(model=model, messages=HELLO).choices[0].message.content
        for model in ("terse", "other", "terse")
    ]
    assert texts == ["No.", "Offline answer to: Hello there", "No."]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 7),
        ({"enum": ["a", "b"]}, "a"),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"$defs": {"x": {"type": "boolean"}}, "type": "array", "items": {"$ref": "#/$defs/x"}}, [True]),
        ({"$defs": {"x": {"$ref": "#/$defs/x"}}, "$ref": "#/$defs/x"}, None),
        (None, None),
    ],
)
def test_sample_fits_the_schema(schema, value):
    """The sample of a schema is fixed, and a schema that refers to itself has an end."""
    assert sample(schema) == value
