"""Where records go: into a store, over the AgentOps REST API, or to a spool on disk."""
