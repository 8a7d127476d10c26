DROP TABLE chat_control;
DROP TABLE chat_participant;
DROP TABLE chat_message;
DROP TABLE chat_room;
DROP TABLE chat_session;
DROP TABLE chat_user;
DROP TABLE chat_meta;
DROP TABLE chat_schema_requirement;
