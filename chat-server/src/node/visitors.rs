//! How many plain HTTP connections are open: a bound for all, and one per address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Plain HTTP connections, at most. A WebSocket is none any more; it counts in its own limit.
pub(crate) const VISITORS_MAX: usize = 4_096;
/// Plain HTTP connections of one address, at most. This machine and trusted proxies stand for many people.
const VISITORS_PER_ADDRESS_MAX: usize = 256;

/// The open connections by address. Bounded by [`VISITORS_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Visitors(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Visit {
    visitors: Arc<Visitors>,
    address: IpAddr,
}

impl Visitors {
    /// Takes a place for a connection of an address. `None` if there is none.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, stands_for_many: bool) -> Option<Visit> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = held.by_address.get(&address).copied().unwrap_or(0);
        if held.all >= VISITORS_MAX || (!stands_for_many && of_address >= VISITORS_PER_ADDRESS_MAX) {
            return None;
        }
        held.all += 1;
        held.by_address.insert(address, of_address + 1);
        Some(Visit { visitors: Arc::clone(self), address })
    }

    /// How many connections are open.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut held = self.visitors.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.all = held.all.saturating_sub(1);
        if let Entry::Occupied(mut of_address) = held.by_address.entry(self.address) {
            *of_address.get_mut() = of_address.get().saturating_sub(1);
            if *of_address.get() == 0 {
                of_address.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_places_and_all_have_theirs() {
        let visitors = Arc::new(Visitors::default());
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let proxy: IpAddr = "192.0.2.2".parse().unwrap();
        let mut visits: Vec<Visit> =
            (0..VISITORS_PER_ADDRESS_MAX).map(|_| visitors.enter(one, false).unwrap()).collect();
        assert!(visitors.enter(one, false).is_none());
        while let Some(visit) = visitors.enter(proxy, true) {
            visits.push(visit);
        }
        assert_eq!(visits.len(), VISITORS_MAX);
        visits.truncate(VISITORS_PER_ADDRESS_MAX - 1);
        assert!(visitors.enter(one, false).is_some());
        drop(visits);
        assert!(visitors.0.lock().unwrap().by_address.is_empty());
    }
}
