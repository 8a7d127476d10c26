//! What a client hears and says: joining, counting what comes, and sending the next message when its own came back.

use super::{Client, Seat};
use crate::bench::frames;
use crate::bench::ledger::Ledger;
use crate::bench::refusal::{Asked, Refusal};
use crate::bench::wire::{self, Mark};
use crate::error::CliError;

impl Client {
    pub(super) fn hear(&mut self, payload: &[u8], ledger: &mut Ledger) -> Result<(), CliError> {
        if let Some((room, seq)) = wire::new_message(payload) {
            return self.deliver(room, seq, payload, ledger);
        }
        match wire::event_name(payload) {
            b"ack" => {
                let due_ns = self.sender.under_way.pop_front();
                due_ns.into_iter().for_each(|due_ns| ledger.acknowledged(due_ns));
            }
            b"room_joined" => self.room_joined(payload, ledger)?,
            b"history" => self.page_came(payload, ledger)?,
            b"changed" => {
                if let Some((room, seq)) = wire::changed(payload)
                    && let Some(seat) = self.seat(room)
                {
                    seat.last_seq = Some(seq);
                }
            }
            b"error" => return self.refused(Refusal::read(payload), ledger),
            b"room_left" => return Err(self.fault("the server ended a membership")),
            // Who comes and goes, who types, what is there besides: a load has no use for it.
            _ => {}
        }
        Ok(())
    }

    /// Counts a message and looks whether it is the next one of its room.
    fn deliver(&mut self, room: u32, seq: u64, payload: &[u8], ledger: &mut Ledger) -> Result<(), CliError> {
        let Some(seat) = self.seat(room) else { return Ok(()) };
        if seat.last_seq.is_some_and(|last_seq| seq <= last_seq) {
            ledger.counts.doubled += 1;
            return Ok(());
        }
        // What is left out is missing in the end: the deliveries are fewer than they should be.
        seat.last_seq = Some(seq);
        let sender = ledger.delivered(room, seq, payload).and_then(|sender| usize::try_from(sender).ok());
        if sender == Some(self.number) && self.sender.left > 0 {
            self.sender.left -= 1;
            self.send(ledger.now_ns, ledger)?;
        }
        Ok(())
    }

