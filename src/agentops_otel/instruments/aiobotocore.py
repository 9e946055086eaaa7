"""Bedrock by aiobotocore, which aioboto3 uses: as `bedrock`, awaited.

Source: aiobotocore 2.23 to 3.10, client.py, response.py and eventstream.py.
"""

from __future__ import annotations

from agentops_otel.instruments import bedrock
from agentops_otel.instruments.spec import Point, Provider

PROVIDER = Provider(
    name="aws.bedrock",
    distribution="aiobotocore",
    tested=">=2.23.1",
    points=[Point("aiobotocore.client", "AioBaseClient._make_api_call", bedrock.route)],
    kinds=dict.fromkeys(("StreamingBody", "AioStreamingBody", "HttpxStreamingBody", "AioHttpxStreamingBody"), "body"),
    origin=bedrock.origin,
)
