//! Typed ids and sequence numbers: one registry, so that a room id can't be passed for a user id.

macro_rules! define_numbers {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(transparent)]
        pub struct $name(i64);

        impl $name {
            /// Wraps a number that the store gave.
            #[must_use]
            pub const fn new(number: i64) -> Self {
                Self(number)
            }

            /// The number itself.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

define_numbers! {
    /// The number of an entry in the control log: 1, 2, 3 … without holes.
    ControlSeq
    /// A message, unique over all rooms.
    MessageId
    /// A room.
    RoomId
    /// The number of a durable change in a room: 1, 2, 3 … without holes, in commit order.
    Seq
    /// A signed-in device.
    SessionId
    /// A person.
    UserId
}

impl Seq {
    /// The position before the first change.
    pub const ZERO: Self = Self(0);

    /// The number that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl ControlSeq {
    /// The position before the first entry.
    pub const ZERO: Self = Self(0);
}

/// Ids as strings (JavaScript's numbers end at 2^53), sequence numbers as numbers.
#[cfg(feature = "serde")]
mod serialized {
    use super::{MessageId, RoomId, Seq, SessionId, UserId};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    macro_rules! as_string {
        ($($name:ident)*) => {$(
            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }
            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                    text.parse().map_err(D::Error::custom)
                }
            }
        )*};
    }
    as_string!(MessageId RoomId SessionId UserId);

    impl Serialize for Seq {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_i64(self.get())
        }
    }
    impl<'de> Deserialize<'de> for Seq {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            i64::deserialize(deserializer).map(Self::new)
        }
    }
}
