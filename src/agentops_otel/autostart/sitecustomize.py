"""Makes every Python program record itself that finds this folder on PYTHONPATH; `agentops-otel run` puts it there.

Python imports `sitecustomize` when it starts. A file of that name that this one hides runs first: it may set up paths,
or a tracer provider.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from os.path import abspath, dirname


def run_hidden() -> None:
    """Run the sitecustomize that would have been found without this folder, and let it have the name."""
    here = dirname(abspath(__file__))
    spec = PathFinder.find_spec("sitecustomize", [path for path in sys.path if abspath(path) != here])
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


def start() -> None:
    """Record this program. Another interpreter may not have the package: then it runs as ever."""
    try:
        from agentops_otel.client import init_automatically
    except ImportError:
        return
    init_automatically()


try:
    run_hidden()
finally:
    start()
