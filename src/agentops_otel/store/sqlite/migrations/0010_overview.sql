-- All that the overview adds up of a session, so that it never reads its row.
CREATE INDEX sessions_overview ON sessions (
    project_id, start_ns, end_state, duration_ns, prompt_tokens, cache_read_tokens, completion_tokens, cost_usd,
    unpriced_llms
);
