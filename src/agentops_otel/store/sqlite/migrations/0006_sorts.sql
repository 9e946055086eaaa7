-- What sessions are listed by, beside their start. 0 while it is not known.
ALTER TABLE sessions ADD COLUMN end_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN duration_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0;

-- The end that somebody told, else the last goodbye where every process said one (the sixth part of its row).
UPDATE sessions SET tokens = prompt_tokens + completion_tokens, end_ns = coalesce(
    json_extract(facts, '$.end[1]'),
    (
        SELECT CASE WHEN min(json_extract(value, '$[5]')) > 0 THEN max(json_extract(value, '$[5]')) END
        FROM json_each(facts, '$.processes')
    ),
    0
);
UPDATE sessions SET duration_ns = max(0, coalesce(nullif(end_ns, 0), json_extract(facts, '$.activity'), 0) - start_ns)
WHERE json_extract(facts, '$.start') IS NOT NULL;

CREATE INDEX sessions_by_end ON sessions (project_id, end_ns DESC, session_id);
CREATE INDEX sessions_by_duration ON sessions (project_id, duration_ns DESC, session_id);
CREATE INDEX sessions_by_tokens ON sessions (project_id, tokens DESC, session_id);
CREATE INDEX sessions_by_cost ON sessions (project_id, cost_usd DESC, session_id);
CREATE INDEX sessions_by_errors ON sessions (project_id, errors DESC, session_id);
