//! One example of every event and of every body over HTTP, for the golden files and the document.

use chat_domain::{
    Body, DeviceName, DisplayName, MessageId, MessageKey, MessageKind, RoomDescription, RoomName, Seq,
    SessionId, Timestamp, UserId, Username,
};
use chat_protocol::events::*;
use chat_protocol::{
    ClientEvent, ErrorCode, HttpError, Limits, LoginAnswer, LoginRequest, Message, PROTOCOL_LEVEL,
    Participant, PasswordRequest, RegisterAnswer, RegisterRequest, RevokeSessionsRequest, RoomEntry,
    RoomKind, ServerEvent, SessionEntry, SessionsAnswer, User,
};

fn room() -> RoomName {
    RoomName::new("general").unwrap()
}

fn key() -> MessageKey {
    MessageKey::new("0198f1c2-7c1e-7a53-9d0e-1f6a1c2b3d4e").unwrap()
}

fn ann() -> User {
    User {
        id: UserId::new(3),
        username: Username::new("ann").unwrap(),
        display_name: DisplayName::new("Ann").unwrap(),
    }
}

const fn at() -> Timestamp {
    Timestamp::from_unix_ms(1_795_354_321_000)
}

fn message() -> Message {
    Message {
        id: MessageId::new(1017),
        seq: Seq::new(42),
        changed_seq: Seq::new(42),
        user: Some(ann()),
        body: "hi".to_owned(),
        kind: MessageKind::Text,
        created_at: at(),
        edited_at: None,
        key: Some(key()),
    }
}

fn participant() -> Participant {
    Participant { user: ann(), is_online: true, last_active: at() }
}

/// The client's events, by the names of their golden files.
pub(crate) fn client() -> Vec<(&'static str, ClientEvent)> {
    vec![
        ("connect", ClientEvent::Connect(Connect { token: "TOKEN".to_owned() })),
        ("ping", ClientEvent::Ping {}),
        ("get_rooms", ClientEvent::GetRooms {}),
        ("join_room", ClientEvent::JoinRoom(JoinRoom { room: room(), after: None, epoch: None })),
        (
            "join_room_resume",
            ClientEvent::JoinRoom(JoinRoom {
                room: room(),
                after: Some(Seq::new(41)),
                epoch: Some("b7c0de".to_owned()),
            }),
        ),
        ("leave_room", ClientEvent::LeaveRoom(LeaveRoom { room: room() })),
        (
            "get_history",
            ClientEvent::GetHistory(GetHistory { room: room(), before: Seq::new(42), limit: 50 }),
        ),
        (
            "send_message",
            ClientEvent::SendMessage(SendMessage {
                room: room(),
                body: Body::new("hi").unwrap(),
                key: key(),
            }),
        ),
        ("mark_read", ClientEvent::MarkRead(MarkRead { room: room(), seq: Seq::new(42) })),
        ("typing_start", ClientEvent::TypingStart(Typing { room: room() })),
        ("typing_stop", ClientEvent::TypingStop(Typing { room: room() })),
    ]
}

