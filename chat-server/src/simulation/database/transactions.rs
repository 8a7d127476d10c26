//! The database as group commit and its news see it: inline.

use std::sync::Arc;

use chat_domain::{MessageKind, Repository, RepositoryError, RoomId};
use chat_store::Transactions;

use super::plan::{Access, Plan};
use super::{Database, Held};
use crate::simulation::coverage::Happened;
use crate::simulation::faulty::{Failed, Fault, Faulty, again};

/// How often a transaction is repeated after a conflict.
const REPEATS_MAX: usize = 5;

/// The database as group commit and its news see it.
#[derive(Clone)]
pub(in crate::simulation) struct Inline(pub(in crate::simulation) Arc<Database>);

impl Transactions for Inline {
    fn read<T, E: From<RepositoryError>>(
        &self,
        work: impl FnOnce(&mut dyn Repository) -> Result<T, E>,
    ) -> Result<T, E> {
        let fails = std::mem::take(&mut self.0.held.lock().unwrap().next_heal_fails);
        let snapshot = if fails { Err(Fault::Unavailable.error()) } else { self.0.begin_read() };
        let (done, changes_of) = self.0.end_read(snapshot, |repository| work(repository?));
        self.0.note_heal(changes_of, done.is_ok());
        done
    }

    fn write_retrying<T, E: From<RepositoryError>>(
        &self,
        mut work: impl FnMut(&mut dyn Repository) -> Result<T, E>,
    ) -> Result<T, E> {
        for _ in 0..REPEATS_MAX {
            let (done, is_conflict) = self.0.transact(&mut work);
            if !is_conflict {
                return done;
            }
            self.0.trace.count(Happened::CommitRepeated);
        }
        self.0.transact(&mut work).0
    }
}

impl Database {
    /// One transaction; says whether it failed by a conflict.
    fn transact<T, E: From<RepositoryError>>(
        &self,
        work: &mut impl FnMut(&mut dyn Repository) -> Result<T, E>,
    ) -> (Result<T, E>, bool) {
        let now = self.trace.now_ms();
        let mut held = self.held.lock().unwrap();
        if self.is_away(&held) {
            return (Err(Fault::Unavailable.error().into()), false);
        }
        let plan = if now < held.unknown_until { Plan::Unknown } else { self.plan(&held) };
        if plan != Plan::Works {
            self.trace.tell("database", format!("{plan:?}"));
        }
        let fault = if let Plan::Fails(calls, fault) = plan { Some((calls, fault)) } else { None };
        let epoch = held.epoch.clone();
        held.begin_write();
        let (mut failed, mut calls) = (None, Vec::new());
        let done = held.repository.transaction(|repository| {
            let mut faulty = Faulty::new(repository, &epoch, fault);
            let done = work(&mut faulty);
            if done.is_ok() {
                // What it fails with is kept.
                let _ = faulty.commit();
            }
            (failed, calls) = (faulty.failed, faulty.calls);
            match &failed {
                // What a call failed with fails the transaction, also if the work passed over it.
                Some(Failed { error, .. }) if done.is_ok() => Err(again(error).into()),
                _ => done,
            }
        });
        held.note_calls(&calls, Access::Write);
        let is_lost = match plan {
            Plan::Unknown => true,
            Plan::Lost(after) => calls.len() > after,
            Plan::Works | Plan::Fails(..) => false,
        };
        self.note_commit(&mut held, now, is_lost && done.is_ok());
        self.count_failure(failed.as_ref());
        let is_conflict = matches!(failed, Some(Failed { error: RepositoryError::Conflict(_), .. }));
        match done {
            Ok(_) if is_lost => (Err(Fault::Unavailable.error().into()), false),
            done => (done, is_conflict),
        }
    }

    /// Keeps what became of a read that fills a hole.
    fn note_heal(&self, room_id: Option<RoomId>, is_read: bool) {
        let now = self.trace.now_ms();
        let mut held = self.held.lock().unwrap();
        if !is_read {
            held.failed_heals.push((now, room_id));
        } else if held.failed_heals.iter().any(|&(at, room)| at == now && (room.is_none() || room == room_id))
        {
            self.trace.count(Happened::HoleReadAgain);
        }
    }

    /// Keeps what a transaction left behind, and checks that it is whole.
    fn note_commit(&self, held: &mut Held, now: u64, is_unknown: bool) {
        let news = held.note(now);
        for broken in held.check(&news) {
            self.trace.violated("database", broken);
        }
        if is_unknown && !news.messages.is_empty() {
            let has_texts = news.messages.iter().any(|message| message.kind == MessageKind::Text);
            self.trace.count(if has_texts { Happened::CommitUnknown } else { Happened::ComingUnknown });
            held.hide(&news);
        }
    }

    fn count_failure(&self, failed: Option<&Failed>) {
        let Some(Failed { call, error }) = failed else { return };
        self.trace.count(Happened::CommitFailed);
        self.trace.count_failed(call);
        if matches!(error, RepositoryError::StorageFull(_)) {
            self.trace.count(Happened::StorageFull);
        }
    }
}
