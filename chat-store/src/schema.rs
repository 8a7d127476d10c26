//! The tables, for both backends: only `BigInt`, `Text`, `Bool` and `Binary`; times are Unix milliseconds.
//!
//! Kept by hand, because SQLite calls every id an `INTEGER`; a test compares it with both live schemas.

diesel::table! {
    chat_user (id) {
        id -> BigInt,
        username -> Text,
        display_name -> Text,
        password_hash -> Nullable<Text>,
        is_disabled -> Bool,
        created_at -> BigInt,
    }
}

diesel::table! {
    chat_session (id) {
        id -> BigInt,
        user_id -> BigInt,
        token_hash -> Binary,
        created_at -> BigInt,
        expires_at -> BigInt,
        last_seen_at -> BigInt,
        device -> Nullable<Text>,
    }
}

diesel::table! {
    chat_room (id) {
        id -> BigInt,
        name -> Text,
        description -> Text,
        created_at -> BigInt,
        is_active -> Bool,
        last_seq -> BigInt,
        members -> BigInt,
        announces_members -> Bool,
    }
}

diesel::table! {
    chat_message (id) {
        id -> BigInt,
        room_id -> BigInt,
        user_id -> Nullable<BigInt>,
        message -> Text,
        message_type -> Text,
        created_at -> BigInt,
        is_edited -> Bool,
        edited_at -> Nullable<BigInt>,
        seq -> BigInt,
        changed_seq -> BigInt,
        client_key -> Nullable<Text>,
    }
}

diesel::table! {
    chat_participant (id) {
        id -> BigInt,
        room_id -> BigInt,
        user_id -> BigInt,
        joined_at -> BigInt,
        last_active -> BigInt,
        is_online -> Bool,
        read_seq -> BigInt,
    }
}

diesel::table! {
    chat_meta (id) {
        id -> BigInt,
        epoch -> Text,
        control_seq -> BigInt,
    }
}

diesel::table! {
    chat_control (seq) {
        seq -> BigInt,
        created_at -> BigInt,
        action -> Text,
        user_id -> Nullable<BigInt>,
        room_id -> Nullable<BigInt>,
        session_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    chat_schema_requirement (migration) {
        migration -> Text,
        oldest_program -> Text,
    }
}

diesel::joinable!(chat_session -> chat_user (user_id));
diesel::joinable!(chat_message -> chat_user (user_id));
diesel::joinable!(chat_participant -> chat_user (user_id));
diesel::joinable!(chat_participant -> chat_room (room_id));
diesel::allow_tables_to_appear_in_same_query!(
    chat_user,
    chat_session,
    chat_message,
    chat_participant,
    chat_room
);
