-- Buckets of usage that few calls have, as one JSON list in place of seven columns: a column costs a quarter of a
-- microsecond an event, also where it is NULL. Older rows have them in their columns.
ALTER TABLE events ADD COLUMN usage_more TEXT;
