//! What the client knows of one room: its position, by counting, and what is to be asked of the server.

use chat_domain::{Seq, Timestamp};

use crate::client::times::{Times, later};
use crate::client::{Event, Take};
use crate::events::{NewMessage, RoomJoined};

/// Up to where a client holds a room: a number means nothing without the epoch of the database that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The epoch.
    pub epoch: String,
    /// The number of the last change that is held.
    pub seq: Seq,
}

/// What is to be asked of the server now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// To join, from the position if there is one.
    Join,
    /// To leave.
    Leave,
}

/// One room.
#[derive(Debug)]
pub(super) struct RoomState {
    position: Option<Position>,
    /// Was joined, on this connection or an earlier one.
    member: bool,
    /// The list of rooms of the present connection says that the membership lasts.
    confirmed: bool,
    /// Joined on the present connection: live events arrive.
    live: bool,
    /// What is to be asked as soon as may be.
    wanted: Option<Wanted>,
    /// What is on its way.
    asking: Option<Wanted>,
    due_at: Timestamp,
    /// The highest number that arrived behind a hole.
    ahead_seq: Seq,
    /// An acked message that the room must hear of, and until when.
    echo: Option<(Seq, Timestamp)>,
    leaves: bool,
    typing_at: Option<Timestamp>,
    typing: bool,
}

/// The outcome of counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Next,
    Known,
    Gap,
}

impl RoomState {
    /// A room to be joined, from a position that an earlier run of the application kept.
    pub(super) const fn new(position: Option<Position>) -> Self {
        Self {
            position,
            member: false,
            confirmed: false,
            live: false,
            wanted: Some(Wanted::Join),
            asking: None,
            due_at: Timestamp::from_unix_ms(i64::MIN),
            ahead_seq: Seq::ZERO,
            echo: None,
            leaves: false,
            typing_at: None,
            typing: false,
        }
    }

    pub(super) const fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// Whether live events arrive.
    pub(super) const fn is_live(&self) -> bool {
        self.live
    }

    /// What a request may ask for now.
    pub(super) fn due(&self, now: Timestamp) -> Option<Wanted> {
        self.waiting().filter(|_| self.due_at <= now)
    }

    /// It is asked.
    pub(super) const fn asked(&mut self) {
        self.asking = self.wanted.take();
    }

    /// The membership is to end.
    pub(super) const fn leave(&mut self) {
        self.leaves = true;
        self.wanted = Some(Wanted::Leave);
    }

    /// The membership is to last after all.
    pub(super) const fn stay(&mut self) {
        if self.leaves {
            self.leaves = false;
            self.wanted = Some(Wanted::Join);
        }
    }

    /// The membership ended, and with it the right to what is held. Whether an answer that is on its way decides if
    /// the person is in the room again.
    pub(super) fn ended(&mut self) -> bool {
        let wants_in = !self.member && self.wanted == Some(Wanted::Join);
        self.position = None;
        self.live = false;
        self.member = false;
        !self.leaves && (self.asking.is_some() || wants_in)
    }

    /// The leave is done: whether the person wants back in meanwhile.
    pub(super) fn left(&mut self) -> bool {
        let returns = !self.leaves;
        *self = Self::new(None);
        returns
    }

    /// The answer was a refusal that waiting helps.
    pub(super) const fn postponed(&mut self, until: Timestamp) {
        self.asking = None;
        self.due_at = until;
        self.wanted = Some(if self.leaves { Wanted::Leave } else { Wanted::Join });
    }

    /// The connection is gone: what was held stays, what was ephemeral goes.
    pub(super) fn disconnected(&mut self) {
        let fresh = Self::new(self.position.take());
        let (leaves, typing_at, member) = (self.leaves, self.typing_at, self.member);
        *self = Self { typing_at, member, ..fresh };
        if leaves {
            self.leave();
        }
    }

    /// The database is another one: nothing held is true any more.
    pub(super) fn forget_other_epoch(&mut self, epoch: &str) {
        if self.position.as_ref().is_some_and(|position| position.epoch != epoch) {
            self.position = None;
            self.live = false;
            self.stay_joined();
        }
    }

    /// Whether the list of rooms must say that the membership lasts, before the room is joined again: joining would
    /// undo a leave on another device.
    pub(super) const fn is_unconfirmed(&self) -> bool {
        self.member && !self.live && !self.confirmed
    }

