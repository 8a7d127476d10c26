//! Rows as they are stored, and the checked way from a row to a value of the domain.

use chat_domain::participant::ListedParticipant;
use chat_domain::{
    ControlAction, ControlEntry, ControlSeq, DeviceName, DisplayName, ListedSession, Message, MessageId,
    MessageKey, MessageKind, Participant, RepositoryError, Room, RoomDescription, RoomId, RoomName, Seq,
    Session, SessionId, Timestamp, User, UserId, UserSummary, Username, ValueError,
};
use diesel::prelude::*;

use crate::schema::{chat_control, chat_message, chat_participant, chat_room, chat_session, chat_user};

/// A value that the domain refuses must have come past it. The value itself is not told: logs hold no texts.
fn corrupt(table: &'static str, id: i64, error: &ValueError) -> RepositoryError {
    let (ValueError::Empty { what } | ValueError::Length { what, .. } | ValueError::Character { what, .. }) =
        error;
    RepositoryError::Corrupt(format!("{table} {id}: the {what} is not one that this program stores"))
}

/// A person as others see them.
#[derive(Queryable, Selectable)]
#[diesel(table_name = chat_user)]
pub(crate) struct AuthorRow {
    id: i64,
    username: String,
    display_name: String,
}

impl TryFrom<AuthorRow> for UserSummary {
    type Error = RepositoryError;
    fn try_from(row: AuthorRow) -> Result<Self, RepositoryError> {
        let bad = |error| corrupt("chat_user", row.id, &error);
        Ok(Self {
            id: UserId::new(row.id),
            username: Username::new(row.username).map_err(bad)?,
            display_name: DisplayName::new(row.display_name).map_err(bad)?,
        })
    }
}

/// A person, without the password's hash.
#[derive(Queryable, Selectable)]
#[diesel(table_name = chat_user)]
pub(crate) struct UserRow {
    #[diesel(embed)]
    author: AuthorRow,
    is_disabled: bool,
    created_at: i64,
}

impl TryFrom<UserRow> for User {
    type Error = RepositoryError;
    fn try_from(row: UserRow) -> Result<Self, RepositoryError> {
        Ok(Self {
            summary: row.author.try_into()?,
            is_disabled: row.is_disabled,
            created_at: Timestamp::from_unix_ms(row.created_at),
        })
    }
}

/// A session, without the token's hash.
#[derive(Queryable, Selectable)]
#[diesel(table_name = chat_session)]
pub(crate) struct SessionRow {
    id: i64,
    user_id: i64,
    created_at: i64,
    last_seen_at: i64,
    expires_at: i64,
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            id: SessionId::new(row.id),
            user_id: UserId::new(row.user_id),
            created_at: Timestamp::from_unix_ms(row.created_at),
            last_seen_at: Timestamp::from_unix_ms(row.last_seen_at),
            expires_at: Timestamp::from_unix_ms(row.expires_at),
        }
    }
}

/// A session with what its device calls itself.
pub(crate) type ListedSessionRow = (SessionRow, Option<String>);

pub(crate) fn listed_session((row, device): ListedSessionRow) -> Result<ListedSession, RepositoryError> {
    let bad = |error| corrupt("chat_session", row.id, &error);
    let device = device.map(DeviceName::new).transpose().map_err(bad)?;
    Ok(ListedSession { session: row.into(), device })
}

/// A room.
#[derive(Queryable, Selectable)]
#[diesel(table_name = chat_room)]
pub(crate) struct RoomRow {
    id: i64,
    name: String,
    description: String,
    created_at: i64,
    is_active: bool,
    last_seq: i64,
    members: i64,
    announces_members: bool,
}

