//! What every repository must keep to: call [`check_all`] from a test of the crate that implements the traits.
//!
//! Each check gets an empty store and speaks to it through use cases wherever there is one, so that a store that
//! passes is one on which the chat's promises hold.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests that other crates run"
)]

use crate::batch::{Command, CommandError, Outcome, commit_batch};
use crate::history::{Page, Position};
use crate::{
    AccessError, AddRoom, Body, ControlAction, ControlSeq, DisplayName, GetHistory, JoinRoom, JoinRoomError,
    KeptRoom, LeaveRoom, MarkRead, MessageKey, MessageKind, MessageSent, OpenSession, PasswordHash,
    PresenceRecord, ReadRoom, ReadRoomError, RegisterUser, RegisterUserError, Repository, RepositoryError,
    Room, RoomDescription, RoomId, RoomName, RoomReader, RoomSnapshot, SendMessage, SendMessageError, Seq,
    Session, SessionId, Timestamp, TokenHash, UserId, UserSummary, Username, add_default_rooms, add_room,
    archive_room, disable_user, find_signed_in, get_history, get_rooms, join_room, leave_room, mark_read,
    open_session, read_room, read_room_together, register_user, send_message, sign_out,
};

mod batches;
mod history;
mod people;
mod rooms;
mod sessions;

/// Something to be done in a transaction.
pub type Work<'w> = &'w mut dyn FnMut(&mut dyn Repository) -> Result<(), RepositoryError>;

/// A store that runs work in write transactions: whole if it returns `Ok`, not at all if it returns an error.
pub trait Store {
    /// Runs `work` in a write transaction.
    ///
    /// # Errors
    /// The error of `work`, or of the store.
    fn write(&mut self, work: Work<'_>) -> Result<(), RepositoryError>;
}

impl Store for crate::MemoryRepository {
    fn write(&mut self, work: Work<'_>) -> Result<(), RepositoryError> {
        self.transaction(|repository| work(repository))
    }
}

/// A part of the contract, and what checks it.
type Check<S> = (&'static str, fn(&mut S));

/// Runs every check, each on a store of its own, which must be empty: no users, no rooms.
///
/// # Panics
/// If the store breaks the contract; the message says which part.
pub fn check_all<S: Store>(mut new_store: impl FnMut() -> S) {
    let checks: [Check<S>; 23] = [
        ("names are unique", people::names_are_unique),
        ("numbers are dense and in commit order", batches::numbers_are_dense),
        ("a key makes one message", batches::a_key_makes_one_message),
        ("one bad command does not sink a batch", batches::one_bad_command_does_not_sink_a_batch),
        ("a failed transaction leaves nothing", batches::a_failed_transaction_leaves_nothing),
        ("only members get in", rooms::only_members_get_in),
        ("membership is announced and counted", rooms::membership_is_announced_and_counted),
        ("one's own rooms are in a full list", rooms::ones_own_rooms_are_in_a_full_list),
        ("nobody is in more rooms than allowed", rooms::nobody_is_in_more_rooms_than_allowed),
        ("history pages are whole", history::history_pages_are_whole),
        ("a page ends at its bytes", history::a_page_ends_at_its_bytes),
        ("a resume is whole or a reset", history::a_resume_is_whole_or_a_reset),
        ("who reads together reads what each would alone", history::reading_together_is_reading_alone),
        ("unread counts are derived", history::unread_counts_are_derived),
        ("sessions end", sessions::sessions_end),
        ("a session that is seen goes on", sessions::a_session_that_is_seen_goes_on),
        ("one session too many ends the one not seen longest", sessions::one_too_many_ends_the_unseen),
        ("people end their own sessions alone", sessions::people_end_their_own_sessions),
        ("a new password ends the other sessions", sessions::a_new_password_ends_the_others),
        ("sessions that ended are removed", sessions::ended_sessions_are_removed),
        ("the control log is numbered", people::the_control_log_is_numbered),
        ("presence is a projection", rooms::presence_is_a_projection),
        ("texts come back as they went in", history::texts_come_back_as_they_went_in),
    ];
    for (name, check) in checks {
        let mut store = new_store();
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&mut store)));
        assert!(checked.is_ok(), "the store breaks the contract: {name}");
    }
}

const fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

/// Runs work that gives a value in a transaction that commits.
fn run<S: Store, T>(store: &mut S, mut work: impl FnMut(&mut dyn Repository) -> T) -> T {
    let mut value = None;
    store
        .write(&mut |repository| {
            value = Some(work(repository));
            Ok(())
        })
        .unwrap();
    value.unwrap()
}

fn user<S: Store>(store: &mut S, name: &str) -> UserSummary {
    let username = Username::new(name).unwrap();
    let request = RegisterUser {
        display_name: DisplayName::from(&username),
        username,
        password_hash: Some(PasswordHash::new("hash".to_owned())),
    };
    run(store, |repository| register_user(repository, at(1), &request)).unwrap().summary
}

fn room<S: Store>(store: &mut S, name: &str) -> Room {
    let request = AddRoom {
        name: RoomName::new(name).unwrap(),
        description: RoomDescription::default(),
        announces_members: false,
    };
    run(store, |repository| add_room(repository, at(1), request.clone())).unwrap()
}

fn join<S: Store>(store: &mut S, room: &Room, user: &UserSummary) {
    let request = JoinRoom { user_id: user.id, room_id: room.id };
    run(store, |repository| join_room(repository, at(2), request)).unwrap();
}

fn sending(room_id: RoomId, user_id: UserId, body: &str, key: &str) -> SendMessage {
    SendMessage { user_id, room_id, body: Body::new(body).unwrap(), key: MessageKey::new(key).unwrap() }
}

fn send<S: Store>(
    store: &mut S,
    room: &Room,
    user: &UserSummary,
    body: &str,
    key: &str,
) -> Result<MessageSent, SendMessageError> {
    let request = sending(room.id, user.id, body, key);
    run(store, |repository| send_message(repository, at(3), request.clone()))
}

/// Reads a room as somebody.
fn look<S: Store>(
    store: &mut S,
    room: &Room,
    user: &UserSummary,
    position: Option<Position>,
) -> Result<RoomSnapshot, ReadRoomError> {
    let request = ReadRoom { user_id: user.id, room_id: room.id, position };
    run(store, |repository| read_room(repository, &request))
}

/// Pages back as somebody.
fn page<S: Store>(
    store: &mut S,
    room: &Room,
    user: &UserSummary,
    before: i64,
    limit: u32,
) -> Result<Page, ReadRoomError> {
    let request = GetHistory { user_id: user.id, room_id: room.id, before: Seq::new(before), limit };
    run(store, |repository| get_history(repository, request))
}
