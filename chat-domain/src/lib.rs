//! The chat as a pure library: rooms, messages, participants, users, typing, presence, rates and permissions.
//!
//! Nothing here reads a clock, draws a random number, waits or does I/O: time and chance enter as parameters,
//! storage through the traits of [`repository`]. The use cases are functions named after the events of the
//! wire protocol: [`send_message()`], [`join_room()`], [`leave_room()`], [`mark_read()`], [`get_rooms()`],
//! [`read_room()`], [`get_history()`]. [`MemoryRepository`] is the reference implementation of the traits;
//! `contract` (a cargo feature) holds the tests that every other implementation must pass.
//!
//! The values come validated: whoever holds a [`RoomName`] or a [`Body`] holds a good one.
#![forbid(unsafe_code)]

pub mod access;
pub mod backoff;
pub mod batch;
pub mod control;
pub mod history;
pub mod ids;
pub mod limits;
pub mod memory;
pub mod message;
pub mod participant;
pub mod presence;
pub mod rate;
pub mod repository;
pub mod room;
pub mod session;
pub mod text;
pub mod time;
pub mod typing;
pub mod user;

mod get_history;
mod get_rooms;
mod join_room;
mod leave_room;
mod manage_rooms;
mod manage_sessions;
mod manage_users;
mod mark_read;
mod read_room;
mod send_message;
mod sign_in;

#[cfg(feature = "contract")]
pub mod contract;

pub use access::{AccessError, access_room};
pub use backoff::{Attempts, Backoff};
pub use batch::{Command, CommandError, Outcome, commit_batch};
pub use control::{ControlAction, ControlEntry};
pub use get_history::{GetHistory, get_history};
pub use get_rooms::{RoomListing, get_rooms};
pub use history::{Page, Position};
pub use ids::{ControlSeq, MessageId, RoomId, Seq, SessionId, UserId};
pub use join_room::{JoinRoom, JoinRoomError, RoomJoined, join_room};
pub use leave_room::{LeaveRoom, LeaveRoomError, RoomLeft, leave_room};
pub use manage_rooms::{
    AddRoom, AddRoomError, ArchiveRoomError, DEFAULT_ROOMS, add_default_rooms, add_room, archive_room,
};
pub use manage_sessions::{
    ChangeOwnPassword, ChangeOwnPasswordError, RevokeSessions, RevokeSessionsError, Revoked,
    change_own_password, list_sessions, revoke_sessions,
};
pub use manage_users::{
    ChangeUserError, change_password, disable_user, enable_user, sign_out_everywhere, update_password_hash,
};
pub use mark_read::{MarkRead, MarkReadError, ReadMarked, mark_read};
pub use memory::MemoryRepository;
pub use message::{Body, Message, MessageKey, MessageKind, NewMessage};
pub use participant::{Member, OfUser, Participant, PresenceRecord};
pub use presence::{LeaveReason, Overlaid, PresenceBoard, PresenceChange};
pub use rate::{Rate, TokenBucket};
pub use read_room::{
    KeptRoom, ReadRoom, ReadRoomError, RoomReader, RoomSnapshot, read_room, read_room_together,
};
pub use repository::{Repository, RepositoryError};
pub use room::{NewRoom, Room, RoomDescription, RoomName};
pub use send_message::{MessageSent, SendMessage, SendMessageError, send_message};
pub use session::{DeviceName, ListedSession, NewSession, Session, TokenHash};
pub use sign_in::{
    OpenSession, OpenSessionError, RegisterUser, RegisterUserError, SignedIn, find_signed_in, open_session,
    register_user, sign_out,
};
pub use text::ValueError;
pub use time::Timestamp;
pub use typing::{TypingBoard, TypingChange};
pub use user::{DisplayName, NewUser, PasswordHash, User, UserSummary, Username};
