//! Every limit of the chat's rules, named with its unit.

/// Characters in a user name, at least and at most.
pub const USERNAME_CHARS: std::ops::RangeInclusive<usize> = 2..=32;
/// Characters in a room name, at least and at most.
pub const ROOM_NAME_CHARS: std::ops::RangeInclusive<usize> = 1..=100;
/// Characters in a display name, at most.
pub const DISPLAY_NAME_CHARS_MAX: usize = 64;
/// Characters in a room's description, at most.
pub const ROOM_DESCRIPTION_CHARS_MAX: usize = 500;
/// Bytes in a message's body, at most.
pub const BODY_BYTES_MAX: usize = 8_192;
/// Characters in an idempotency key, at most.
pub const KEY_CHARS_MAX: usize = 64;
/// Bytes in a password, at least and at most. No rule about what they are.
pub const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 8..=1_024;

/// Characters in the name of a device, at most.
pub const DEVICE_NAME_CHARS_MAX: usize = 120;
/// Sessions of one person, at most; one more ends the one that was not seen longest.
pub const SESSIONS_PER_USER_MAX: u32 = 100;

/// Messages in a history page when the client names no number.
pub const PAGE_MESSAGES_DEFAULT: u32 = 50;
/// Messages in a history page, at most.
pub const PAGE_MESSAGES_MAX: u32 = 100;
/// Bytes in a page or a resume, at most (see [`crate::Message::page_bytes`]); one message always fits.
pub const PAGE_BYTES_MAX: usize = 128 * 1024;
/// Changes in a resume, at most; beyond it the client gets a reset.
pub const RESUME_CHANGES_MAX: u32 = 500;
/// Participants in a list, at most, those online first.
pub const PARTICIPANTS_LISTED_MAX: u32 = 200;
/// Rooms in a room list, at most.
pub const ROOMS_LISTED_MAX: u32 = 500;
/// Rooms that one person may be a member of, at most.
pub const ROOMS_JOINED_MAX: u32 = 200;
/// Where counting unread messages stops; a client shows this as "99+".
pub const UNREAD_COUNTED_MAX: u32 = 100;
/// Members above which a room no longer writes join and leave messages.
pub const ANNOUNCED_MEMBERS_MAX: i64 = 100;

/// Milliseconds a typing indication lives without being renewed.
pub const TYPING_EXPIRY_MS: i64 = 6_000;
/// Milliseconds between two announced starts of typing by one person in one room, at least.
pub const TYPING_START_INTERVAL_MS: i64 = 3_000;
/// Milliseconds between the loss of a person's last connection and "offline".
pub const PRESENCE_GRACE_MS: i64 = 5_000;

/// A limit as a length.
pub(crate) fn usize_of(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
