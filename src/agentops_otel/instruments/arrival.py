"""Waits for the first import of any model client, so that programs without one do not pay for wrapping them.

wrapt (and asyncio with it) is most of what instrumenting costs; it is imported when a client is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from agentops_otel.guard import quietly

ROOTS = (
    "openai",
    "anthropic",
    "groq",
    "botocore",
    "aiobotocore",
    "ollama",
    "cohere",
    "huggingface_hub",
    "mistralai",
    "mistralai.client",
    "google.genai",
    "together",
    "cerebras.cloud.sdk",
    "fireworks",
    "writerai",
    "ai21",
    "azure.ai.inference",
    "voyageai",
    "ibm_watsonx_ai",
    "xai_sdk",
    "replicate",
    "mcp",
    "litellm",
)
"""The packages of all providers, the first ones with code of their own: a namespace (azure, cerebras, google, newer
mistralai) has no loader that could tell. A test compares them with the registry."""


class Arrival:
    """Calls `then` once, when one of the `roots` is about to be imported, or at once if one has been.

    Many libraries look whether a client is there (`importlib.util.find_spec`) without importing it; that is no arrival.
    A meta path finder, but not by its class: importing importlib.abc would cost every program 5 ms.
    """

    def __init__(self, then: Callable[[], object], roots: Sequence[str] = ROOTS) -> None:
        self._then = [then]
        self._roots = frozenset(roots)

    def wait(self) -> None:
        """Start to watch imports."""
        if self._roots & sys.modules.keys():
            self._arrive()
        else:
            sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Watch no more."""
        self._then.clear()
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec that the finders after this one have, so that `then` runs just before the module itself.

        Not here: importlib (3.10 to 3.13) calls finders under its global lock, and an import inside would deadlock
        with the imports of other threads.
        """
        if fullname not in self._roots:
            return None
        finders: list[Any] = list(sys.meta_path)
        for finder in finders[finders.index(self) + 1 :] if self in finders else ():
            spec: ModuleSpec | None = finder.find_spec(fullname, path, target) if hasattr(finder, "find_spec") else None
            if spec is not None:
                self._run_before(spec.loader)
                return spec
        return None

    def _run_before(self, loader: Any) -> None:
        """Let the loader of this one module call `then` first; afterwards it is as it was."""
        load = getattr(loader, "exec_module", None)
        if load is None:
            return

        def exec_module(module: ModuleType) -> None:
            vars(loader).pop("exec_module", None)  # of several that wait, the first has put it back
            with quietly("instrumenting the model clients"):
                self._arrive()
            load(module)

        with quietly("waiting for a model client"):
            loader.exec_module = exec_module

    def _arrive(self) -> None:
        try:
            then = self._then.pop()
        except IndexError:
            return
        self.stop()
        then()
