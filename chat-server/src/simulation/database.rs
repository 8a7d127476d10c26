//! The database of a simulation: the memory repository with failures, and a diary of what was committed when.

mod diary;
mod plan;
mod transactions;

use std::collections::BTreeMap;
use std::sync::Mutex;

use chat_domain::repository::Messages;
use chat_domain::{MemoryRepository, Message, Repository, RepositoryError, RoomId, Seq};

use super::chance::Chance;
use super::coverage::Happened;
use super::faulty::{Fault, Faulty};
use super::trace::Trace;
use diary::Diary;
use plan::{Plan, Trial};

pub(super) use plan::Fate;
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
    /// Reads that should have filled a hole and failed.
    failed_heals: u64,
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
            failed_heals: 0,
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

    /// Which call it was that failed, if so many came.
    pub(super) fn failed_once(&self) -> Option<&'static str> {
        self.held.lock().unwrap().trial.as_ref()?.failed
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
        self.held.lock().unwrap().away_until = 0;
    }

    pub(super) fn failed_heals(&self) -> u64 {
        self.held.lock().unwrap().failed_heals
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

    /// Runs a read on the data of the moment when it began.
    pub(super) fn end_read<T>(
        &self,
        reading: Result<Reading, RepositoryError>,
        work: impl FnOnce(Result<&mut dyn Repository, RepositoryError>) -> T,
    ) -> T {
        let Reading(version) = match reading {
            Ok(reading) => reading,
            Err(error) => return work(Err(error)),
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
        let (failed, calls, read_control) = (faulty.failed, faulty.calls, faulty.read_control);
        held.note_calls(&calls);
        held.end_reading(version);
        if let Some(failed) = &failed {
            held.last_failed_read = Some(self.trace.now_ms());
            self.trace.count(Happened::ReadFailed);
            if failed.call == "list_control" {
                self.trace.count(Happened::ControlReadFailed);
            }
        }
        drop(held);
        if let Some(seq) = read_control.filter(|_| failed.is_none()) {
            self.obeyed(seq);
        }
        done
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
