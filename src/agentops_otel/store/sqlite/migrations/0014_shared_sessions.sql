-- Where a session that a second project may read stands in the listing of that project; 0 until something is known of it.
ALTER TABLE shared_sessions ADD COLUMN start_ns INTEGER NOT NULL DEFAULT 0;
UPDATE shared_sessions SET start_ns = coalesce((
    SELECT s.start_ns FROM sessions s
    WHERE s.project_id = shared_sessions.project_id AND s.session_id = shared_sessions.session_id
), 0);
CREATE INDEX shared_by_start ON shared_sessions (reader_project_id, start_ns DESC, session_id);
CREATE INDEX shared_by_session ON shared_sessions (project_id, session_id);
