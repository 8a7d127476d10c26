//! What fails: by chance once in so many transactions, or one call that is named beforehand.

use super::{Database, Held};
use crate::simulation::faulty::Fault;

/// Calls after which a failure by chance comes, at most.
const CALLS_MAX: usize = 8;

/// What a transaction does beside its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    Works,
    /// The call after so many others fails, and the transaction with it.
    Fails(usize, Fault),
    /// It is committed, and nobody hears of that.
    Unknown,
    /// The same, if it makes more than so many calls.
    Lost(usize),
}

/// How the one call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulation) enum Fate {
    /// By itself, so that its transaction is rolled back.
    Fails(Fault),
    /// Its transaction is committed, and nobody hears of that. A read is lost.
    Lost,
}

/// The one call that fails.
pub(super) struct Trial {
    /// Calls that come before it.
    after: usize,
    fate: Fate,
    pub(super) failed: Option<FailedCall>,
}

/// Whether a call reads only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulation) enum Access {
    Read,
    Write,
}

/// The one call that failed.
#[derive(Debug, Clone, Copy)]
pub(in crate::simulation) struct FailedCall {
    pub(in crate::simulation) call: &'static str,
    /// What its transaction does.
    pub(in crate::simulation) access: Access,
}

impl Trial {
    pub(super) const fn new(after: usize, fate: Fate) -> Self {
        Self { after, fate, failed: None }
    }
}

impl Database {
    pub(super) fn plan(&self, held: &Held) -> Plan {
        match held.trial {
            Some(Trial { after, fate: Fate::Fails(fault), failed: None }) => {
                return Plan::Fails(after, fault);
            }
            Some(Trial { after, fate: Fate::Lost, failed: None }) => return Plan::Lost(after),
            _ => {}
        }
        if held.fault_once_in == 0 || !self.chance.one_in(held.fault_once_in) {
            return Plan::Works;
        }
        let calls = self.chance.below(CALLS_MAX);
        match self.chance.below(6) {
            0 | 1 => Plan::Unknown,
            2 => Plan::Fails(calls, Fault::StorageFull),
            3 => Plan::Fails(calls, Fault::Conflict),
            _ => Plan::Fails(calls, Fault::Unavailable),
        }
    }
}

impl Held {
    /// Counts the calls of a transaction towards the one that fails.
    pub(super) fn note_calls(&mut self, calls: &[&'static str], access: Access) {
        let Some(trial) = self.trial.as_mut().filter(|trial| trial.failed.is_none()) else { return };
        trial.failed = calls.get(trial.after).map(|&call| FailedCall { call, access });
        trial.after = trial.after.saturating_sub(calls.len());
    }
}
