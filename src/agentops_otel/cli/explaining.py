"""`agentops-otel explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import click

from agentops_otel.cli.output import show, show_array
from agentops_otel.cli.prices import PRICES, pricer_of
from agentops_otel.cli.stored import AS_JSON

if TYPE_CHECKING:
    from agentops_otel.explain import Explained


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--logs", type=click.File("rb"), help="Log records of the same spans, as OTLP.")
@PRICES
@AS_JSON
def explain(file: BinaryIO, logs: BinaryIO | None, prices: str | None, as_json: bool) -> None:
    """Tell what each span of an OTLP FILE becomes, and why ("-" is stdin).

    The file holds an ExportTraceServiceRequest, as JSON or protobuf. Nothing is stored.
    """
    explained = _explained(file.read(), logs.read() if logs is not None else None, prices)
    if as_json:
        show_array(one.to_json() for one in explained)
        return
    for one in explained:
        show(one.text())


def _explained(spans: bytes, logs: bytes | None, prices: str | None) -> list[Explained]:
    from agentops_otel.explain import explain as told
    from agentops_otel.otlp import decode_logs, decode_traces

    records = decode_logs(logs, _type_of(logs)) if logs is not None else ()
    return list(told(decode_traces(spans, _type_of(spans)), records, pricer_of(prices).priced))


def _type_of(body: bytes) -> str:
    """JSON begins with a brace; a protobuf request never does."""
    return "application/json" if body.lstrip()[:1] == b"{" else "application/x-protobuf"
