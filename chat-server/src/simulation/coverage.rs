//! What the runs of a simulation really brought about: a simulation in which nothing happens proves nothing.

use std::collections::BTreeMap;
use std::fmt;

/// Something that the runs are there to bring about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happened {
    SlowReaderClosed,
    SlowReaderTold,
    QueueHalfFull,
    EphemeralLost,
    PresenceSentAfresh,
    ResumeAnswered,
    LongResumeAnswered,
    ResetByEpoch,
    ResetByLength,
    HeardDuringJoin,
    HoleTold,
    Retried,
    RetriedByWhoLeft,
    KeyConflict,
    ReadPositionStayed,
    RateLimited,
    Overloaded,
    CommitUnknown,
    ComingUnknown,
    HoleHealed,
    HoleReadAgain,
    CommitFailed,
    CommitRepeated,
    StorageFull,
    AnsweredLate,
    ReadFailed,
    ControlReadFailed,
    Restored,
    SessionEndedLive,
    MembershipEndedElsewhere,
    TypingHeard,
    TypingExpired,
    CutInMidFrame,
    Vanished,
    Partitioned,
    Killed,
    Drained,
    ToldToComeBack,
}

use Happened::*;

/// What each of them is, and how often 200 seeds bring it about at least. Less than they did when it was written down.
const WANTED: [(Happened, &str, u64); 38] = [
    (SlowReaderClosed, "slow readers closed by the node with 4000", 2),
    (SlowReaderTold, "slow readers that read the 4000", 1),
    (QueueHalfFull, "connections with a queue above half of its bound", 5),
    (EphemeralLost, "connections that lost typing or presence to a full queue", 4),
    (PresenceSentAfresh, "lists of presence sent afresh after that", 3),
    (ResumeAnswered, "resumes answered with what changed", 1000),
    (LongResumeAnswered, "of them with more than a page", 4),
    (ResetByEpoch, "resets because of another epoch", 100),
    (ResetByLength, "resets because too much changed", 5),
    (HeardDuringJoin, "joins with live messages right behind the answer", 80),
    // Too rare to be counted on: it has a test of its own in `shard::state`.
    (HoleTold, "numbers told without their content", 0),
    (Retried, "retries of a stored key acknowledged again", 200),
    (RetriedByWhoLeft, "of them by somebody who is no member any more", 2),
    (KeyConflict, "keys refused that stand for another message", 7),
    (ReadPositionStayed, "marks below what was read already", 3),
    (RateLimited, "requests refused as too many", 5),
    (Overloaded, "requests refused because the writer's queue is full", 200),
    (CommitUnknown, "commits that stored texts and seemed to fail", 80),
    (ComingUnknown, "the same of comings and goings only", 100),
    (HoleHealed, "numbers heard live all the same", 500),
    (HoleReadAgain, "holes read in front of the next number, after another read of them failed", 8),
    (CommitFailed, "transactions in which a call failed", 30),
    (CommitRepeated, "of them by a conflict, and repeated", 10),
    (StorageFull, "of them because the disk is full", 8),
    (AnsweredLate, "sends answered with `unavailable` that were stored", 200),
    (ReadFailed, "reads that failed", 400),
    (ControlReadFailed, "of them of the control log", 15),
    (Restored, "restores of a backup", 20),
    (SessionEndedLive, "connections closed because their session ended, while they heard a room", 25),
    (MembershipEndedElsewhere, "memberships ended by another device, while this one heard the room", 150),
    (TypingHeard, "beginnings of typing heard", 40),
    (TypingExpired, "ends of typing heard that came by themselves", 3),
    (CutInMidFrame, "connections cut in the middle of a frame", 25),
    (Vanished, "connections that fell silent", 40),
    (Partitioned, "partitions of the whole network", 40),
    (Killed, "kills of the node", 50),
    (Drained, "drains of a node with connections", 10),
    (ToldToComeBack, "clients closed by a drain with 1012", 60),
];

/// The repository's methods that people who chat make a node call, and the commit itself. What only a race between a
/// sign-in and the end of another session makes it call, and what takes an hour, is not among them.
const CALLED: [&str; 23] = [
    "add_participant",
    "append_control",
    "clear_presence",
    "commit",
    "count_unread",
    "database_state",
    "find_members",
    "find_room",
    "find_sent",
    "find_session",
    "insert_messages",
    "list_active_rooms",
    "list_changes",
    "list_control",
    "list_messages",
    "list_participants",
    "list_participations",
    "list_rooms",
    "lock_rooms",
    "raise_read_seqs",
    "record_presence",
    "remove_participant",
    "set_room_counters",
];

/// How often each thing happened, and how often each call failed.
#[derive(Debug, Clone, Default)]
pub(super) struct Coverage {
    happened: BTreeMap<Happened, u64>,
    failed: BTreeMap<&'static str, u64>,
}

impl Coverage {
    pub(super) fn count(&mut self, happened: Happened, times: u64) {
        *self.happened.entry(happened).or_default() += times;
    }

    pub(super) fn count_failed(&mut self, call: &'static str, times: u64) {
        *self.failed.entry(call).or_default() += times;
    }

    pub(super) fn add(&mut self, other: &Self) {
        other.happened.iter().for_each(|(&happened, &times)| self.count(happened, times));
        other.failed.iter().for_each(|(&call, &times)| self.count_failed(call, times));
    }

    fn of(&self, happened: Happened) -> u64 {
        self.happened.get(&happened).copied().unwrap_or(0)
    }

    /// What happened too seldom.
    pub(super) fn missing(&self) -> Vec<String> {
        let seldom = WANTED.iter().filter(|(happened, _, least)| self.of(*happened) < *least);
        seldom.map(|(happened, what, least)| format!("{} of {least} {what}", self.of(*happened))).collect()
    }

    /// The calls that never failed.
    pub(super) fn never_failed(&self) -> Vec<&'static str> {
        CALLED.into_iter().filter(|call| !self.failed.contains_key(call)).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        WANTED.iter().try_for_each(|(happened, what, _)| writeln!(f, "{:>8} {what}", self.of(*happened)))?;
        self.failed.iter().try_for_each(|(call, times)| writeln!(f, "{times:>8} failures of {call}"))
    }
}
