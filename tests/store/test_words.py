"""What a search in texts finds, as a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops_otel.records import Action, LLMCall
from agentops_otel.store.words import phrases_of, says, tells, texts_of, vocabulary, words_of

EVENTS = [
    LLMCall(
        event_id="1",
        session_id="s",
        name="unsearched",
        init_timestamp=1,
        prompt=[{"role": "user", "parts": [{"type": "text", "content": "What's the Weather-Forecast for Zürich?"}]}],
        completion=[{"role": "assistant", "parts": [{"type": "text", "content": "東京は晴れ。Straße 7a"}]}],
    ),
    Action(
        event_id="2",
        session_id="s",
        name="step",
        init_timestamp=2,
        params={"city": "Bern"},
        logs=["read", "only", "tralala la la"],
    ),
]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("weather", True),
        ("WEATH", True),
        ("eather", False),
        ("weather bern", True),
        ("weather geneva", False),
        ("weather-fore", True),
        ("weather-for-zurich", False),
        ("forecast-for-zür", True),
        ('"weather forecast"', True),
        ('"weather fore"', False),
        ('"the weather" "for zürich"', True),
        ('"forecast weather"', False),
        ('"read only"', False),
        ("zurich", False),
        ("strasse", True),
        ("東京", True),
        ("la-la", True),
        ("a-la", False),
        ("京東", False),
        ("7", True),
        ('"7"', False),
        ("user", True),
        ("city", False),
        ("unsearched", False),
        ("", False),
        (' "" -- ? ', False),
    ],
)
def test_a_query_is_found(query: str, found: bool) -> None:
    """By whole words or their beginnings, in any case, all of them somewhere in the session."""
    assert tells(EVENTS, phrases_of(query)) == found


def test_data_is_no_text() -> None:
    """A picture in base64 is not searched; a long text without spaces that is not ASCII is."""
    assert list(texts_of({"params": {"image": "QUJD" * 1000, "text": "語" * 2000}, "extra": {"x": "y"}})) == [
        "語" * 2000
    ]


@given(st.lists(st.text()))
def test_the_vocabulary_is_the_words(texts: list[str]) -> None:
    """Made another way, for it is made of every text."""
    assert vocabulary(texts) == {word for text in texts for word in words_of(text)}


_letters = st.text("aAb ß-_東京1", max_size=10)


@given(_letters, _letters)
def test_a_phrase_is_words_in_a_row(text: str, query: str) -> None:
    """What is looked for in the text as it stands is what would be found among its words."""
    words = words_of(text)
    for phrase in phrases_of(query):
        *firsts, last = phrase.words
        expected = any(
            words[at - len(firsts) : at] == firsts
            and (words[at].startswith(last) if phrase.open else words[at] == last)
            for at in range(len(firsts), len(words))
        )
        assert says([text], phrase) == expected
