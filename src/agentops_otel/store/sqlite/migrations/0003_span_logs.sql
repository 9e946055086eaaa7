-- Spans and log records that wait for each other: in the events form of the GenAI conventions the messages of a model call
-- come as log records, over another road than its span. Both are kept for an hour.

CREATE TABLE span_logs (
    project_id TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    received_ns INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (project_id, trace_id, span_id, digest)
) WITHOUT ROWID;

CREATE TABLE awaiting_spans (
    project_id TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    received_ns INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (project_id, trace_id, span_id)
) WITHOUT ROWID;
