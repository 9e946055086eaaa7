-- Which session the spans of a trace name, by the id that the trace would have as a session of its own; that id itself where
-- they name it, or several.
CREATE TABLE trace_sessions (
    project_id TEXT NOT NULL,
    trace TEXT NOT NULL,
    session_id TEXT NOT NULL,
    PRIMARY KEY (project_id, trace)
) WITHOUT ROWID;
CREATE INDEX trace_sessions_by_session ON trace_sessions (project_id, session_id);
