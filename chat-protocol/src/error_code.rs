//! Error codes: stable names that a client may act on.

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, retry $retry:literal;)*) => {
        /// Why a request was refused. The names never change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// Whether the same request may succeed later, so that the answer says when.
            #[must_use]
            pub const fn may_retry(self) -> bool {
                match self { $(Self::$name => $retry),* }
            }

            /// What the code means, in a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+)),* }
            }
        }
    };
}

error_codes! {
    /// The frame or body is not a JSON object, or names a field twice.
    BadJson = "bad_json", retry false;
    /// There is no such event (over HTTP: no such path or method).
    UnknownType = "unknown_type", retry false;
    /// A field is missing or has a wrong type or value.
    BadField = "bad_field", retry false;
    /// Nobody is signed in on this connection, or the token is not valid.
    Unauthenticated = "unauthenticated", retry false;
    /// This account, origin or address may not do that.
    Forbidden = "forbidden", retry false;
    /// There is no room of that name.
    UnknownRoom = "unknown_room", retry false;
    /// The room has to be joined first.
    NotAMember = "not_a_member", retry false;
    /// The room is archived.
    RoomArchived = "room_archived", retry false;
    /// Nothing visible is in the message.
    EmptyBody = "empty_body", retry false;
    /// The message, or the body of an HTTP request, is longer than allowed.
    MessageTooLong = "message_too_long", retry false;
    /// A send needs an idempotency key.
    KeyMissing = "key_missing", retry false;
    /// The key already stands for another message.
    KeyConflict = "key_conflict", retry false;
    /// The account is a member of as many rooms as allowed.
    TooManyRooms = "too_many_rooms", retry false;
    /// Too many requests of this kind.
    RateLimited = "rate_limited", retry true;
    /// The server has as much work as it can hold. For a send: unknown, retry with the same key.
    Overloaded = "overloaded", retry true;
    /// The database does not answer. For a send: unknown, retry with the same key.
    Unavailable = "unavailable", retry true;
    /// There is no room left on the disk. For a send: unknown, retry with the same key.
    StorageFull = "storage_full", retry true;
    /// A defect of the server or of its data; its log says more.
    Internal = "internal", retry false;
    /// HTTP only: the user name or display name breaks a rule.
    InvalidName = "invalid_name", retry false;
    /// HTTP only: somebody else has the user name.
    NameTaken = "name_taken", retry false;
    /// HTTP only: the password is shorter or longer than allowed.
    WeakPassword = "weak_password", retry false;
    /// HTTP only: user name and password don't belong together, or the current password is wrong.
    WrongCredentials = "wrong_credentials", retry false;
    /// HTTP only: the account has no session of that id.
    UnknownSession = "unknown_session", retry false;
    /// HTTP only: this server lets nobody register.
    RegistrationClosed = "registration_closed", retry false;
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
