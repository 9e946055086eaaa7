-- Sessions, their events, and what lists them.

-- One row per session. `facts` is the joined SessionFacts as JSON, without host environments; the statistics are the
-- sum over the surviving events, kept in the transaction that changes an event. `start_ns` is 0 while unknown.
CREATE TABLE sessions (
    key INTEGER PRIMARY KEY,
    project_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    end_state TEXT NOT NULL,
    may_run INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    facts TEXT NOT NULL,
    events INTEGER NOT NULL,
    llms INTEGER NOT NULL,
    tools INTEGER NOT NULL,
    actions INTEGER NOT NULL,
    apis INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost TEXT NOT NULL,
    unpriced_llms INTEGER NOT NULL,
    truncated INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    UNIQUE (project_id, session_id)
);
CREATE INDEX sessions_by_start ON sessions (project_id, start_ns DESC, session_id);
CREATE INDEX sessions_by_state ON sessions (project_id, end_state, start_ns DESC, session_id);
CREATE INDEX sessions_may_run ON sessions (project_id, start_ns DESC, session_id) WHERE may_run;
CREATE INDEX sessions_with_errors ON sessions (project_id, start_ns DESC, session_id) WHERE errors > 0;

-- Host environments are large and read one session at a time: SessionFacts that hold nothing else, as JSON.
CREATE TABLE environments (
    session INTEGER PRIMARY KEY,
    facts TEXT NOT NULL
);

CREATE TABLE session_tags (
    project_id TEXT NOT NULL,
    tag TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    session_id TEXT NOT NULL,
    session INTEGER NOT NULL,
    PRIMARY KEY (project_id, tag, start_ns DESC, session_id)
) WITHOUT ROWID;

-- What the model calls of a session add up to, by model.
CREATE TABLE session_models (
    session INTEGER NOT NULL,
    model TEXT NOT NULL,
    project_id TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    session_id TEXT NOT NULL,
    llms INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost TEXT NOT NULL,
    unpriced_llms INTEGER NOT NULL,
    truncated INTEGER NOT NULL,
    PRIMARY KEY (session, model)
) WITHOUT ROWID;
CREATE INDEX sessions_by_model ON session_models (project_id, model, start_ns DESC, session_id);

-- Enough of an event for lists, trees and statistics, clustered in the order in which a session is read.
CREATE TABLE events (
    session INTEGER NOT NULL,
    start_ns INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    payload INTEGER NOT NULL,
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    end_ns INTEGER,
    parent_id TEXT,
    trace_id TEXT,
    span_id TEXT,
    agent_id TEXT,
    agent_name TEXT,
    truncated INTEGER NOT NULL,
    cost TEXT,
    operation TEXT,
    provider TEXT,
    model TEXT,
    request_model TEXT,
    response_id TEXT,
    price TEXT,
    finish_reasons TEXT,
    time_to_first_token_ms,
    estimated INTEGER,
    usage_input INTEGER,
    usage_cache_read INTEGER,
    usage_cache_write INTEGER,
    usage_cache_write_1h INTEGER,
    usage_output INTEGER,
    usage_reasoning INTEGER,
    usage_audio_in INTEGER,
    usage_audio_out INTEGER,
    usage_image INTEGER,
    usage_image_out INTEGER,
    action_type TEXT,
    method TEXT,
    target TEXT,
    status TEXT,
    error_type TEXT,
    code TEXT,
    trigger_event_id TEXT,
    trigger_event_type TEXT,
    PRIMARY KEY (session, start_ns, event_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX events_by_id ON events (session, event_id);

-- The large fields of an event as JSON in UTF-8, or that JSON compressed with zlib (first byte 0x78).
CREATE TABLE payloads (
    key INTEGER PRIMARY KEY,
    body BLOB NOT NULL
);
