//! The CPU time of a process with all that it started (proc(5)): a server may be many processes.

use std::ops::Range;

/// Ticks of `/proc/PID/stat` in a second: `USER_HZ`, which Linux keeps at 100.
pub(super) const TICKS_PER_S: f64 = 100.0;
/// Where the parent's id stands behind the command's name.
const PARENT_FIELD: usize = 1;
/// Where user and system time stand behind it.
const OWN_FIELDS: Range<usize> = 11..13;
/// Where those of the children stand that ended and were waited for.
const ENDED_FIELDS: Range<usize> = 13..15;
/// How often children are counted again because one of them ended meanwhile, at most.
const TRIES: usize = 20;

/// Seconds of CPU that a process has used, all its threads together, and its children, also those that ended. `None`
/// if there is no such process.
pub(super) fn cpu_s(pid: u32) -> Option<f64> {
    let mut before = Stat::read(pid)?;
    let mut ticks = 0;
    for _ in 0..TRIES {
        let living: u64 = children(pid)?.map(|child| child.own_ticks + child.ended_ticks).sum();
        let after = Stat::read(pid)?;
        ticks = after.own_ticks + after.ended_ticks + living;
        // One that ended in between was counted twice, or not at all.
        if before.ended_ticks == after.ended_ticks {
            break;
        }
        before = after;
    }
    Some(u32::try_from(ticks).map_or(f64::INFINITY, f64::from) / TICKS_PER_S)
}

fn children(parent: u32) -> Option<impl Iterator<Item = Stat>> {
    let processes = std::fs::read_dir("/proc").ok()?;
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Some(ids.filter_map(Stat::read).filter(move |stat| stat.parent == parent))
}

/// What is wanted of `/proc/PID/stat`.
struct Stat {
    parent: u32,
    own_ticks: u64,
    ended_ticks: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may hold spaces; nothing behind its bracket does.
        let (_, behind_name) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = behind_name.split_whitespace().collect();
        let sum = |fields: Option<&[&str]>| {
            fields?.iter().map(|ticks| ticks.parse::<u64>().ok()).sum::<Option<u64>>()
        };
        Some(Self {
            parent: fields.get(PARENT_FIELD)?.parse().ok()?,
            own_ticks: sum(fields.get(OWN_FIELDS))?,
            ended_ticks: sum(fields.get(ENDED_FIELDS))?,
        })
    }
}
