//! Token buckets per subject, and a bound on how many subjects are remembered.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use chat_domain::{Rate, Timestamp, TokenBucket, UserId};

use crate::config::Limits;
use crate::failure::Failure;

/// Subjects that a table remembers, at most.
const SUBJECTS_MAX: usize = 100_000;

/// The rates of this node.
#[derive(Debug)]
pub(crate) struct Rates {
    messages: Table<UserId>,
    logins: Table<IpAddr>,
    registrations: Table<IpAddr>,
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            messages: Table::new("messages", limits.messages_per_second.map(|n| Rate::new(n * 2, 2_000))),
            logins: Table::new("sign-ins from this address", limits.logins_per_minute.map(per_minute)),
            registrations: Table::new(
                "registrations from this address",
                limits.registrations_per_minute.map(per_minute),
            ),
        }
    }

    /// Counts a message of somebody.
    pub(crate) fn take_message(&self, user_id: UserId, now: Timestamp) -> Result<(), Failure> {
        self.messages.take(user_id, now)
    }

    /// Counts a sign-in from an address.
    pub(crate) fn take_login(&self, address: IpAddr, now: Timestamp) -> Result<(), Failure> {
        self.logins.take(network(address), now)
    }

    /// Counts a registration from an address.
    pub(crate) fn take_registration(&self, address: IpAddr, now: Timestamp) -> Result<(), Failure> {
        self.registrations.take(network(address), now)
    }
}

fn per_minute(n: u32) -> Rate {
    Rate::new(n, 60_000)
}

/// Whoever has an IPv6 address has a whole /64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[derive(Debug)]
struct Table<K> {
    what: &'static str,
    /// `None` is no limit.
    rate: Option<Rate>,
    buckets: Mutex<HashMap<K, TokenBucket>>,
}

impl<K: Eq + Hash> Table<K> {
    fn new(what: &'static str, rate: Option<Rate>) -> Self {
        Self { what, rate, buckets: Mutex::default() }
    }

    fn take(&self, subject: K, now: Timestamp) -> Result<(), Failure> {
        let Some(rate) = self.rate else { return Ok(()) };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= SUBJECTS_MAX {
            buckets.retain(|_, bucket| !bucket.is_full(rate, now));
        }
        // So many at once are an attack; to start over is better than to grow, or to look through all at every call.
        if buckets.len() >= SUBJECTS_MAX {
            buckets.clear();
        }
        let bucket = buckets.entry(subject).or_insert_with(|| TokenBucket::new(rate, now));
        bucket.take(rate, now).map_err(|retry_after_ms| Failure::rate_limited(self.what, retry_after_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_ipv6_network_is_one_subject() {
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let other: IpAddr = "2001:db8::ffff:1".parse().unwrap();
        let elsewhere: IpAddr = "2001:db8:0:1::1".parse().unwrap();
        assert_eq!(network(one), network(other));
        assert_ne!(network(one), network(elsewhere));
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(network(mapped), "10.0.0.1".parse::<IpAddr>().unwrap());
    }
}
