//! The database of a simulation: the memory repository with failures, and a diary of what was committed when.

mod diary;
mod plan;
mod transactions;

use std::collections::BTreeMap;
use std::sync::Mutex;

use chat_domain::{MemoryRepository, Message, Repository, RepositoryError, RoomId, Seq};

use super::chance::Chance;
use super::coverage::Happened;
use super::faulty::{Fault, Faulty};
use super::trace::Trace;
use diary::Diary;
use plan::{Plan, Trial};

pub(super) use plan::{Access, FailedCall, Fate};
pub(super) use transactions::Inline;

/// Everything that a list of a simulation holds.
const ALL: u32 = 1_000_000;

/// What of the database outlives a node.
pub(super) struct Database {
    held: Mutex<Held>,
    chance: Chance,
    trace: Trace,
}

struct Held {
    repository: MemoryRepository,
    /// Counts the writes. A state that somebody still reads is kept when it is written over.
    version: u64,
    readers: BTreeMap<u64, usize>,
    kept: BTreeMap<u64, MemoryRepository>,
    epoch: String,
    diary: Diary,
    /// Once in how many transactions something fails; never if 0.
    fault_once_in: usize,
    /// The one call that fails, in a run that tries them one after the other.
    trial: Option<Trial>,
    away_until: u64,
    /// Until when nobody hears what became of a commit.
    unknown_until: u64,
    last_failed_read: Option<u64>,
    /// Whether the next read that should fill a hole fails.
    next_heal_fails: bool,
    /// When a read that should have filled a hole failed, and of which room, if it came so far.
    failed_heals: Vec<(u64, Option<RoomId>)>,
}

/// The data at one moment, for a backup.
pub(super) struct Snapshot(MemoryRepository);

/// A read that began: it sees the data of that moment.
pub(super) struct Reading(u64);

impl Database {
    pub(super) fn new(chance: Chance, trace: Trace) -> Self {
        let held = Held {
            repository: MemoryRepository::new("unused"),
            version: 0,
            readers: BTreeMap::new(),
            kept: BTreeMap::new(),
            epoch: "epoch-1".to_owned(),
            diary: Diary::default(),
            fault_once_in: 0,
            trial: None,
            away_until: 0,
            unknown_until: 0,
            last_failed_read: None,
            next_heal_fails: false,
            failed_heals: Vec::new(),
        };
        Self { held: Mutex::new(held), chance, trace }
    }

    pub(super) fn set_faults(&self, once_in: usize) {
        self.held.lock().unwrap().fault_once_in = once_in;
    }

    /// Lets one call fail: the one that comes after so many others.
    pub(super) fn fail_once(&self, after: usize, fate: Fate) {
        self.held.lock().unwrap().trial = Some(Trial::new(after, fate));
    }

    /// Lets no such call fail any more. Says which one failed, if so many came.
    pub(super) fn end_trial(&self) -> Option<FailedCall> {
        self.held.lock().unwrap().trial.take()?.failed
    }

    /// Takes the database away for some time.
    pub(super) fn leave_for(&self, ms: u64) {
        self.held.lock().unwrap().away_until = self.trace.now_ms() + ms;
    }

    /// Lets commits happen for some time of which nobody hears.
    pub(super) fn hide_commits_for(&self, ms: u64) {
        self.held.lock().unwrap().unknown_until = self.trace.now_ms() + ms;
    }

    pub(super) fn come_back(&self) {
        let mut held = self.held.lock().unwrap();
        held.away_until = 0;
        held.next_heal_fails = false;
    }

    /// Lets the next read fail that fills a hole.
    pub(super) fn fail_next_heal(&self) {
        self.held.lock().unwrap().next_heal_fails = true;
    }

    /// Whether the node could read every hole of a room. It looks twice: because of the doubt, and then in front of the
    /// next number; only where both fail is a hole left to the clients.
    pub(super) fn heals_whole(&self, room_id: RoomId) -> bool {
        let held = self.held.lock().unwrap();
        let failed: Vec<u64> = held
            .failed_heals
            .iter()
            .filter(|(_, room)| room.is_none_or(|room| room == room_id))
            .map(|(at, _)| *at)
            .collect();
        failed.windows(2).all(|pair| pair[0] != pair[1])
    }

