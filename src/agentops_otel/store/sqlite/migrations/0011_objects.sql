-- What clients leave beside sessions: bodies of any kind, by the digest of what they hold.
CREATE TABLE objects (
    project_id TEXT NOT NULL,
    object_id TEXT NOT NULL,
    received_ns INTEGER NOT NULL,
    size INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (project_id, object_id)
);
CREATE INDEX objects_by_time ON objects (project_id, received_ns, object_id, size);
