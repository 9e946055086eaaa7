"""`python -m agentops_otel.cli` is `agentops-otel`."""

import sys

from agentops_otel.cli import main

sys.exit(main())