    /// Runs something without failures, as an administrator would.
    pub(super) fn administer<T, E>(
        &self,
        work: impl FnOnce(&mut dyn Repository) -> Result<T, E>,
    ) -> Result<T, E> {
        let now = self.trace.now_ms();
        let mut held = self.held.lock().unwrap();
        held.begin_write();
        let done = held.repository.transaction(work);
        held.note(now);
        done
    }

    /// Looks at the data without failures.
    pub(super) fn look<T>(&self, work: impl FnOnce(&mut dyn Repository) -> T) -> T {
        work(&mut self.held.lock().unwrap().repository)
    }

    /// Every message of a room.
    pub(super) fn messages(&self, room_id: RoomId) -> Vec<Message> {
        self.look(|repository| repository.list_changes(room_id, Seq::ZERO, ALL).unwrap())
    }

    pub(super) fn epoch(&self) -> String {
        self.held.lock().unwrap().epoch.clone()
    }

    pub(super) fn back_up(&self) -> Snapshot {
        let held = self.held.lock().unwrap();
        Snapshot(held.repository.clone())
    }

    /// Puts an older state back under a new epoch.
    pub(super) fn restore(&self, Snapshot(repository): &Snapshot) {
        let now = self.trace.now_ms();
        let mut held = self.held.lock().unwrap();
        held.begin_write();
        held.repository = repository.clone();
        held.epoch += "+";
        held.diary = Diary::default();
        held.note(now);
    }

    fn is_away(&self, held: &Held) -> bool {
        self.trace.now_ms() < held.away_until
    }

    /// The data as they are now, for a read that takes some time.
    pub(super) fn begin_read(&self) -> Result<Reading, RepositoryError> {
        let mut held = self.held.lock().unwrap();
        if self.is_away(&held) {
            held.last_failed_read = Some(self.trace.now_ms());
            self.trace.count(Happened::ReadFailed);
            return Err(Fault::Unavailable.error());
        }
        let version = held.version;
        *held.readers.entry(version).or_default() += 1;
        Ok(Reading(version))
    }

    /// Runs a read on the data of the moment when it began; also says of which room it read changes.
    pub(super) fn end_read<T>(
        &self,
        reading: Result<Reading, RepositoryError>,
        work: impl FnOnce(Result<&mut dyn Repository, RepositoryError>) -> T,
    ) -> (T, Option<RoomId>) {
        let Reading(version) = match reading {
            Ok(reading) => reading,
            Err(error) => return (work(Err(error)), None),
        };
        let mut held = self.held.lock().unwrap();
        let fault = match self.plan(&held) {
            // What a read found and nobody heard of is a read that failed.
            Plan::Fails(calls, _) | Plan::Lost(calls) => Some((calls, Fault::Unavailable)),
            Plan::Works | Plan::Unknown => None,
        };
        let epoch = held.epoch.clone();
        let Held { repository, kept, .. } = &mut *held;
        let mut faulty = Faulty::new(kept.get_mut(&version).unwrap_or(repository), &epoch, fault);
        let done = work(Ok(&mut faulty));
        let Faulty { failed, calls, read_control, changes_of, .. } = faulty;
        held.note_calls(&calls, Access::Read);
        held.end_reading(version);
        if let Some(failed) = &failed {
            held.last_failed_read = Some(self.trace.now_ms());
            self.trace.count(Happened::ReadFailed);
            self.trace.count_failed(failed.call);
            if failed.call == "list_control" {
                self.trace.count(Happened::ControlReadFailed);
            }
        }
        drop(held);
        if let Some(seq) = read_control.filter(|_| failed.is_none()) {
            self.obeyed(seq);
        }
        (done, changes_of)
    }
}

impl Held {
    /// Keeps the present state for those who still read it.
    fn begin_write(&mut self) {
        if self.readers.contains_key(&self.version) {
            self.kept.insert(self.version, self.repository.clone());
        }
        self.version += 1;
    }

    fn end_reading(&mut self, version: u64) {
        if let Some(readers) = self.readers.get_mut(&version) {
            *readers -= 1;
            if *readers == 0 {
                self.readers.remove(&version);
                self.kept.remove(&version);
            }
        }
    }
}
