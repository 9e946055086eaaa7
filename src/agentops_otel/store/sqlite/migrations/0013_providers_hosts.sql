-- What lists sessions by the provider of a model call that counts, and how many of them there are; a call whose own span
-- names none has the provider that one of its twins names.
CREATE TABLE session_providers (
    session INTEGER NOT NULL,
    provider TEXT NOT NULL,
    project_id TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    session_id TEXT NOT NULL,
    llms INTEGER NOT NULL,
    PRIMARY KEY (session, provider)
) WITHOUT ROWID;
INSERT INTO session_providers
SELECT s.key, c.provider, s.project_id, s.start_ns, s.session_id, count(*)
FROM (
    SELECT e.session, coalesce(
        e.provider, (SELECT min(t.provider) FROM events t WHERE t.session = e.session AND t.twin_of = e.event_id)
    ) AS provider
    FROM events e WHERE e.type = 'llms' AND e.twin_of IS NULL
) c CROSS JOIN sessions s ON s.key = c.session
WHERE c.provider IS NOT NULL
GROUP BY s.key, c.provider;
CREATE INDEX sessions_by_provider ON session_providers (project_id, provider, start_ns DESC, session_id);

-- What lists sessions by the host of one of their processes (the first part of its row in `facts`).
CREATE TABLE session_hosts (
    project_id TEXT NOT NULL,
    host TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    session_id TEXT NOT NULL,
    session INTEGER NOT NULL,
    PRIMARY KEY (project_id, host, start_ns DESC, session_id)
) WITHOUT ROWID;
INSERT INTO session_hosts
SELECT DISTINCT s.project_id, json_extract(p.value, '$[0]'), s.start_ns, s.session_id, s.key
FROM sessions s, json_each(s.facts, '$.processes') p;
