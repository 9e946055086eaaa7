"""wire: what follows from attribute names alone, and values of any kind."""

from __future__ import annotations

from agentops_otel.conventions.wire import by_shape, loaded


def test_what_follows_from_names_is_worked_out_once_for_each_set_of_names() -> None:
    """Values do not matter, and the order of the names does: an instrumentor always writes them in the same."""
    asked: list[tuple[str, ...]] = []

    @by_shape
    def count(names: tuple[str, ...]) -> int:
        asked.append(names)
        return len(names)

    assert [count({"a": 1, "b": 2}), count({"a": 3, "b": 4}), count({"b": 1, "a": 1}), count({})] == [2, 2, 2, 0]
    assert asked == [("a", "b"), ("b", "a"), ()]


def test_names_of_no_end_are_not_remembered() -> None:
    """A sender that makes up names, long ones or many, costs time and not memory."""
    asked: list[int] = []

    @by_shape
    def count(names: tuple[str, ...]) -> int:
        asked.append(len(names))
        return len(names)

    long = {"n" * 10_000: 1}
    assert [count(long), count(long)] == [1, 1]
    assert asked == [1, 1]
    first = {"first": 1}
    count(first)
    for number in range(1100):
        count({f"made up {number}": 1})
    asked.clear()
    count(first)
    assert asked == [1]


def test_json_text_is_read_to_its_end() -> None:
    """White space around it does not matter, and what follows it makes it a text."""
    found = [loaded(text) for text in (' {"a": 1} ', '{"a": 1} x', "", "nul", "12", '"x"')]
    assert found == [{"a": 1}, '{"a": 1} x', "", "nul", 12, "x"]