    fn room_joined(&mut self, payload: &[u8], ledger: &mut Ledger) -> Result<(), CliError> {
        let Some(joined) = wire::room_joined(payload) else { return Ok(()) };
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.room == joined.room) else { return Ok(()) };
        if let Some(history_wanted) = ledger.history_wanted {
            let messages = wire::messages_in(payload);
            let missed = match seat.last_seq {
                None => joined.last_seq.min(history_wanted),
                Some(last_seq) => joined.last_seq.saturating_sub(last_seq),
            };
            ledger.counts.history += messages;
            if joined.is_reset || messages < missed {
                ledger.counts.broken_joins += 1;
            }
        }
        seat.last_seq = Some(joined.last_seq);
        if std::mem::replace(&mut seat.is_in, true) {
            return Ok(());
        }
        if ledger.epoch.is_empty() {
            ledger.epoch = String::from_utf8_lossy(joined.epoch).into_owned();
        }
        ledger.enter(joined.room);
        if self.is_joined() {
            ledger.joined();
        }
        Ok(())
    }

    fn refused(&mut self, refusal: Refusal, ledger: &mut Ledger) -> Result<(), CliError> {
        let joining = self.seats.iter().find(|seat| !seat.is_in).map(|seat| seat.room);
        let asked = if self.pages.is_some() { Asked::Page } else { Asked::Send };
        let Some(next) = joining else { return Err(refusal.into_error(asked)) };
        let Some(after_ms) = refusal.again_after_ms() else { return Err(refusal.into_error(Asked::Join)) };
        // A join's id is its room.
        let room = refusal.re.as_deref().and_then(|id| id.parse().ok()).unwrap_or(next);
        ledger.put_off(self.number, Some(room), after_ms);
        Ok(())
    }

    /// Asks to join all rooms, with one write.
    pub(super) fn join_all(&mut self, ledger: &mut Ledger) -> Result<(), CliError> {
        let mut frames = Vec::new();
        for seat in &self.seats {
            append_join(seat, ledger, &mut frames);
        }
        self.write(&frames)
    }

    /// Asks to join a room again.
    pub(in crate::bench) fn join(&mut self, room: u32, ledger: &mut Ledger) -> Result<(), CliError> {
        let mut frame = Vec::new();
        let Some(seat) = self.seat(room) else { return Ok(()) };
        append_join(seat, ledger, &mut frame);
        self.write(&frame)
    }

    /// Sends `at_once` messages now, and lets others follow until there were so many: one each time that an own one
    /// comes back.
    pub(in crate::bench) fn begin(
        &mut self,
        at_once: u64,
        in_all: u64,
        ledger: &mut Ledger,
    ) -> Result<(), CliError> {
        let at_once = at_once.min(in_all);
        self.sender.left = in_all - at_once;
        ledger.look_at_clock();
        (0..at_once).try_for_each(|_| self.send(ledger.now_ns, ledger))
    }

    /// Sends a message that was due at some time, with one system call.
    pub(in crate::bench) fn send(&mut self, due_ns: u64, ledger: &mut Ledger) -> Result<(), CliError> {
        let Some(room) = self.seats.first().map(|seat| seat.room) else { return Ok(()) };
        let sender = u32::try_from(self.number).unwrap_or(u32::MAX);
        let mark = Mark { nonce: ledger.nonce, sender, due_ns };
        ledger.payload.clear();
        ledger.frame.clear();
        wire::write_send(room, mark, self.sender.sent, ledger.body_bytes, &mut ledger.payload);
        frames::append(frames::TEXT, &ledger.payload, &mut ledger.frame);
        self.write(&ledger.frame)?;
        self.sender.sent += 1;
        self.sender.under_way.push_back(due_ns);
        ledger.sent(room, due_ns);
        Ok(())
    }

    fn seat(&mut self, room: u32) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.room == room)
    }
}

