"""Who answers at a host name: many providers are called through another provider's client."""

from __future__ import annotations

import functools

_BY_SUFFIX = {
    "api.openai.com": "openai",
    "openai.azure.com": "azure.ai.openai",
    "cognitiveservices.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.inference",
    "models.ai.azure.com": "azure.ai.inference",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.deepseek.com": "deepseek",
    "api.x.ai": "x_ai",
    "api.perplexity.ai": "perplexity",
    "api.cohere.com": "cohere",
    "api.cohere.ai": "cohere",
    "api.together.xyz": "together_ai",
    "api.together.ai": "together_ai",
    "api.fireworks.ai": "fireworks",
    "openrouter.ai": "openrouter",
    "api.cerebras.ai": "cerebras",
    "api.writer.com": "writer",
    "api.ai21.com": "ai21",
    "api.voyageai.com": "voyageai",
    "api.replicate.com": "replicate",
    "api.moonshot.ai": "moonshot",
    "api.sambanova.ai": "sambanova",
    "integrate.api.nvidia.com": "nvidia",
    "router.huggingface.co": "huggingface",
    "ml.cloud.ibm.com": "ibm.watsonx.ai",
    "amazonaws.com": "aws.bedrock",
}
"""Provider names of the GenAI conventions; those that are off its list are spelt as the price tables do."""


@functools.lru_cache(maxsize=256)
def provider_at(host: str) -> str | None:
    """The provider that owns the host name or a domain above it; None for anybody else's, loopback included."""
    labels = host.lower().split(".")
    for start in range(len(labels)):
        found = _BY_SUFFIX.get(".".join(labels[start:]))
        if found is not None:
            return found
    return None
