"""Names of providers and models as calls spell them, and as price tables do.

The ids are those of genai-prices 0.2.3. Names of providers come in the words of the GenAI conventions, as gateways put
them before a model (`bedrock/us.anthropic...`, `vertex_ai/gemini-...`), and as people write them.
"""

from __future__ import annotations

import functools
import re

_PROVIDERS = {
    "openai": ("openai",),
    "azure": ("azure", "azureaiopenai", "azureopenai", "azaiopenai", "azureaiinference", "azaiinference", "azureai"),
    "anthropic": ("anthropic",),
    "aws": ("aws", "awsbedrock", "bedrock", "amazonbedrock", "amazon", "bedrockconverse"),
    "google": (
        *("google", "gcpgemini", "gcpvertexai", "gcpgenai", "gemini", "vertexai", "vertex", "googlevertex"),
        *("googlevertexai", "googlegenerativeai", "googlegenai", "googleaistudio", "gcpvertexagent"),
    ),
    "mistral": ("mistral", "mistralai"),
    "cohere": ("cohere",),
    "groq": ("groq",),
    "deepseek": ("deepseek",),
    "x-ai": ("xai", "grok"),
    "perplexity": ("perplexity", "perplexityai"),
    "together": ("together", "togetherai", "togethercomputer"),
    "fireworks": ("fireworks", "fireworksai"),
    "openrouter": ("openrouter",),
    "cerebras": ("cerebras",),
    "moonshotai": ("moonshot", "moonshotai"),
    "voyageai": ("voyage", "voyageai"),
    "zai": ("zai",),
    "zhipuai": ("zhipu", "zhipuai"),
    "minimax": ("minimax",),
    "novita": ("novita", "novitaai"),
    "databricks": ("databricks",),
    "cloudflare": ("cloudflare", "workersai", "cloudflareworkersai"),
    "baseten": ("baseten",),
    "github-copilot": ("githubcopilot",),
    "ovhcloud": ("ovhcloud",),
    "elevenlabs": ("elevenlabs",),
}
_BY_NAME = {name: known for known, names in _PROVIDERS.items() for name in names}

OWN_MACHINE = frozenset(
    {
        *("ollama", "vllm", "llamacpp", "llamafile", "lmstudio", "local", "localai", "transformers", "mlx", "sglang"),
        *("tgi", "triton", "xinference", "gpt4all", "koboldcpp", "jan", "custom"),
    }
)
"""Servers that people run themselves: a model there has the name, but never the price, of its maker's service."""

_ONLY_ITS_MAKER = re.compile(
    r"(gpt-(?!oss)|chatgpt-|ft:gpt-|o[134](-|$)|text-embedding-|tts-|whisper-1|omni-moderation|computer-use"
    r"|claude-|gemini-|grok-(?!1)|deepseek-(chat|reasoner)$|sonar)"
)
"""Models whose weights are closed: whoever serves them under a name we do not know passes their maker's price on."""


def _squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@functools.lru_cache(maxsize=1024)
def provider_id(name: str | None) -> str | None:
    """The id of a provider: that of genai-prices where it has one, else the name in lower case without punctuation.

    `openai.chat` and `mistral.embed`, as the Vercel AI SDK writes, are `openai` and `mistral`. None stays None.
    """
    if name is None or not name.strip():
        return None
    squeezed = _squeezed(name)
    known = _BY_NAME.get(squeezed) or _BY_NAME.get(_squeezed(name.split(".")[0]))
    return known or squeezed


@functools.lru_cache(maxsize=1024)
def spellings(model: str) -> tuple[str, ...]:
    """A model as it is named, then without what gateways put before it, in lower case: most specific first.

    `bedrock/converse/us.anthropic.claude` gives also `converse/us.anthropic.claude` and `us.anthropic.claude`;
    `projects/p/locations/l/publishers/google/models/gemini-2.5-pro` gives also `gemini-2.5-pro`.
    """
    model = model.strip().lower()
    found = [model]
    if "models/" in model:
        found.append(model.rpartition("models/")[2])
    while "/" in model and not model.startswith("arn:"):
        model = model.partition("/")[2]
        found.append(model)
    return tuple(dict.fromkeys(name for name in found if name))


def gateway_prefix(model: str) -> str | None:
    """The provider that stands before a model's name, as in `azure/gpt-4o`; None if it is not one with prices."""
    prefix, slash, _ = model.partition("/")
    return _BY_NAME.get(_squeezed(prefix)) if slash else None


def only_its_maker_serves(model: str) -> bool:
    """Whether a model of this name has one price wherever it is called, because its weights are closed."""
    return _ONLY_ITS_MAKER.match(model) is not None