impl TryFrom<RoomRow> for Room {
    type Error = RepositoryError;
    fn try_from(row: RoomRow) -> Result<Self, RepositoryError> {
        let bad = |error| corrupt("chat_room", row.id, &error);
        Ok(Self {
            id: RoomId::new(row.id),
            name: RoomName::new(row.name).map_err(bad)?,
            description: RoomDescription::new(row.description).map_err(bad)?,
            created_at: Timestamp::from_unix_ms(row.created_at),
            is_active: row.is_active,
            last_seq: Seq::new(row.last_seq),
            members: row.members,
            announces_members: row.announces_members,
        })
    }
}

/// A membership.
#[derive(Queryable, Selectable)]
#[diesel(table_name = chat_participant)]
pub(crate) struct ParticipantRow {
    pub(crate) room_id: i64,
    pub(crate) user_id: i64,
    joined_at: i64,
    last_active: i64,
    is_online: bool,
    read_seq: i64,
}

impl From<ParticipantRow> for Participant {
    fn from(row: ParticipantRow) -> Self {
        Self {
            room_id: RoomId::new(row.room_id),
            user_id: UserId::new(row.user_id),
            joined_at: Timestamp::from_unix_ms(row.joined_at),
            last_active: Timestamp::from_unix_ms(row.last_active),
            is_online: row.is_online,
            read_seq: Seq::new(row.read_seq),
        }
    }
}

/// A membership with the person, for the list of participants.
pub(crate) type ListedRow = (ParticipantRow, AuthorRow);

pub(crate) fn listed((row, author): ListedRow) -> Result<ListedParticipant, RepositoryError> {
    Ok(ListedParticipant {
        user: author.try_into()?,
        is_online: row.is_online,
        last_active: Timestamp::from_unix_ms(row.last_active),
    })
}

/// A message.
#[derive(Queryable, Selectable)]
#[diesel(table_name = chat_message)]
pub(crate) struct MessageRow {
    pub(crate) id: i64,
    room_id: i64,
    message: String,
    message_type: String,
    created_at: i64,
    edited_at: Option<i64>,
    seq: i64,
    changed_seq: i64,
    client_key: Option<String>,
}

/// A message with its author, who is absent where the application wrote it.
pub(crate) type WrittenRow = (MessageRow, Option<AuthorRow>);

pub(crate) fn written((row, author): WrittenRow) -> Result<Message, RepositoryError> {
    let bad = |error| corrupt("chat_message", row.id, &error);
    let impossible = |what| RepositoryError::Corrupt(format!("chat_message {}: {what}", row.id));
    let kind =
        MessageKind::from_name(&row.message_type).ok_or_else(|| impossible("its message_type is unknown"))?;
    if kind != MessageKind::System && author.is_none() {
        return Err(impossible("it is somebody's and has no author"));
    }
    if kind == MessageKind::Text && row.message.trim().is_empty() {
        return Err(impossible("it is a text without a body"));
    }
    Ok(Message {
        id: MessageId::new(row.id),
        room_id: RoomId::new(row.room_id),
        seq: Seq::new(row.seq),
        changed_seq: Seq::new(row.changed_seq),
        author: author.map(UserSummary::try_from).transpose()?,
        body: row.message,
        kind,
        created_at: Timestamp::from_unix_ms(row.created_at),
        edited_at: row.edited_at.map(Timestamp::from_unix_ms),
        key: row.client_key.map(MessageKey::new).transpose().map_err(bad)?,
    })
}

/// An entry of the control log.
#[derive(Queryable, Selectable)]
#[diesel(table_name = chat_control)]
pub(crate) struct ControlRow {
    seq: i64,
    created_at: i64,
    action: String,
    user_id: Option<i64>,
    room_id: Option<i64>,
    session_id: Option<i64>,
}

impl From<ControlRow> for ControlEntry {
    fn from(row: ControlRow) -> Self {
        Self {
            seq: ControlSeq::new(row.seq),
            created_at: Timestamp::from_unix_ms(row.created_at),
            action: ControlAction::from_stored(
                &row.action,
                row.user_id.map(UserId::new),
                row.room_id.map(RoomId::new),
                row.session_id.map(SessionId::new),
            ),
        }
    }
}
