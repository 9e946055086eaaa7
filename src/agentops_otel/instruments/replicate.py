"""Replicate: predictions, however they are made and waited for; sync, async and streamed.

A prediction may end long after the request that made it, and the program learns of it by asking: `run`, `wait`,
`reload` and the iterators of outputs all go through `predictions.create` and `predictions.get`. The call lasts until
the end is told, or until the program drops the prediction. A stream tells texts without counts.

Source: replicate 1.0.1 to 1.0.7, client.py, run.py, prediction.py, model.py and deployment.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentops_otel.instruments.shapes import replicate
from agentops_otel.instruments.spec import Getter, Job, JobTold, Operation, Origin, Point, Provider, first_of

_REQUEST: dict[str, Getter] = {
    **{
        name: f"input.{name}"
        for name in ("temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty")
    },
    "max_tokens": first_of("input.max_tokens", "input.max_new_tokens", "input.max_completion_tokens"),
}

PREDICTION = Operation(
    name="generate_content",
    request=_REQUEST,
    response={
        "response_id": "id",
        "response_model": "model",
        "finish_reasons": replicate.stops,
        "usage": replicate.usage,
    },
    messages_in=replicate.messages_in,
    messages_out=replicate.messages_out,
    system=replicate.system,
    fold=replicate.fold,
)


def _asked(called: Any, asked: Mapping[str, Any]) -> tuple[Operation, Mapping[str, Any]]:
    """The arguments, with the name of what is called, which the object may hold."""
    named = [asked.get(name) for name in ("ref", "model", "version", "deployment")]
    ref = next((one for one in named if one), getattr(called, "_deployment", None))
    given = asked.get("input")
    return PREDICTION, {"model": replicate.name(ref), "input": dict(given) if isinstance(given, dict) else given}


def _origin(called: Any) -> Origin:
    client = called if hasattr(called, "_base_url") else getattr(called, "_client", None)
    return Origin(getattr(client, "_base_url", None) or "https://api.replicate.com")


_MAKERS = {
    "replicate.prediction": "Predictions",
    "replicate.model": "ModelsPredictions",
    "replicate.deployment": "DeploymentsPredictions",
}
_POSITIONAL = ("version", "input")

PROVIDER = Provider(
    name="replicate",
    distribution="replicate",
    tested=">=1.0.1",
    points=[
        *(
            Point(module, f"{maker}.{method}", _asked, names=_POSITIONAL if maker == "Predictions" else ())
            for module, maker in [*_MAKERS.items(), ("replicate.deployment", "DeploymentPredictions")]
            for method in ("create", "async_create")
        ),
        *(
            Point(module, path, _asked, prepares=True)
            for module, paths in (
                ("replicate.client", ("Client.stream", "Client.async_stream")),
                ("replicate", ("stream", "async_stream")),
            )
            for path in paths
        ),
    ],
    job=Job(
        "Prediction",
        told=[
            *(
                JobTold("replicate.prediction", f"Predictions.{method}")
                for method in ("get", "async_get", "cancel", "async_cancel")
            ),
            *(
                JobTold("replicate.prediction", f"Prediction.{method}", streams=True)
                for method in ("stream", "async_stream")
            ),
        ],
        said=replicate.said,
        has_ended=replicate.has_ended,
        failure=replicate.failure,
        keep=replicate.keep,
    ),
    origin=_origin,
)
