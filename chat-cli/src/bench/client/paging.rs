//! A client that reads history: it asks for the next page when one came.

use super::Client;
use crate::bench::frames;
use crate::bench::ledger::Ledger;
use crate::bench::pages::Pages;
use crate::bench::wire;
use crate::error::CliError;

impl Client {
    /// Asks for the first page of so many messages.
    pub(in crate::bench) fn begin_paging(&mut self, limit: u32, ledger: &mut Ledger) -> Result<(), CliError> {
        let Some(seat) = self.seats.first() else { return Ok(()) };
        let (room, last_seq) = (seat.room, seat.last_seq.unwrap_or(0));
        let number = u64::try_from(self.number).unwrap_or(u64::MAX);
        self.pages = Pages::new(last_seq, limit, (u64::from(ledger.nonce) << 32) | number);
        if self.pages.is_none() {
            let what = format!("bench-{room} holds {last_seq} messages, fewer than a page of {limit}");
            return Err(CliError::usage(what, "fill the room first, or take a smaller --page"));
        }
        self.ask_for_page(ledger)
    }

    /// Counts a page, and asks for the next one.
    pub(super) fn page_came(&mut self, payload: &[u8], ledger: &mut Ledger) -> Result<(), CliError> {
        // None is wanted any more.
        let Some(pages) = &self.pages else { return Ok(()) };
        ledger.page_came(pages.asked_ns, wire::messages_in(payload), pages.limit.into());
        self.ask_for_page(ledger)
    }

    fn ask_for_page(&mut self, ledger: &mut Ledger) -> Result<(), CliError> {
        let (Some(seat), Some(pages)) = (self.seats.first(), &mut self.pages) else { return Ok(()) };
        ledger.payload.clear();
        ledger.frame.clear();
        wire::write_get_history(seat.room, pages.next_before(), pages.limit, &mut ledger.payload);
        frames::append(frames::TEXT, &ledger.payload, &mut ledger.frame);
        // What counting the last page took is not part of this one.
        ledger.look_at_clock();
        pages.asked_ns = ledger.now_ns;
        self.write(&ledger.frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::client::Stage;
    use crate::bench::stopwatch::Stopwatch;

    fn joined(last_seq: u64) -> (Client, Ledger) {
        let mut ledger = Ledger::new(Stopwatch::start(), 77, 100, 3);
        let mut client = Client::new(0, String::new(), [3]);
        client.stage = Stage::Upgraded;
        let joined = format!(
            r#"{{"type":"room_joined","re":"3","room":"bench-3","epoch":"e","last_seq":{last_seq},"messages":[],"reset":false}}"#
        );
        client.hear(joined.as_bytes(), &mut ledger).unwrap();
        (client, ledger)
    }

    fn page(messages: usize) -> Vec<u8> {
        let list = vec![r#"{"seq":1,"changed_seq":1,"body":"x"}"#; messages].join(",");
        format!(r#"{{"type":"history","re":"7","room":"bench-3","messages":[{list}],"has_more":true}}"#)
            .into()
    }

    #[test]
    fn pages_are_counted_and_those_timed_that_were_asked_for_in_time() {
        let (mut client, mut ledger) = joined(100);
        client.begin_paging(50, &mut ledger).unwrap();
        client.hear(&page(50), &mut ledger).unwrap();
        ledger.timed = 0..u64::MAX;
        client.hear(&page(50), &mut ledger).unwrap();
        client.hear(&page(49), &mut ledger).unwrap();
        assert_eq!((ledger.counts.pages, ledger.counts.short_pages, ledger.page_times.len()), (3, 1, 2));
        client.stop();
        client.hear(&page(50), &mut ledger).unwrap();
        assert_eq!(ledger.counts.pages, 3, "nobody waits for it any more");
    }

    #[test]
    fn a_room_that_holds_no_page_is_named() {
        let (mut client, mut ledger) = joined(7);
        let refused = client.begin_paging(50, &mut ledger).unwrap_err().to_string();
        assert!(refused.contains("bench-3 holds 7 messages"), "{refused}");
    }
}
