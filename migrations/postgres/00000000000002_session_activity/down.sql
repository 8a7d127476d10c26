DROP INDEX chat_session_last_seen_at;
DROP INDEX chat_session_listed;
CREATE INDEX chat_session_user_id ON chat_session (user_id);
ALTER TABLE chat_session DROP COLUMN device;
ALTER TABLE chat_session DROP COLUMN last_seen_at;
DELETE FROM chat_schema_requirement WHERE migration = '00000000000002_session_activity';
