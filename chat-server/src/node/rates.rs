//! How often somebody may do something: token buckets per person and per address, and a backoff after failed sign-ins.
//!
//! All of it lives in memory, and is bounded in how many subjects are remembered.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use chat_domain::{Attempts, Backoff, Rate, Timestamp, TokenBucket, UserId, Username};

use crate::config::Limits;
use crate::failure::Failure;

/// Subjects that a table remembers, at most.
const SUBJECTS_MAX: usize = 100_000;
/// The first wait after too many failed sign-ins, in milliseconds; it doubles with each further one.
const LOGIN_FIRST_WAIT_MS: u32 = 1_000;
/// The longest wait between two sign-ins with a wrong password, in milliseconds.
const LOGIN_LONGEST_WAIT_MS: u32 = 15 * 60 * 1_000;
/// After how many milliseconds without a sign-in its failures are forgotten.
const LOGIN_FORGET_AFTER_MS: u32 = 60 * 60 * 1_000;

/// What a person does and how often is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Act {
    /// Sends a message.
    Message,
    /// Joins or leaves a room.
    Join,
    /// Reads history, the list of rooms, or renews the token.
    Read,
    /// Says what was read.
    Mark,
    /// Types.
    Typing,
}

/// What comes from an address and is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Arrival {
    /// A WebSocket.
    Connection,
    /// A request that asks the database.
    Lookup,
    /// A sign-in.
    Login,
    /// A registration.
    Registration,
}

/// The rates of this node.
#[derive(Debug)]
pub(crate) struct Rates {
    limits: Limits,
    people: Subjects<(UserId, Act), TokenBucket>,
    networks: Subjects<(IpAddr, Arrival), TokenBucket>,
    logins: Subjects<(Username, IpAddr), Attempts>,
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            people: Subjects::default(),
            networks: Subjects::default(),
            logins: Subjects::default(),
        }
    }

    /// Counts what a person does.
    pub(crate) fn take(&self, act: Act, user_id: UserId, now: Timestamp) -> Result<(), Failure> {
        let Some(rate) = self.rate_of(act) else { return Ok(()) };
        take(&self.people, (user_id, act), rate, now).map_err(|wait_ms| {
            let what = match act {
                Act::Message => "messages",
                Act::Join => "joins and leaves",
                Act::Read => "requests for history, rooms and sign-in",
                Act::Mark => "read marks",
                Act::Typing => "typing events",
            };
            Failure::rate_limited(what, wait_ms)
        })
    }

    /// Counts what comes from an address.
    pub(crate) fn arrive(&self, arrival: Arrival, address: IpAddr, now: Timestamp) -> Result<(), Failure> {
        let address = address.to_canonical();
        // What comes from this very machine is the operator's own, or a proxy's that is not declared: then these limits
        // would shut everybody out at once.
        if matches!(arrival, Arrival::Connection | Arrival::Lookup) && address.is_loopback() {
            return Ok(());
        }
        let per_minute = match arrival {
            Arrival::Connection | Arrival::Lookup => self.limits.connections_per_minute,
            Arrival::Login => self.limits.logins_per_minute,
            Arrival::Registration => self.limits.registrations_per_minute,
        };
        let Some(per_minute) = per_minute else { return Ok(()) };
        let rate = Rate::new(per_minute, 60_000);
        take(&self.networks, (network(address), arrival), rate, now).map_err(|wait_ms| {
            let what = match arrival {
                Arrival::Connection => "connections from this address",
                Arrival::Lookup => "requests from this address",
                Arrival::Login => "sign-ins from this address",
                Arrival::Registration => "registrations from this address",
            };
            Failure::rate_limited(what, wait_ms)
        })
    }

    /// Begins a sign-in to an account. Whoever guesses waits longer and longer, at this address: the account's owner is
    /// not locked out elsewhere. Names that nobody has are treated the same.
    pub(crate) fn begin_login(
        &self,
        username: &Username,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let Some(backoff) = self.login_backoff() else { return Ok(()) };
        let subject = (username.clone(), network(address));
        let begun = self.logins.with(
            subject,
            |attempts| attempts.is_forgotten(backoff, now),
            || Attempts::new(now),
            |attempts| attempts.begin(backoff, now),
        );
        let what = "failed sign-ins to this account from this address";
        begun.map_err(|wait_ms| Failure::rate_limited(what, wait_ms))
    }

    /// Takes a sign-in back that was not decided: the server had no time for it.
    pub(crate) fn withdraw_login(&self, username: &Username, address: IpAddr) {
        self.logins.change(&(username.clone(), network(address)), Attempts::withdraw);
    }

    /// Forgets the failures of an account at an address: its owner has signed in.
    pub(crate) fn forget_logins(&self, username: &Username, address: IpAddr) {
        self.logins.forget(&(username.clone(), network(address)));
    }

    /// The rate of something that a person does; `None` is no limit.
    fn rate_of(&self, act: Act) -> Option<Rate> {
        let limits = &self.limits;
        let (per_second, seconds_at_once) = match act {
            Act::Message => (limits.messages_per_second, 2),
            // Whoever comes back joins all rooms at once, on every device.
            Act::Join => (limits.joins_per_second, 20),
            Act::Read => (limits.history_per_second, 5),
            Act::Mark => (limits.marks_per_second, 5),
            Act::Typing => (limits.typing_per_second, 5),
        };
        per_second.map(|per_second| {
            Rate::new(per_second.saturating_mul(seconds_at_once), seconds_at_once.saturating_mul(1_000))
        })
    }

    fn login_backoff(&self) -> Option<Backoff> {
        // Without a limit on sign-ins there is none on wrong ones either.
        self.limits.logins_per_minute?;
        Some(Backoff {
            free_failures: self.limits.login_failures?,
            first_wait_ms: LOGIN_FIRST_WAIT_MS,
            longest_wait_ms: LOGIN_LONGEST_WAIT_MS,
            forget_after_ms: LOGIN_FORGET_AFTER_MS,
        })
    }
}

/// Whoever has an IPv6 address has a whole /64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn take<K: Eq + Hash>(
    buckets: &Subjects<K, TokenBucket>,
    subject: K,
    rate: Rate,
    now: Timestamp,
) -> Result<(), u32> {
    buckets.with(
        subject,
        |bucket| bucket.is_full(rate, now),
        || TokenBucket::new(rate, now),
        |bucket| bucket.take(rate, now),
    )
}

/// What is remembered of each subject, for a bounded number of them.
#[derive(Debug)]
struct Subjects<K, S>(Mutex<HashMap<K, S>>);

impl<K, S> Default for Subjects<K, S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, S> Subjects<K, S> {
    /// Works on what is remembered of a subject. Where too many are, those that say nothing any more are forgotten.
    fn with<T>(
        &self,
        subject: K,
        mut is_spent: impl FnMut(&mut S) -> bool,
        new: impl FnOnce() -> S,
        work: impl FnOnce(&mut S) -> T,
    ) -> T {
        let mut subjects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if subjects.len() >= SUBJECTS_MAX && !subjects.contains_key(&subject) {
            subjects.retain(|_, remembered| !is_spent(remembered));
            // So many at once are an attack; to start over is better than to grow, or to look through all at every call.
            if subjects.len() >= SUBJECTS_MAX {
                subjects.clear();
            }
        }
        work(subjects.entry(subject).or_insert_with(new))
    }

    fn change(&self, subject: &K, work: impl FnOnce(&mut S)) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(subject).map(work);
    }

    fn forget(&self, subject: &K) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(subject);
    }
}
