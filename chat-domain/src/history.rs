//! Pages of messages, and the position up to which a client holds a room.

use crate::limits::PAGE_BYTES_MAX;
use crate::{Message, Seq};

/// Some messages of a room, in ascending order of `seq`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether older messages exist before the first one here.
    pub has_more: bool,
}

/// How far a client holds a room: the epoch of the database and the number of the last change it applied.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    /// The epoch; `None` if the client named none.
    pub epoch: Option<String>,
    /// The last change that the client holds.
    pub after: Seq,
}

impl Page {
    /// Makes a page of messages that were read newest first: `limit` of them, up to 128 KiB and at least one.
    pub(crate) fn from_newest_first(mut messages: Vec<Message>, limit: usize) -> Self {
        let read = messages.len();
        messages.truncate(limit);
        messages.truncate(fitting(&messages).max(1));
        let has_more = messages.len() < read;
        messages.reverse();
        Self { messages, has_more }
    }
}

/// How many of the messages, from the first one on, fit into a page's bytes.
pub(crate) fn fitting(messages: &[Message]) -> usize {
    let mut bytes = 0;
    messages
        .iter()
        .take_while(|message| {
            bytes += message.page_bytes();
            bytes <= PAGE_BYTES_MAX
        })
        .count()
}
