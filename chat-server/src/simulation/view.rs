//! What a client holds of a room, and the rules by which it takes what it is sent.

use std::collections::BTreeMap;

use chat_protocol::Message;
use chat_protocol::events::{NewMessage, RoomJoined};

/// A room as a client holds it.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Whether the person wants to be in the room.
    pub(super) is_wanted: bool,
    /// Messages by number, as JSON.
    pub(super) held: BTreeMap<i64, String>,
    /// The last number that was applied, and the epoch that it belongs to.
    pub(super) position: Option<(String, i64)>,
    /// Whether this connection hears the room.
    pub(super) is_live: bool,
    /// Whether an answer to `join_room` is awaited.
    pub(super) is_joining: bool,
    /// Until when it is neither joined nor left, after that was refused.
    pub(super) not_before: u64,
    /// Whether a hole was seen or told, so that the room must be joined again.
    pub(super) must_resume: bool,
    /// Whether older messages exist than the first one held.
    pub(super) has_older: bool,
    /// When the last answer came.
    pub(super) joined_at: u64,
    /// Who types, and since when.
    pub(super) typers: BTreeMap<String, u64>,
    /// What this connection was told of the room's numbers.
    told: Told,
}

/// What one connection was told of a room's numbers: each of them once.
#[derive(Debug, Default)]
struct Told {
    /// The last number of the last answer to a join.
    joined: i64,
    /// The last number that came live.
    live: i64,
    /// The last number of a run that repeats the end of the answer: what was committed together comes together.
    repeated: Option<i64>,
}

impl Told {
    /// Notes a live number; says whether it came for the first time.
    fn hear(&mut self, seq: i64) -> bool {
        let is_first = seq > self.live;
        self.live = self.live.max(seq);
        self.repeated = (seq <= self.joined).then_some(seq);
        is_first
    }
}

/// What became of a live message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Applied,
    /// It is held, or comes again with the resume.
    Known,
    /// Numbers before it are missing, and nobody said so.
    Hole,
    /// It was told before, without need.
    Again,
}

fn json(message: &Message) -> String {
    serde_json::to_string(message).unwrap()
}

impl View {
    /// Takes the answer to a join. An error says which promise it breaks.
    pub(super) fn take_joined(
        &mut self,
        asked: Option<&(String, i64)>,
        joined: &RoomJoined,
    ) -> Result<(), String> {
        let seqs: Vec<i64> = joined.messages.iter().map(|message| message.seq.get()).collect();
        let last = joined.last_seq.get();
        let first = seqs.first().copied().unwrap_or(last + 1);
        if !seqs.iter().copied().eq(first..=last) {
            return Err(format!("a join's answer up to {last} holds {seqs:?}"));
        }
        if joined.has_more != (first > 1 && last > 0) {
            return Err(format!("has_more is {} before {first}", joined.has_more));
        }
        let is_fresh = match asked {
            Some((epoch, after)) if !joined.reset => {
                if *epoch != joined.epoch {
                    return Err(format!("a resume from {epoch} goes on in {} without a reset", joined.epoch));
                }
                if first != after + 1 {
                    return Err(format!("a resume after {after} begins with {first}"));
                }
                false
            }
            _ => true,
        };
        if is_fresh && seqs.is_empty() && last > 0 {
            return Err("a page of a room with messages is empty".to_owned());
        }
        if is_fresh {
            self.held.clear();
            self.has_older = joined.has_more;
        }
        let changed = joined.messages.iter().filter_map(|message| self.insert(message)).next();
        self.position = Some((joined.epoch.clone(), last.max(if is_fresh { last } else { self.last() })));
        self.is_live = true;
        self.must_resume = false;
        self.told.joined = last;
        changed.map_or(Ok(()), Err)
    }

    /// The connection, or the membership, has ended.
    pub(super) fn end(&mut self) {
        self.is_live = false;
        self.is_joining = false;
        self.typers.clear();
        self.told = Told::default();
    }

    /// Loses what came after a number, as a device does that was away for long.
    pub(super) fn forget_after(&mut self, seq: i64) {
        let Some((_, last)) = self.position.as_mut().filter(|(_, last)| *last > seq) else { return };
        *last = seq;
        self.held.retain(|&held, _| held <= seq);
        self.has_older |= self.held.is_empty() && seq > 0;
    }

    /// The number that must come next, after others that a join had answered came again: only what is newer explains
    /// why they did.
    pub(super) fn must_come(&self) -> Option<i64> {
        self.told.repeated.map(|last| last + 1)
    }

    /// The number up to which the room is held.
    pub(super) fn last(&self) -> i64 {
        self.position.as_ref().map_or(0, |(_, last)| *last)
    }

    /// Takes a live message. An error says which promise it breaks.
    pub(super) fn take_live(&mut self, new: &NewMessage) -> Result<Taken, String> {
        if !self.is_live {
            return Err(format!("number {} came before the answer to the join", new.seq));
        }
        let seq = new.seq.get();
        if new.message.seq != new.seq || new.message.changed_seq != new.seq {
            return Err(format!("number {seq} carries {:?}", new.message));
        }
        let is_first = self.told.hear(seq);
        if seq <= self.last() {
            let taken = if is_first { Taken::Known } else { Taken::Again };
            return self.insert(&new.message).map_or(Ok(taken), Err);
        }
        if !is_first {
            return Err(format!("number {seq} came behind {}", self.told.live));
        }
        if seq > self.last() + 1 {
            // `changed` may have said so.
            let is_signalled = std::mem::replace(&mut self.must_resume, true);
            return Ok(if is_signalled { Taken::Known } else { Taken::Hole });
        }
        let changed = self.insert(&new.message);
        if let Some((_, last)) = &mut self.position {
            *last = seq;
        }
        changed.map_or(Ok(Taken::Applied), Err)
    }

    /// Takes a page of older messages.
    pub(super) fn take_history(&mut self, messages: &[Message], has_more: bool) -> Result<(), String> {
        let before = self.held.keys().next().copied().unwrap_or(self.last() + 1);
        let seqs: Vec<i64> = messages.iter().map(|message| message.seq.get()).collect();
        let first = seqs.first().copied().unwrap_or(before);
        if !seqs.iter().copied().eq(first..before) || has_more != (first > 1) {
            return Err(format!("a page before {before} holds {seqs:?}, more {has_more}"));
        }
        self.has_older = has_more;
        messages.iter().filter_map(|message| self.insert(message)).next().map_or(Ok(()), Err)
    }

    /// Keeps a message. Says so if another one was held under its number.
    fn insert(&mut self, message: &Message) -> Option<String> {
        let (seq, json) = (message.seq.get(), json(message));
        match self.held.get(&seq) {
            Some(held) if *held != json => Some(format!("number {seq} was {held} and is {json}")),
            Some(_) => None,
            None => {
                self.held.insert(seq, json);
                None
            }
        }
    }
}
