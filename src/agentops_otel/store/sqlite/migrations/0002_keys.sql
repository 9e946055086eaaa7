-- Who may write and read which project, and what clients leave beside sessions.

CREATE TABLE projects (
    project_id TEXT PRIMARY KEY,
    created_ns INTEGER NOT NULL
) WITHOUT ROWID;

-- A key is kept only as its SHA-256; `prefix` is its first eight characters, for people.
CREATE TABLE keys (
    hash BLOB PRIMARY KEY,
    prefix TEXT NOT NULL,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    revoked_ns INTEGER
) WITHOUT ROWID;

-- Secrets that sign tokens; the newest signs, every one listed here is believed.
CREATE TABLE secrets (
    created_ns INTEGER PRIMARY KEY,
    secret BLOB NOT NULL
);

-- Sessions that a second project may read too: their client named it by its parent key.
CREATE TABLE shared_sessions (
    reader_project_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    PRIMARY KEY (reader_project_id, session_id)
) WITHOUT ROWID;

-- What a client printed, in the pieces in which it came.
CREATE TABLE session_logs (
    key INTEGER PRIMARY KEY,
    project_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX session_logs_by_session ON session_logs (project_id, session_id, key);