    /// The list of rooms said that the membership lasts, or did not speak of the room.
    pub(super) const fn confirmed(&mut self) {
        self.confirmed = true;
    }

    /// Takes a `room_joined`: a page replaces what is held, changes are merged into it.
    pub(super) fn joined(&mut self, joined: RoomJoined, resumes: bool) -> Option<Event> {
        self.asking = None;
        let is_page = !resumes || joined.reset;
        let held = self.position.take().filter(|position| !is_page && position.epoch == joined.epoch);
        if !is_page && held.is_none() {
            // Changes to something that was dropped while they were on their way.
            self.stay_joined();
            return None;
        }
        (self.live, self.member) = (true, true);
        let seq = held.map_or(joined.last_seq, |position| position.seq.max(joined.last_seq));
        self.position = Some(Position { epoch: joined.epoch.clone(), seq });
        // Numbers that overtook the answer; asked for once, so that nothing makes it ask for ever.
        if self.ahead_seq > seq {
            self.stay_joined();
        } else if self.wanted == Some(Wanted::Join) {
            self.wanted = None;
        }
        self.ahead_seq = Seq::ZERO;
        Some(Event::Room { joined, take: if is_page { Take::Afresh } else { Take::Changes } })
    }

    /// Counts a message: the next number is applied, a known one ignored, a hole makes the room ask.
    pub(super) fn message(&mut self, event: NewMessage) -> Option<Event> {
        match self.count(event.seq) {
            Counted::Next => {
                if let Some(position) = &mut self.position {
                    position.seq = event.seq;
                }
                Some(Event::Message(event))
            }
            Counted::Known => None,
            Counted::Gap => {
                self.missed(event.seq);
                None
            }
        }
    }

    /// Counts a number without content: unless it is known, the room has to ask for what it stands for.
    pub(super) fn changed(&mut self, seq: Seq) {
        if self.count(seq) != Counted::Known {
            self.missed(seq);
        }
    }

    /// A message of this client was acked under this number: the room must hear of it.
    pub(super) fn acked(&mut self, seq: Seq, now: Timestamp, times: &Times) {
        if self.count(seq) != Counted::Known {
            let expected = self.echo.map_or(seq, |(earlier, _)| earlier.max(seq));
            self.echo = Some((expected, later(now, times.echo_limit_ms)));
        }
    }

    /// Looks whether an acked message was not heard of in time.
    pub(super) fn check_echo(&mut self, now: Timestamp) {
        if let Some((seq, until)) = self.echo
            && until <= now
        {
            self.echo = None;
            self.changed(seq);
        }
    }

    /// Whether a start of typing is to be told.
    pub(super) fn typing_starts(&mut self, now: Timestamp, interval_ms: i64) -> bool {
        let too_early = self.typing_at.is_some_and(|at| now.ms_since(at) < interval_ms);
        if !self.live || too_early {
            return false;
        }
        self.typing_at = Some(now);
        self.typing = true;
        true
    }

    /// Whether the end of typing is to be told. A sent message has told it already.
    pub(super) const fn typing_stops(&mut self) -> bool {
        self.live && std::mem::replace(&mut self.typing, false)
    }

    /// When this room has something to ask.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        let asks = self.waiting().map(|_| self.due_at);
        let hears = self.echo.map(|(_, until)| until);
        asks.into_iter().chain(hears).min()
    }

    /// What waits for its time.
    fn waiting(&self) -> Option<Wanted> {
        let may_go = |wanted: &Wanted| *wanted == Wanted::Leave || !self.is_unconfirmed();
        self.wanted.filter(|wanted| self.asking.is_none() && may_go(wanted))
    }

    fn count(&self, seq: Seq) -> Counted {
        match &self.position {
            // The page that is on its way holds it.
            None => Counted::Known,
            Some(position) if seq <= position.seq => Counted::Known,
            Some(position) if seq == position.seq.next() => Counted::Next,
            Some(_) => Counted::Gap,
        }
    }

    fn missed(&mut self, seq: Seq) {
        self.ahead_seq = self.ahead_seq.max(seq);
        self.stay_joined();
    }

    const fn stay_joined(&mut self) {
        if !self.leaves {
            self.wanted = Some(Wanted::Join);
        }
    }
}
