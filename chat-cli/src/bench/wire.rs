//! The events that a load sends and counts. What comes a million times is looked at, not parsed: every event begins
//! with its type, and the server writes the fields of one in the same order each time.

use std::io::Write;

use memchr::memmem;

/// How a message in a room of a load begins.
const NEW_MESSAGE: &[u8] = br#"{"type":"new_message","room":"bench-"#;
/// What stands between the room's number and the message's in it.
const SEQ: &[u8] = br#"","seq":"#;
/// What every event begins with.
const TYPE: &[u8] = br#"{"type":""#;
/// What stands once in each message of a list, and nowhere else.
const CHANGED_SEQ: &[u8] = br#""changed_seq":"#;

/// Room and number of a message; `None` for every other event.
pub(super) fn new_message(payload: &[u8]) -> Option<(u32, u64)> {
    let (room, rest) = number(payload.strip_prefix(NEW_MESSAGE)?)?;
    let (seq, _) = number(rest.strip_prefix(SEQ)?)?;
    Some((u32::try_from(room).ok()?, seq))
}

/// The name of an event; empty if it has none.
pub(super) fn event_name(payload: &[u8]) -> &[u8] {
    let rest = payload.strip_prefix(TYPE).unwrap_or_default();
    rest.split(|&byte| byte == b'"').next().unwrap_or_default()
}

/// What the answer to a join says in front of its lists.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RoomJoined<'p> {
    pub(super) room: u32,
    pub(super) epoch: &'p [u8],
    pub(super) last_seq: u64,
    /// What the client held is to be dropped.
    pub(super) is_reset: bool,
}