fn append_join(seat: &Seat, ledger: &mut Ledger, frames: &mut Vec<u8>) {
    ledger.payload.clear();
    let position = seat.last_seq.map(|last_seq| (last_seq, ledger.epoch.as_str()));
    wire::write_join(seat.room, position, &mut ledger.payload);
    frames::append(frames::TEXT, &ledger.payload, frames);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::client::Stage;
    use crate::bench::stopwatch::Stopwatch;

    const NONCE: u32 = 77;

    fn ledger() -> Ledger {
        Ledger::new(Stopwatch::start(), NONCE, 100, 9)
    }

    /// A client in the rooms, of which it holds what came up to a number.
    fn joined(number: usize, rooms: &[u32], last_seq: u64, ledger: &mut Ledger) -> Client {
        let mut client = Client::new(number, String::new(), rooms.iter().copied());
        client.stage = Stage::Upgraded;
        for room in rooms {
            client.hear(room_joined(*room, last_seq, "false").as_bytes(), ledger).unwrap();
        }
        client
    }

    fn room_joined(room: u32, last_seq: u64, reset: &str) -> String {
        format!(
            r#"{{"type":"room_joined","re":"{room}","room":"bench-{room}","epoch":"e","last_seq":{last_seq},"messages":[],"reset":{reset}}}"#
        )
    }

    fn message(room: u32, seq: u64, nonce: u32, sender: u32) -> String {
        format!(
            r#"{{"type":"new_message","room":"bench-{room}","seq":{seq},"message":{{"body":"{nonce} {sender} 0 xxx","key":"k"}}}}"#
        )
    }

    #[test]
    fn what_comes_twice_is_counted_and_what_never_comes_is_missing() {
        let mut ledger = ledger();
        let mut sender = joined(0, &[3], 10, &mut ledger);
        let mut reader = joined(1, &[3], 10, &mut ledger);
        sender.begin(1, 4, &mut ledger).unwrap();
        for seq in 11..=14 {
            sender.hear(message(3, seq, NONCE, 0).as_bytes(), &mut ledger).unwrap();
        }
        assert_eq!((ledger.counts.sent, ledger.counts.expected, ledger.counts.deliveries), (4, 8, 4));
        // The second is doubled, the third is left out.
        for seq in [11, 12, 12, 14] {
            reader.hear(message(3, seq, NONCE, 0).as_bytes(), &mut ledger).unwrap();
        }
        assert_eq!((ledger.counts.deliveries, ledger.counts.doubled, ledger.counts.foreign), (7, 1, 0));
        // What comes behind a later one is no delivery either.
        reader.hear(message(3, 13, NONCE, 0).as_bytes(), &mut ledger).unwrap();
        assert_eq!((ledger.counts.deliveries, ledger.counts.doubled), (7, 2));
    }

    #[test]
    fn messages_of_other_runs_are_no_deliveries() {
        let mut ledger = ledger();
        let mut client = joined(0, &[3], 10, &mut ledger);
        client.hear(message(3, 11, NONCE + 1, 0).as_bytes(), &mut ledger).unwrap();
        client.hear(message(4, 12, NONCE, 0).as_bytes(), &mut ledger).unwrap();
        assert_eq!((ledger.counts.deliveries, ledger.counts.foreign, ledger.counts.doubled), (0, 1, 0));
    }

    #[test]
    fn a_sender_goes_on_when_its_own_message_came_back_and_no_further_than_it_shall() {
        let mut ledger = ledger();
        let mut client = joined(5, &[3], 0, &mut ledger);
        client.begin(2, 3, &mut ledger).unwrap();
        assert_eq!(ledger.counts.sent, 2);
        client.hear(message(3, 1, NONCE, 4).as_bytes(), &mut ledger).unwrap();
        assert_eq!(ledger.counts.sent, 2, "somebody else's");
        for seq in 2..=4 {
            client.hear(message(3, seq, NONCE, 5).as_bytes(), &mut ledger).unwrap();
        }
        assert_eq!(ledger.counts.sent, 3);
        client.hear(br#"{"type":"ack","re":"0","room":"bench-3","seq":2}"#, &mut ledger).unwrap();
        assert_eq!(ledger.counts.acks, 1);
    }

    #[test]
    fn a_join_that_brings_too_little_is_counted() {
        let mut ledger = ledger();
        ledger.history_wanted = Some(50);
        let mut client = joined(0, &[1, 2], 0, &mut ledger);
        assert_eq!((ledger.counts.joined, ledger.counts.broken_joins), (1, 0), "empty rooms have no history");
        client.part(&mut ledger);
        client.stage = Stage::Upgraded;
        client.hear(room_joined(1, 3, "false").as_bytes(), &mut ledger).unwrap();
        assert_eq!((ledger.counts.joined, ledger.counts.broken_joins), (0, 1), "three were missed");
        client.hear(room_joined(2, 0, "true").as_bytes(), &mut ledger).unwrap();
        assert_eq!((ledger.counts.joined, ledger.counts.broken_joins), (1, 2), "all is to be dropped");
    }

    #[test]
    fn a_join_that_is_put_off_is_tried_again_and_a_limit_ends_the_run() {
        let mut ledger = ledger();
        let mut client = Client::new(6, String::new(), [1, 2]);
        let error = |code: &str| {
            format!(r#"{{"type":"error","re":"2","code":"{code}","message":"no","retry_after_ms":20}}"#)
        };
        client.hear(error("overloaded").as_bytes(), &mut ledger).unwrap();
        assert!(ledger.take_again().is_none(), "not yet");
        ledger.now_ns += 20_000_000;
        let again = ledger.take_again().unwrap();
        assert_eq!((again.client, again.room, ledger.counts.put_off), (6, Some(2), 1));
        assert!(client.hear(error("rate_limited").as_bytes(), &mut ledger).is_err());
    }
}
