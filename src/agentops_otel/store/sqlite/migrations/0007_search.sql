-- The session of each row of `payloads`, so that a search in texts knows where it found them.
CREATE TABLE segments (
    key INTEGER PRIMARY KEY,
    session INTEGER NOT NULL
);
INSERT INTO segments SELECT DISTINCT payload, session FROM events;

-- What is known of the index of texts (FTS5), which is made when it is first wanted: `done` is the last key of `payloads`
-- that is in it, `stale` counts what was taken out of it and is still in its pages.
CREATE TABLE search_state (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