/// Reads the answer to a join.
pub(super) fn room_joined(payload: &[u8]) -> Option<RoomJoined<'_>> {
    let (room, rest) = number(behind(payload, br#""room":"bench-"#)?)?;
    let (last_seq, _) = number(behind(rest, br#""last_seq":"#)?)?;
    let epoch = behind(rest, br#""epoch":""#).and_then(|rest| rest.split(|&byte| byte == b'"').next());
    Some(RoomJoined {
        room: u32::try_from(room).ok()?,
        epoch: epoch.unwrap_or_default(),
        last_seq,
        is_reset: payload.ends_with(br#""reset":true}"#),
    })
}

/// How many messages an answer holds.
pub(super) fn messages_in(payload: &[u8]) -> u64 {
    u64::try_from(memmem::find_iter(payload, CHANGED_SEQ).count()).unwrap_or(u64::MAX)
}

/// Room and number of a change without content.
pub(super) fn changed(payload: &[u8]) -> Option<(u32, u64)> {
    let (room, rest) = number(behind(payload, br#""room":"bench-"#)?)?;
    let (seq, _) = number(rest.strip_prefix(SEQ)?)?;
    Some((u32::try_from(room).ok()?, seq))
}

/// What stands in the body of a load's message: by which run and client it was sent, and when it was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Tells the runs apart.
    pub(super) nonce: u32,
    /// Which client.
    pub(super) sender: u32,
    /// When the message was due, in nanoseconds since the run began.
    pub(super) due_ns: u64,
}

/// Reads the mark of a message; `None` if it is of no load.
pub(super) fn mark(payload: &[u8]) -> Option<Mark> {
    let (nonce, rest) = number(behind(payload, br#""body":""#)?)?;
    let (sender, rest) = number(rest.strip_prefix(b" ")?)?;
    let (due_ns, _) = number(rest.strip_prefix(b" ")?)?;
    Some(Mark { nonce: u32::try_from(nonce).ok()?, sender: u32::try_from(sender).ok()?, due_ns })
}

/// A join; with a position it asks for what came after it.
pub(super) fn write_join(room: u32, position: Option<(u64, &str)>, text: &mut Vec<u8>) {
    // Writing to a vector never fails.
    let _ = write!(text, r#"{{"type":"join_room","id":"{room}","room":"bench-{room}""#);
    if let Some((after, epoch)) = position {
        let _ = write!(text, r#","after":{after},"epoch":"{epoch}""#);
    }
    text.push(b'}');
}

/// A request for the page of a room's history in front of a number.
pub(super) fn write_get_history(room: u32, before: u64, limit: u32, text: &mut Vec<u8>) {
    let _ = write!(
        text,
        r#"{{"type":"get_history","id":"{before}","room":"bench-{room}","before":{before},"limit":{limit}}}"#
    );
}

/// A message that carries a mark, with a key of its own: the sender's number of it.
pub(super) fn write_send(room: u32, mark: Mark, number: u64, body_bytes: usize, text: &mut Vec<u8>) {
    let Mark { nonce, sender, due_ns } = mark;
    let _ = write!(text, r#"{{"type":"send_message","id":"{number}","room":"bench-{room}","body":""#);
    let start = text.len();
    let _ = write!(text, "{nonce} {sender} {due_ns} ");
    text.resize(text.len().max(start + body_bytes), b'x');
    let _ = write!(text, r#"","key":"{nonce}-{sender}-{number}"}}"#);
}

/// What follows the first occurrence of something.
fn behind<'p>(payload: &'p [u8], wanted: &[u8]) -> Option<&'p [u8]> {
    let at = memmem::find(payload, wanted)?;
    payload.get(at + wanted.len()..)
}

/// The number that some bytes begin with, and what follows it.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = bytes.split_at_checked(digits)?;
    let append = |number: u64, digit: &u8| number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
    (!digits.is_empty()).then(|| (digits.iter().fold(0, append), rest))
}

#[cfg(test)]
mod tests {
    use chat_domain::{MessageId, MessageKind, Seq, Timestamp, UserId};
    use chat_protocol::events::{Changed, GetHistory, NewMessage, RoomJoined as Joined};
    use chat_protocol::{Message, ServerEvent, User, decode, encode};

    use super::*;
    use crate::population::room_name;

    fn json(event: &ServerEvent) -> Vec<u8> {
        let mut json = Vec::new();
        encode(event, &mut json).unwrap();
        json
    }

    fn message(seq: i64, body: &str) -> Message {
        Message {
            id: MessageId::new(17),
            seq: Seq::new(seq),
            changed_seq: Seq::new(seq),
            user: Some(User {
                id: UserId::new(3),
                username: "bench-3".parse().unwrap(),
                display_name: "bench-3".parse().unwrap(),
            }),
            body: body.to_owned(),
            kind: MessageKind::Text,
            created_at: Timestamp::from_unix_ms(1_795_354_321_000),
            edited_at: None,
            key: Some("a-key".parse().unwrap()),
        }
    }

    #[test]
    fn a_message_of_the_server_is_read_as_it_was_written_by_a_client() {
        let mark_written = Mark { nonce: 4_294_967_295, sender: 999, due_ns: 12_345_678_901 };
        let mut text = Vec::new();
        write_send(42, mark_written, 7, 100, &mut text);
        let request = decode(std::str::from_utf8(&text).unwrap()).unwrap();
        let chat_protocol::ClientEvent::SendMessage(send) = request.event else { panic!("{request:?}") };
        assert_eq!((send.body.as_str().len(), send.key.as_str()), (100, "4294967295-999-7"));
        assert_eq!(send.room, room_name(42).unwrap());
        let sent = message(1_234, send.body.as_str());
        let event = json(&ServerEvent::NewMessage(NewMessage {
            room: send.room,
            seq: Seq::new(1_234),
            message: sent,
        }));
        assert_eq!(new_message(&event), Some((42, 1_234)));
        assert_eq!(mark(&event), Some(mark_written));
        assert_eq!(event_name(&event), b"new_message");
    }

    #[test]
    fn the_answer_to_a_join_is_read_whatever_stands_in_its_lists() {
        let mut text = Vec::new();
        write_join(7, Some((41, "b7c0de")), &mut text);
        let request = decode(std::str::from_utf8(&text).unwrap()).unwrap();
        let chat_protocol::ClientEvent::JoinRoom(join) = request.event else { panic!("{request:?}") };
        assert_eq!((join.room, join.after), (room_name(7).unwrap(), Some(Seq::new(41))));
        let tricky = r#"{"room":"bench-9","last_seq":9,"changed_seq":9,"reset":true}"#;
        let event = json(&ServerEvent::RoomJoined(Joined {
            room: room_name(7).unwrap(),
            epoch: "b7c0de".to_owned(),
            last_seq: Seq::new(44),
            members: 2,
            online: 1,
            participants: Vec::new(),
            messages: vec![message(42, tricky), message(43, "x"), message(44, tricky)],
            has_more: false,
            reset: false,
        }));
        let read = room_joined(&event).unwrap();
        assert_eq!(read, RoomJoined { room: 7, epoch: b"b7c0de", last_seq: 44, is_reset: false });
        assert_eq!(messages_in(&event), 3);
    }

    #[test]
    fn a_page_is_asked_for_as_the_server_reads_it() {
        let mut text = Vec::new();
        write_get_history(7, 1_234, 20, &mut text);
        let request = decode(std::str::from_utf8(&text).unwrap()).unwrap();
        let wanted = GetHistory { room: room_name(7).unwrap(), before: Seq::new(1_234), limit: 20 };
        assert_eq!(request.event, chat_protocol::ClientEvent::GetHistory(wanted));
    }

    #[test]
    fn other_events_and_other_peoples_messages_are_told_apart() {
        let room = room_name(3).unwrap();
        let event = json(&ServerEvent::Changed(Changed { room: room.clone(), seq: Seq::new(5) }));
        assert_eq!(
            (event_name(&event), changed(&event), new_message(&event)),
            (&b"changed"[..], Some((3, 5)), None)
        );
        let elsewhere =
            NewMessage { room: "general".parse().unwrap(), seq: Seq::new(5), message: message(5, "hi") };
        assert_eq!(new_message(&json(&ServerEvent::NewMessage(elsewhere))), None);
        let foreign = NewMessage { room, seq: Seq::new(6), message: message(6, "hi") };
        let event = json(&ServerEvent::NewMessage(foreign));
        assert_eq!((new_message(&event), mark(&event)), (Some((3, 6)), None));
        assert_eq!(event_name(b"[]"), b"");
    }
}
