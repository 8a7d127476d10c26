//! The database of a simulation: the memory repository with failures, and a diary of what was committed when.

mod diary;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use chat_domain::repository::{ControlLog, Messages, Participants, Rooms};
use chat_domain::{
    ControlAction, ControlSeq, MemoryRepository, Message, Repository, RepositoryError, RoomId, Seq,
    SessionId, UserId,
};
use chat_store::Transactions;

use super::chance::Chance;
use super::faulty::{Fault, Faulty};
use super::trace::Trace;

/// How often a transaction is repeated after a conflict.
const REPEATS_MAX: usize = 5;
/// Calls after which a planned failure comes, at most.
const CALLS_MAX: usize = 12;
/// Milliseconds within which a node obeys the control log: its own period and what a read takes.
const OBEYED_WITHIN_MS: u64 = 500;
/// Everything that a list of a simulation holds.
const ALL: u32 = 1_000_000;

/// A right that ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Revocation {
    pub(super) seq: ControlSeq,
    pub(super) at: u64,
    pub(super) action: ControlAction,
    /// When the node had read of it.
    pub(super) obeyed_at: Option<u64>,
}

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
    away_until: u64,
    /// Until when nobody hears what became of a commit.
    unknown_until: u64,
    last_failed_read: Option<u64>,
    /// Reads that should have filled a hole and failed.
    failed_heals: u64,
}

/// What was committed when.
#[derive(Default)]
struct Diary {
    committed: BTreeMap<(RoomId, Seq), u64>,
    revocations: Vec<Revocation>,
    last_control: ControlSeq,
    members: BTreeSet<(RoomId, UserId)>,
    memberships: BTreeMap<(RoomId, UserId), Vec<(u64, bool)>>,
}

/// What a transaction does beside its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    Works,
    Fails(usize, Fault),
    /// It is committed, and nobody hears of that.
    Unknown,
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

    fn plan(&self, held: &Held) -> Plan {
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

    fn is_away(&self, held: &Held) -> bool {
        self.trace.now_ms() < held.away_until
    }

    /// The data as they are now, for a read that takes some time.
    pub(super) fn begin_read(&self) -> Result<Reading, RepositoryError> {
        let mut held = self.held.lock().unwrap();
        if self.is_away(&held) {
            held.last_failed_read = Some(self.trace.now_ms());
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
        let plan = self.plan(&held);
        let fault = if let Plan::Fails(calls, _) = plan { Some((calls, Fault::Unavailable)) } else { None };
        let epoch = held.epoch.clone();
        let Held { repository, kept, .. } = &mut *held;
        let mut faulty = Faulty::new(kept.get_mut(&version).unwrap_or(repository), &epoch, fault);
        let done = work(Ok(&mut faulty));
        let (failed, read_control) = (faulty.failed.is_some(), faulty.read_control);
        if failed {
            held.last_failed_read = Some(self.trace.now_ms());
        }
        held.end_reading(version);
        drop(held);
        if let Some(seq) = read_control.filter(|_| !failed) {
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

    /// Writes into the diary what is new in the repository.
    fn note(&mut self, now: u64) {
        let Self { repository, diary, .. } = self;
        for room in repository.list_rooms(ALL).unwrap() {
            let told =
                diary.committed.range((room.id, Seq::ZERO)..=(room.id, Seq::new(i64::MAX))).next_back();
            let after = told.map_or(Seq::ZERO, |(&(_, seq), _)| seq);
            for message in repository.list_changes(room.id, after, ALL).unwrap() {
                diary.committed.insert((room.id, message.seq), now);
            }
            let listed = repository.list_participants(room.id, ALL).unwrap();
            let members: BTreeSet<_> = listed.iter().map(|member| (room.id, member.user.id)).collect();
            let was: BTreeSet<_> =
                diary.members.iter().copied().filter(|(room_id, _)| *room_id == room.id).collect();
            for &key in members.symmetric_difference(&was) {
                let is = members.contains(&key);
                diary.memberships.entry(key).or_default().push((now, is));
                if is {
                    diary.members.insert(key);
                } else {
                    diary.members.remove(&key);
                }
            }
        }
        for entry in repository.list_control(diary.last_control, ALL).unwrap() {
            diary.last_control = entry.seq;
            let Some(action) = entry.action else { continue };
            diary.revocations.push(Revocation { seq: entry.seq, at: now, action, obeyed_at: None });
        }
    }
}

/// The database as group commit and its news see it: inline.
#[derive(Clone)]
pub(super) struct Inline(pub(super) Arc<Database>);

impl Transactions for Inline {
    fn read<T, E: From<RepositoryError>>(
        &self,
        work: impl FnOnce(&mut dyn Repository) -> Result<T, E>,
    ) -> Result<T, E> {
        let snapshot = self.0.begin_read();
        let done = self.0.end_read(snapshot, |repository| work(repository?));
        if done.is_err() {
            self.0.held.lock().unwrap().failed_heals += 1;
        }
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
        let mut is_conflict = false;
        let done = held.repository.transaction(|repository| {
            let mut faulty = Faulty::new(repository, &epoch, fault);
            let done = work(&mut faulty);
            is_conflict = faulty.is_conflict;
            match faulty.failed {
                // What a call failed with fails the transaction, also if the work passed over it.
                Some(failed) if done.is_ok() => Err(RepositoryError::Unavailable(failed).into()),
                _ => done,
            }
        });
        held.note(now);
        match done {
            Ok(_) if plan == Plan::Unknown => (Err(Fault::Unavailable.error().into()), false),
            done => (done, is_conflict),
        }
    }
}
