-- Counts the appends of a session, so that what was worked out beside a write transaction is written down only if the
-- session is still the one that was read.
ALTER TABLE sessions ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
