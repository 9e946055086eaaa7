-- Which events repeat another ("one call, one event"), and what of their large fields decides it. An event with `twin_of`
-- is not counted. Events from before have none of it: their sessions stay as they are until something is added.
ALTER TABLE events ADD COLUMN scope TEXT;
ALTER TABLE events ADD COLUMN failed INTEGER;
ALTER TABLE events ADD COLUMN content INTEGER;
ALTER TABLE events ADD COLUMN said TEXT;
ALTER TABLE events ADD COLUMN twin_of TEXT;
CREATE INDEX events_by_twin ON events (session, twin_of) WHERE twin_of IS NOT NULL;

-- How many events of the session repeat another; -1 while somebody has to look. Its sums are exact otherwise.
ALTER TABLE sessions ADD COLUMN twins INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sessions_unsettled ON sessions (project_id) WHERE twins < 0;
