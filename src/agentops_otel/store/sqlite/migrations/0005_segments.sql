-- From here on a row of `payloads` holds the bodies of several events of a session, one a line, in a segment. `line` is the
-- place of an event's body in it; NULL is the only line there is.
ALTER TABLE events ADD COLUMN line INTEGER;
