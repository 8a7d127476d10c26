//! Lists that are JSON already: what many clients get of the same people and messages is encoded once.

use chat_domain::{Timestamp, UserSummary};
use serde::ser::Error;

use crate::encode::encode_answer;
use crate::{Message, ServerEvent, User};

/// Bytes of a participant in a list, about.
const PARTICIPANT_BYTES: usize = 140;

/// The JSON of a list's entries, with commas between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JsonList(Vec<u8>);

impl JsonList {
    /// The JSON of messages.
    ///
    /// # Errors
    /// Never: messages hold nothing that JSON can't.
    pub fn of_messages<'m>(
        messages: impl IntoIterator<Item = &'m chat_domain::Message>,
    ) -> serde_json::Result<Self> {
        let mut list = Vec::new();
        for message in messages {
            separate(&mut list);
            serde_json::to_writer(&mut list, &Message::from(message.clone()))?;
        }
        Ok(Self(list))
    }
}

/// A person as JSON, for the lists in which they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonUser(Box<[u8]>);

impl JsonUser {
    /// Encodes a person.
    ///
    /// # Errors
    /// Never: people hold nothing that JSON can't.
    pub fn new(user: &UserSummary) -> serde_json::Result<Self> {
        Ok(Self(serde_json::to_vec(&User::from(user.clone()))?.into()))
    }
}

impl JsonList {
    /// An empty list of participants with room for so many.
    #[must_use]
    pub fn with_capacity(participants: usize) -> Self {
        Self(Vec::with_capacity(participants * PARTICIPANT_BYTES))
    }

    /// Adds a participant.
    ///
    /// # Errors
    /// Never.
    pub fn push_participant(
        &mut self,
        JsonUser(user): &JsonUser,
        is_online: bool,
        last_active: Timestamp,
    ) -> serde_json::Result<()> {
        let Self(list) = self;
        separate(list);
        list.extend_from_slice(br#"{"user":"#);
        list.extend_from_slice(user);
        list.extend_from_slice(if is_online {
            br#","is_online":true,"last_active":"#
        } else {
            br#","is_online":false,"last_active":"#
        });
        serde_json::to_writer(&mut *list, &last_active)?;
        list.push(b'}');
        Ok(())
    }
}

fn separate(list: &mut Vec<u8>) {
    if !list.is_empty() {
        list.push(b',');
    }
}

/// Appends an event's JSON as [`encode_answer`] does, with lists in the place of its empty ones, which are named in
/// the order in which the event has them.
///
/// # Errors
/// If the event has no such empty list.
pub fn encode_with_lists(
    event: &ServerEvent,
    re: Option<&str>,
    lists: &[(&str, &JsonList)],
    buffer: &mut Vec<u8>,
) -> serde_json::Result<()> {
    let mut bare = Vec::with_capacity(512);
    encode_answer(event, re, &mut bare)?;
    buffer.reserve(bare.len() + lists.iter().map(|(_, list)| list.0.len()).sum::<usize>());
    let mut rest = bare.as_slice();
    for (field, JsonList(list)) in lists {
        // Not inside a text: there the quotes would be escaped.
        let empty = format!(r#""{field}":[]"#);
        let found = rest.windows(empty.len()).position(|window| window == empty.as_bytes());
        let halves = found.and_then(|at| rest.split_at_checked(at + empty.len() - 1));
        let (before, behind) =
            halves.ok_or_else(|| serde_json::Error::custom(format!("no empty list {field}")))?;
        buffer.extend_from_slice(before);
        buffer.extend_from_slice(list);
        rest = behind;
    }
    buffer.extend_from_slice(rest);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Participant;
    use crate::encode::encode;
    use crate::events::RoomJoined;
    use chat_domain::participant::ListedParticipant;
    use chat_domain::{DisplayName, MessageId, MessageKind, RoomId, RoomName, Seq, UserId, Username};

    const NOW: Timestamp = Timestamp::from_unix_ms(1_795_354_321_000);

    fn person(id: i64, display_name: &str) -> UserSummary {
        UserSummary {
            id: UserId::new(id),
            username: Username::new(format!("user-{id}")).unwrap(),
            display_name: DisplayName::new(display_name).unwrap(),
        }
    }

    fn joined(participants: Vec<Participant>, messages: Vec<Message>) -> ServerEvent {
        ServerEvent::RoomJoined(RoomJoined {
            room: RoomName::new("general").unwrap(),
            epoch: r#"x"participants":[]"#.to_owned(),
            last_seq: Seq::new(2),
            members: 2,
            online: 1,
            participants,
            messages,
            has_more: true,
            reset: false,
        })
    }

    #[test]
    fn what_is_put_together_is_what_the_event_would_be() {
        let participants = [
            ListedParticipant { user: person(1, "Ann \"A\" \\ ü"), is_online: true, last_active: NOW },
            ListedParticipant { user: person(2, "Bob"), is_online: false, last_active: Timestamp::default() },
        ];
        let message = |seq| chat_domain::Message {
            id: MessageId::new(seq),
            room_id: RoomId::new(1),
            seq: Seq::new(seq),
            changed_seq: Seq::new(seq),
            author: Some(person(1, "Ann")),
            body: r#"["messages":[]]"#.to_owned(),
            kind: MessageKind::Text,
            created_at: NOW,
            edited_at: None,
            key: None,
        };
        let messages = [message(1), message(2)];
        for count in 0..=2 {
            let mut whole = Vec::new();
            let event = joined(
                participants.iter().take(count).cloned().map(Into::into).collect(),
                messages.iter().take(count).cloned().map(Into::into).collect(),
            );
            encode_answer(&event, Some(r#"7"participants":[]"#), &mut whole).unwrap();
            let mut listed = JsonList::with_capacity(1);
            for ListedParticipant { user, is_online, last_active } in &participants[..count] {
                listed.push_participant(&JsonUser::new(user).unwrap(), *is_online, *last_active).unwrap();
            }
            let messages = JsonList::of_messages(&messages[..count]).unwrap();
            let lists = [("participants", &listed), ("messages", &messages)];
            let mut together = Vec::new();
            let bare = joined(Vec::new(), Vec::new());
            encode_with_lists(&bare, Some(r#"7"participants":[]"#), &lists, &mut together).unwrap();
            assert_eq!(String::from_utf8(together), String::from_utf8(whole));
        }
    }

    #[test]
    fn an_event_without_the_list_is_an_error() {
        let list = [("messages", &JsonList::default())];
        let bare = ServerEvent::RoomsChanged {};
        assert!(encode_with_lists(&bare, None, &list, &mut Vec::new()).is_err());
        let mut whole = Vec::new();
        encode_with_lists(&bare, None, &[], &mut whole).unwrap();
        let mut plain = Vec::new();
        encode(&bare, &mut plain).unwrap();
        assert_eq!(whole, plain);
    }
}
