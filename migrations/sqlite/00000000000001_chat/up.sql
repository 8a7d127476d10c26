-- The chat's tables. Times are Unix milliseconds; text is compared byte by byte (SQLite's default collation).
-- AUTOINCREMENT: an id that was given once is never given again, not even after its row is gone.

-- Which programs can still work on this schema. Each migration adds its own row.
CREATE TABLE chat_schema_requirement (
    migration TEXT NOT NULL PRIMARY KEY,
    oldest_program TEXT NOT NULL
);
INSERT INTO chat_schema_requirement (migration, oldest_program) VALUES ('00000000000001_chat', '0.1.0');

-- One row. The epoch changes when a restore or an import rewinds the numbers; the program draws it.
CREATE TABLE chat_meta (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch TEXT NOT NULL,
    control_seq BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE chat_user (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    username TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    password_hash TEXT,
    is_disabled BOOLEAN NOT NULL DEFAULT FALSE,
    created_at BIGINT NOT NULL
);

CREATE TABLE chat_session (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    user_id BIGINT NOT NULL REFERENCES chat_user (id),
    token_hash BLOB NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX chat_session_user_id ON chat_session (user_id);
CREATE INDEX chat_session_expires_at ON chat_session (expires_at);

-- last_seq is the one counter that numbers all durable changes of the room.
CREATE TABLE chat_room (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    is_active BOOLEAN NOT NULL DEFAULT TRUE,
    last_seq BIGINT NOT NULL DEFAULT 0,
    members BIGINT NOT NULL DEFAULT 0,
    announces_members BOOLEAN NOT NULL DEFAULT TRUE
);

-- seq is a message's place in the room's order, changed_seq the number of its last change;
-- client_key is the sender's idempotency key, unique per person over all rooms.
CREATE TABLE chat_message (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    room_id BIGINT NOT NULL REFERENCES chat_room (id),
    user_id BIGINT REFERENCES chat_user (id),
    message TEXT NOT NULL,
    message_type TEXT NOT NULL DEFAULT 'text',
    created_at BIGINT NOT NULL,
    is_edited BOOLEAN NOT NULL DEFAULT FALSE,
    edited_at BIGINT,
    seq BIGINT NOT NULL,
    changed_seq BIGINT NOT NULL,
    client_key TEXT,
    UNIQUE (room_id, seq),
    UNIQUE (room_id, changed_seq),
    UNIQUE (user_id, client_key)
);

CREATE TABLE chat_participant (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    room_id BIGINT NOT NULL REFERENCES chat_room (id),
    user_id BIGINT NOT NULL REFERENCES chat_user (id),
    joined_at BIGINT NOT NULL,
    last_active BIGINT NOT NULL,
    is_online BOOLEAN NOT NULL DEFAULT FALSE,
    read_seq BIGINT NOT NULL DEFAULT 0,
    UNIQUE (room_id, user_id)
);
CREATE INDEX chat_participant_user_id ON chat_participant (user_id, room_id);
-- In the order of the list of participants, so that it stops after its first rows.
CREATE INDEX chat_participant_listed ON chat_participant (room_id, is_online DESC, last_active DESC, user_id);

-- Numbered without holes in commit order; no foreign keys, because the log outlives what it names.
CREATE TABLE chat_control (
    seq INTEGER NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    action TEXT NOT NULL,
    user_id BIGINT,
    room_id BIGINT,
    session_id BIGINT
);
