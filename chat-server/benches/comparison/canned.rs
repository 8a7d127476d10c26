//! What the accept loop says from memory: answers as long as the server's, made once for each room and position.

use std::io;

use crate::wire::append_frame;

/// Messages that the answer to a first join brings, at most.
const PAGE_MESSAGES: u64 = 50;
const EPOCH: &str = "0123456789abcdef0123456789abcdef";

/// What stands in every answer.
pub(crate) struct Canned {
    /// What follows an upgrade.
    pub(crate) status: Vec<u8>,
    participants: String,
}

/// The answer to the last join of a room.
#[derive(Default)]
pub(crate) struct Answer {
    last_seq: u64,
    messages: u64,
    frame: Vec<u8>,
}

impl Canned {
    /// For rooms whose answers list so many people.
    pub(crate) fn new(participants: usize) -> io::Result<Self> {
        let status = format!(
            r#"{{"type":"status","status":"connected","user":{{"id":"1000","username":"bench-1000","display_name":"bench-1000"}},"epoch":"{EPOCH}","protocol":1,"server":"chat-server 0.1.0","limits":{{"body_bytes_max":8192,"frame_bytes_max":65536,"key_chars_max":64,"history_limit_max":100,"resume_changes_max":500,"rooms_joined_max":200,"typing_start_interval_ms":3000,"typing_expiry_ms":6000}}}}"#
        );
        let mut frame = Vec::new();
        append_frame(status.as_bytes(), &mut frame)?;
        let participant = |number: usize| {
            format!(
                r#"{{"user":{{"id":"{number:04}","username":"bench-{number:04}","display_name":"bench-{number:04}"}},"is_online":true,"last_active":1795354321000}}"#
            )
        };
        let participants: Vec<String> = (0..participants).map(participant).collect();
        Ok(Self { status: frame, participants: participants.join(",") })
    }

    /// The answer to a join: as many messages like `sample` as whoever holds what came up to `after` must get.
    pub(crate) fn answer<'a>(
        &self,
        room: usize,
        last_seq: u64,
        after: Option<u64>,
        sample: &[u8],
        answer: &'a mut Answer,
    ) -> io::Result<&'a [u8]> {
        let messages = match after {
            Some(after) => last_seq.saturating_sub(after),
            None => last_seq.min(PAGE_MESSAGES),
        };
        if answer.frame.is_empty() || (answer.last_seq, answer.messages) != (last_seq, messages) {
            let members = 1_000;
            let mut text = format!(
                r#"{{"type":"room_joined","re":"{room}","room":"bench-{room}","epoch":"{EPOCH}","last_seq":{last_seq},"members":{members},"online":{members},"participants":[{}],"messages":["#,
                self.participants
            )
            .into_bytes();
            for number in 0..messages {
                if number > 0 {
                    text.push(b',');
                }
                text.extend_from_slice(sample);
            }
            text.extend_from_slice(br#"],"has_more":false,"reset":false}"#);
            *answer = Answer { last_seq, messages, frame: Vec::new() };
            append_frame(&text, &mut answer.frame)?;
        }
        Ok(&answer.frame)
    }
}
