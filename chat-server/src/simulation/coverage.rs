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
    HoleHealed,
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

/// What each of them is, and how often 200 seeds bring it about at least: half of what they did when it was written
/// down, and less where it is rare.
const WANTED: [(Happened, &str, u64); 36] = [
    (SlowReaderClosed, "slow readers closed by the node with 4000", 1),
    (SlowReaderTold, "slow readers that read the 4000", 1),
    (QueueHalfFull, "connections with a queue above half of its bound", 1),
    (EphemeralLost, "connections that lost typing or presence to a full queue", 1),
    (PresenceSentAfresh, "lists of presence sent afresh after that", 1),
    (ResumeAnswered, "resumes answered with what changed", 1),
    (LongResumeAnswered, "of them with more than a page", 1),
    (ResetByEpoch, "resets because of another epoch", 1),
    (ResetByLength, "resets because too much changed", 1),
    (HeardDuringJoin, "joins with live messages right behind the answer", 1),
    (HoleTold, "numbers told without their content", 1),
    (Retried, "retries of a stored key acknowledged again", 1),
    (RetriedByWhoLeft, "of them by somebody who is no member any more", 1),
    (KeyConflict, "keys refused that stand for another message", 1),
    (ReadPositionStayed, "marks below what was read already", 1),
    (RateLimited, "requests refused as too many", 1),
    (Overloaded, "requests refused because the writer's queue is full", 1),
    (CommitUnknown, "commits that stored messages and seemed to fail", 1),
    (HoleHealed, "numbers heard live all the same", 1),
    (CommitFailed, "transactions in which a call failed", 1),
    (CommitRepeated, "of them by a conflict, and repeated", 1),
    (StorageFull, "of them because the disk is full", 1),
    (AnsweredLate, "sends answered with `unavailable` that were stored", 1),
    (ReadFailed, "reads that failed", 1),
    (ControlReadFailed, "of them of the control log", 1),
    (Restored, "restores of a backup", 1),
    (SessionEndedLive, "connections closed because their session ended, while they heard a room", 1),
    (MembershipEndedElsewhere, "memberships ended by another device, while this one heard the room", 1),
    (TypingHeard, "beginnings of typing heard", 1),
    (TypingExpired, "ends of typing heard that came by themselves", 1),
    (CutInMidFrame, "connections cut in the middle of a frame", 1),
    (Vanished, "connections that fell silent", 1),
    (Partitioned, "partitions of the whole network", 1),
    (Killed, "kills of the node", 1),
    (Drained, "drains of a node with connections", 1),
    (ToldToComeBack, "clients closed by a drain with 1012", 1),
];

/// How often each thing happened.
#[derive(Debug, Clone, Default)]
pub(super) struct Coverage(BTreeMap<Happened, u64>);

impl Coverage {
    pub(super) fn count(&mut self, happened: Happened, times: u64) {
        *self.0.entry(happened).or_default() += times;
    }

    pub(super) fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(&happened, &times)| self.count(happened, times));
    }

    fn of(&self, happened: Happened) -> u64 {
        self.0.get(&happened).copied().unwrap_or(0)
    }

    /// What happened too seldom.
    pub(super) fn missing(&self) -> Vec<String> {
        let seldom = WANTED.iter().filter(|(happened, _, least)| self.of(*happened) < *least);
        seldom.map(|(happened, what, least)| format!("{} of {least} {what}", self.of(*happened))).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        WANTED.iter().try_for_each(|(happened, what, _)| writeln!(f, "{:>8} {what}", self.of(*happened)))
    }
}
