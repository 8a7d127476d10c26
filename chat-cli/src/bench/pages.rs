//! Which pages of a room's history a client asks for: whole ones, at places that nobody guesses.

/// Pages at random places. The same beginning has the same places.
#[derive(Debug)]
pub(super) struct Pages {
    /// The number behind the room's last message.
    end: u64,
    /// Messages in a page.
    pub(super) limit: u32,
    /// When the page was asked for that is under way.
    pub(super) asked_ns: u64,
    chance: fastrand::Rng,
}

impl Pages {
    /// Pages of a room whose last message has a number. `None` if it holds no whole page.
    pub(super) fn new(last_seq: u64, limit: u32, beginning: u64) -> Option<Self> {
        let pages = Self {
            end: last_seq.saturating_add(1),
            limit,
            asked_ns: 0,
            chance: fastrand::Rng::with_seed(beginning),
        };
        (limit > 0 && last_seq >= u64::from(limit)).then_some(pages)
    }

    /// The number in front of which the next page ends.
    pub(super) fn next_before(&mut self) -> u64 {
        self.chance.u64(u64::from(self.limit) + 1..=self.end)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_whole_page_of_a_room_is_asked_for_and_no_other() {
        let mut pages = Pages::new(60, 50, 7).unwrap();
        let asked: BTreeSet<u64> = (0..1_000).map(|_| pages.next_before()).collect();
        assert_eq!(asked, (51..=61).collect(), "the first page ends in front of 51, the last in front of 61");
    }

    #[test]
    fn a_room_without_a_whole_page_has_none() {
        assert!(Pages::new(49, 50, 7).is_none());
        assert_eq!(Pages::new(50, 50, 7).unwrap().next_before(), 51);
    }
}
