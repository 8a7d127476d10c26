-- When a session was last seen, so that it can end by not being seen; and what its device calls itself.
-- The default is there for programs that don't know the column: the sessions that they open count as never seen.
INSERT INTO chat_schema_requirement (migration, oldest_program)
VALUES ('00000000000002_session_activity', '0.1.0');

ALTER TABLE chat_session ADD COLUMN last_seen_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_session ADD COLUMN device TEXT;
UPDATE chat_session SET last_seen_at = created_at;

-- In the order of the list of a person's sessions.
DROP INDEX chat_session_user_id;
CREATE INDEX chat_session_listed ON chat_session (user_id, last_seen_at, id);
CREATE INDEX chat_session_last_seen_at ON chat_session (last_seen_at);
