"""Values deep in mappings, lists and objects are found alike, and what is not there is None."""

from __future__ import annotations

from types import MappingProxyType, SimpleNamespace
from typing import Any

import pydantic
import pytest

from agentops_otel.paths import at, member, members, names


class Loose(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    name: str = "declared"
    inner: dict[str, Any] = {}

    @property
    def text(self) -> str:
        return "made"


class Hostile:
    @property
    def name(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("raw", "path", "found"),
    [
        ({"a": {"b": 1}}, "a.b", 1),
        ({"a.b": 2, "a": {"b": 1}}, "a.b", 2),
        (MappingProxyType({"a": [{"n": 1}, {"n": 2}]}), "a.1.n", 2),
        ({"a": [{"n": 1}]}, "a.7.n", None),
        ({"a": [{"kind": "X", "n": 1}, {"kind": "y", "n": 2}]}, "a[kind=Y].n", 2),
        ({"a": "text"}, "a.n", None),
        (SimpleNamespace(a=SimpleNamespace(b=3)), "a.b", 3),
        (Loose(inner={"b": 4}), "inner.b", 4),
        (Loose(surprise=5), "surprise", 5),
        (Loose(), "absent", None),
        (Loose.model_construct(), "name", "declared"),
        (Hostile(), "name", None),
        (None, "a", None),
        (7, "real", None),
    ],
)
def test_path_finds_what_is_there(raw, path, found):
    """A path reads one shape as it reads another."""
    assert at(raw, path) == found


def test_properties_of_models_are_not_fields():
    """A property may do anything; only what a response holds is read."""
    assert member(Loose(), "text") is None


@pytest.mark.parametrize("raw", [{"a": 1, "b": None}, Loose(surprise=5), SimpleNamespace(a=1), [7, 8], "text", None])
def test_members_are_what_member_finds(raw):
    """Asked for several names, a value answers as if asked for each."""
    get = members(raw)
    names_of = ("a", "b", "0", "name", "surprise", "inner")
    assert [get(name) for name in names_of] == [member(raw, name) for name in names_of]


def test_names_are_those_of_what_is_there():
    """None is not there; what only has attributes cannot be listed."""
    found = [names(raw) for raw in ({"a": 1, "b": None}, Loose(surprise=5), SimpleNamespace(a=1), [1], None)]
    assert found == [("a",), ("surprise", "name", "inner"), None, None, None]
