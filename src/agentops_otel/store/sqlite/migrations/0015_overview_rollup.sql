-- Sums of the sessions that started in one quarter of a day (`start_ns / 21600000000000`), so that the overview of a
-- year reads some thousand rows. A quarter in which a session has changed is stale: it has no sums until upkeep makes
-- them again, and the overview reads its sessions instead.
CREATE TABLE overview_stale (
    project_id TEXT NOT NULL,
    quarter INTEGER NOT NULL,
    PRIMARY KEY (project_id, quarter)
) WITHOUT ROWID;
CREATE TABLE overview_groups (
    project_id TEXT NOT NULL,
    quarter INTEGER NOT NULL,
    end_state TEXT NOT NULL,
    duration_ns INTEGER NOT NULL,
    sessions INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    unpriced_llms INTEGER NOT NULL,
    PRIMARY KEY (project_id, quarter, end_state, duration_ns)
) WITHOUT ROWID;
CREATE TABLE overview_models (
    project_id TEXT NOT NULL,
    quarter INTEGER NOT NULL,
    model TEXT NOT NULL,
    cost_usd REAL NOT NULL,
    unpriced_llms INTEGER NOT NULL,
    PRIMARY KEY (project_id, quarter, model)
) WITHOUT ROWID;
CREATE TABLE overview_tags (
    project_id TEXT NOT NULL,
    quarter INTEGER NOT NULL,
    tag TEXT NOT NULL,
    cost_usd REAL NOT NULL,
    unpriced_llms INTEGER NOT NULL,
    PRIMARY KEY (project_id, quarter, tag)
) WITHOUT ROWID;
CREATE TABLE overview_reasons (
    project_id TEXT NOT NULL,
    quarter INTEGER NOT NULL,
    reason TEXT NOT NULL,
    sessions INTEGER NOT NULL,
    PRIMARY KEY (project_id, quarter, reason)
) WITHOUT ROWID;
CREATE INDEX session_tags_by_session ON session_tags (session);
INSERT INTO overview_stale SELECT DISTINCT project_id, start_ns / 21600000000000 FROM sessions;

CREATE TRIGGER overview_stale_by_update AFTER UPDATE OF changes ON sessions BEGIN
    INSERT INTO overview_stale VALUES (new.project_id, new.start_ns / 21600000000000) ON CONFLICT DO NOTHING;
    INSERT INTO overview_stale VALUES (old.project_id, old.start_ns / 21600000000000) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER overview_stale_by_delete AFTER DELETE ON sessions BEGIN
    INSERT INTO overview_stale VALUES (old.project_id, old.start_ns / 21600000000000) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER overview_sums_are_gone AFTER INSERT ON overview_stale BEGIN
    DELETE FROM overview_groups WHERE project_id = new.project_id AND quarter = new.quarter;
    DELETE FROM overview_models WHERE project_id = new.project_id AND quarter = new.quarter;
    DELETE FROM overview_tags WHERE project_id = new.project_id AND quarter = new.quarter;
    DELETE FROM overview_reasons WHERE project_id = new.project_id AND quarter = new.quarter;
END;