/// The server's events, by the names of their golden files, with the id of the request that they answer.
pub(crate) fn server() -> Vec<(&'static str, Option<&'static str>, ServerEvent)> {
    let connected = Status::Connected {
        user: ann(),
        epoch: "b7c0de".to_owned(),
        protocol: PROTOCOL_LEVEL,
        server: "chat-server 0.1.0".to_owned(),
        limits: Limits::default(),
    };
    let entry = RoomEntry {
        name: room(),
        description: RoomDescription::new("General fitness discussion and motivation").unwrap(),
        kind: RoomKind::Open,
        joined: true,
        last_seq: Seq::new(42),
        read_seq: Seq::new(40),
        unread: 2,
        members: 12,
        online: 5,
    };
    let joined = RoomJoined {
        room: room(),
        epoch: "b7c0de".to_owned(),
        last_seq: Seq::new(42),
        members: 12,
        online: 5,
        participants: vec![participant()],
        messages: vec![message()],
        has_more: true,
        reset: false,
    };
    let sent = Ack {
        room: Some(room()),
        seq: Some(Seq::new(42)),
        message_id: Some(MessageId::new(1017)),
        created_at: Some(at()),
    };
    let limited = Error {
        code: ErrorCode::RateLimited,
        message: "too many messages; 10 per second are allowed".to_owned(),
        retry_after_ms: Some(300),
    };
    let left = |reason| UserLeft { room: room(), user: ann(), reason, members: 12, online: 4 };
    vec![
        ("status_connected", None, ServerEvent::Status(connected)),
        ("status_closing", None, ServerEvent::Status(Status::Closing { reconnect_after_ms: 1_500 })),
        ("pong", Some("1"), ServerEvent::Pong {}),
        ("rooms_list", Some("2"), ServerEvent::RoomsList(RoomsList { rooms: vec![entry] })),
        ("rooms_changed", None, ServerEvent::RoomsChanged {}),
        ("room_joined", Some("3"), ServerEvent::RoomJoined(joined)),
        ("room_left", None, ServerEvent::RoomLeft(RoomLeft { room: room(), reason: RoomLeftReason::Left })),
        (
            "history",
            Some("4"),
            ServerEvent::History(History { room: room(), messages: vec![message()], has_more: true }),
        ),
        ("ack", Some("5"), ServerEvent::Ack(Ack::default())),
        ("ack_message", Some("7"), ServerEvent::Ack(sent)),
        (
            "new_message",
            None,
            ServerEvent::NewMessage(NewMessage { room: room(), seq: Seq::new(42), message: message() }),
        ),
        ("changed", None, ServerEvent::Changed(Changed { room: room(), seq: Seq::new(43) })),
        (
            "read_marker",
            None,
            ServerEvent::ReadMarker(ReadMarker { room: room(), read_seq: Seq::new(42), unread: 0 }),
        ),
        (
            "user_joined",
            None,
            ServerEvent::UserJoined(UserJoined { room: room(), user: ann(), members: 12, online: 5 }),
        ),
        ("user_left", None, ServerEvent::UserLeft(left(UserLeftReason::Offline))),
        (
            "presence",
            None,
            ServerEvent::Presence(Presence {
                room: room(),
                participants: vec![participant()],
                members: 12,
                online: 5,
            }),
        ),
        (
            "user_typing",
            None,
            ServerEvent::UserTyping(UserTyping { room: room(), user: ann(), is_typing: true }),
        ),
        ("error", Some("8"), ServerEvent::Error(limited)),
    ]
}

/// The bodies over HTTP by their requests: what is sent and what is answered.
pub(crate) fn http() -> Vec<(&'static str, [Option<String>; 2])> {
    let username = "ann".to_owned();
    let register = RegisterRequest {
        username: username.clone(),
        password: "PASSWORD".to_owned(),
        display_name: Some("Ann".to_owned()),
    };
    let login = LoginRequest { username, password: "PASSWORD".to_owned(), cookie: false };
    let entry = SessionEntry {
        id: SessionId::new(12),
        device: DeviceName::cleaned("Firefox on Linux"),
        created_at: at(),
        last_seen_at: at(),
        expires_at: at().plus_ms(30 * 24 * 60 * 60 * 1_000),
        is_current: true,
    };
    let password = PasswordRequest {
        current_password: "PASSWORD".to_owned(),
        new_password: "ANOTHER PASSWORD".to_owned(),
    };
    let (one, others) = (RevokeSessionsRequest::One(SessionId::new(12)), RevokeSessionsRequest::Others);
    let unknown = HttpError {
        code: ErrorCode::UnknownSession,
        message: "there is no such session".to_owned(),
        retry_after_ms: None,
    };
    vec![
        ("POST /api/v1/register", [json(&register), json(&RegisterAnswer { user: ann() })]),
        (
            "POST /api/v1/login",
            [json(&login), json(&LoginAnswer { token: Some("TOKEN".to_owned()), user: ann() })],
        ),
        ("POST /api/v1/logout", [Some("{}".to_owned()), None]),
        ("GET /api/v1/sessions", [None, json(&SessionsAnswer { sessions: vec![entry] })]),
        ("POST /api/v1/sessions/revoke", [json(&others), None]),
        ("POST /api/v1/sessions/revoke", [json(&one), json(&unknown)]),
        ("POST /api/v1/password", [json(&password), None]),
    ]
}

fn json(body: &impl serde::Serialize) -> Option<String> {
    Some(serde_json::to_string(body).unwrap())
}
