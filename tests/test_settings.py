"""settings: one table, arguments before environment before defaults, wrong values named with their remedy."""

import logging
from pathlib import Path

import pytest

from agentops_otel import settings
from agentops_otel.errors import ConfigurationError
from agentops_otel.settings import Settings

REPOSITORY = Path(__file__).parent.parent


def test_an_argument_wins_over_the_environment_and_that_over_the_default() -> None:
    """Three sources, one order; tags add up."""
    environ = {"AGENTOPS_MAX_QUEUE_SIZE": "9", "AGENTOPS_MAX_WAIT_TIME": "7", "AGENTOPS_DEFAULT_TAGS": "a, b"}
    found = settings.from_environment(environ).replace(max_wait_time=3, default_tags=["b", "c"], api_key=None)
    assert Settings(max_queue_size=9, max_wait_time=3, default_tags=("a", "b", "c")) == found


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("max_wait_time", "soon", "a whole number, 0 or more"),
        ("max_wait_time", -1, "a whole number, 0 or more"),
        ("max_queue_size", True, "a whole number, 0 or more"),
        ("auto_start_session", "maybe", "true or false"),
        ("default_tags", [1], "a list of texts"),
        ("api_key", 7, "a text"),
        ("capture_content", "some", "one of full, redacted, none"),
        ("exporter", "stdout", "store, api, otlp or none, or a list of them"),
    ],
)
def test_a_wrong_argument_names_option_value_and_remedy(name: str, value: object, remedy: str) -> None:
    """The error can be acted on without reading the documentation."""
    with pytest.raises(ConfigurationError) as caught:
        Settings().replace(**{name: value})
    assert f"{name}={value!r} is not {remedy}" == str(caught.value)


def test_an_unknown_option_names_those_there_are() -> None:
    """A typo in a keyword is told at the call."""
    with pytest.raises(ConfigurationError, match="there is no option 'tag'; the options are api_key, "):
        Settings().replace(tag="x")


def test_a_wrong_environment_variable_is_a_warning_and_the_default(caplog: pytest.LogCaptureFixture) -> None:
    """A typo in a deployment never stops the program."""
    with caplog.at_level(logging.WARNING, logger="agentops_otel"):
        found = settings.from_environment({"AGENTOPS_MAX_WAIT_TIME": "soon"})
    assert Settings() == found
    assert caplog.messages == [
        "AGENTOPS_MAX_WAIT_TIME: max_wait_time='soon' is not a whole number, 0 or more; using 5000"
    ]


def test_the_documentation_is_the_table() -> None:
    """docs/configuration.md lists every option as the code has it."""
    rows = [
        f"| `{option}` | `{env}` | {f'`{default}`' if default else ''} | {doc} |"
        for option, env, default, doc in settings.table()
    ]
    assert rows == [
        line for line in (REPOSITORY / "docs/configuration.md").read_text().splitlines() if line.startswith("| `")
    ]


@pytest.mark.parametrize(
    ("word", "mode"),
    [
        ("true", "full"),
        ("SPAN_ONLY", "full"),
        ("span_and_event", "full"),
        ("false", "none"),
        ("NO_CONTENT", "none"),
        ("EVENT_ONLY", "none"),
        ("", "full"),
    ],
)
def test_what_opentelemetry_says_of_content_holds_where_nothing_else_is_said(word: str, mode: str) -> None:
    """Its words of today and of before; our own variable wins."""
    said = {settings.OTEL_CAPTURE: word}
    assert settings.from_environment(said).capture_content == mode
    assert settings.from_environment({**said, "AGENTOPS_CAPTURE_CONTENT": "redacted"}).capture_content == "redacted"


def test_a_word_of_opentelemetry_that_nobody_knows_means_no_content(caplog: pytest.LogCaptureFixture) -> None:
    """Who wanted less than everything must not get everything for a typo."""
    with caplog.at_level(logging.WARNING, logger="agentops_otel"):
        assert settings.from_environment({settings.OTEL_CAPTURE: "NOO_CONTENT"}).capture_content == "none"
    assert "is not known here; no content is recorded" in caplog.text
