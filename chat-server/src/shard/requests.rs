//! The sends of this shard's connections that wait for their commit, and when each is answered without it.

use std::collections::{HashMap, VecDeque};

use chat_domain::Timestamp;

use crate::shard::ConnectionKey;

/// Who asked, and with which id.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) connection: ConnectionKey,
    pub(crate) re: Option<String>,
}

/// The requests that wait. Bounded by the writer's queue.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    next: u64,
    waiting: HashMap<u64, Waiting>,
    /// All have the same timeout, so the oldest is first.
    deadlines: VecDeque<(Timestamp, u64)>,
}

impl Requests {
    /// Adds a request; gives back its number.
    pub(crate) fn add(&mut self, connection: ConnectionKey, re: Option<String>, deadline: Timestamp) -> u64 {
        let request = self.next;
        self.next += 1;
        self.waiting.insert(request, Waiting { connection, re });
        self.deadlines.push_back((deadline, request));
        request
    }

    /// Takes a request that is answered now; `None` if it was answered already.
    pub(crate) fn take(&mut self, request: u64) -> Option<Waiting> {
        let waiting = self.waiting.remove(&request);
        // What was answered in time needs no deadline.
        while let Some((_, oldest)) = self.deadlines.front() {
            if self.waiting.contains_key(oldest) {
                break;
            }
            self.deadlines.pop_front();
        }
        waiting
    }

    /// Takes the requests whose time is up.
    pub(crate) fn take_late(&mut self, now: Timestamp) -> Vec<Waiting> {
        let mut late = Vec::new();
        while let Some(&(deadline, request)) = self.deadlines.front() {
            if deadline > now {
                break;
            }
            self.deadlines.pop_front();
            late.extend(self.waiting.remove(&request));
        }
        late
    }
}
