//! What `/proc` says of a process and of the machine (proc(5)).

/// Ticks of `/proc/PID/stat` in a second: `USER_HZ`, which Linux keeps at 100.
const TICKS_PER_S: f64 = 100.0;
/// Where user and system time stand behind the command's name in `/proc/PID/stat`.
const CPU_FIELDS: std::ops::Range<usize> = 11..13;
/// Where user, nice, system, idle, iowait, irq, softirq and steal stand in `/proc/stat`. Of guests the user's time knows.
const MACHINE_FIELDS: usize = 8;
/// Those of them that are no work: idle and iowait.
const MACHINE_REST: std::ops::RangeInclusive<usize> = 3..=4;

/// Seconds of CPU that a process has used, all its threads together. `None` if there is no such process.
pub(super) fn cpu_s(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces; nothing behind its bracket does.
    let (_, behind_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    let ticks = fields.get(CPU_FIELDS)?.iter().map(|ticks| ticks.parse::<f64>().ok());
    Some(ticks.sum::<Option<f64>>()? / TICKS_PER_S)
}

/// Seconds of CPU that this process has used.
pub(super) fn own_cpu_s() -> f64 {
    cpu_s(std::process::id()).unwrap_or(0.0)
}

/// Seconds of CPU that the whole machine has used.
pub(super) fn machine_cpu_s() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks = stat.lines().next()?.split_whitespace().skip(1).take(MACHINE_FIELDS);
    let busy = ticks.enumerate().filter(|(field, _)| !MACHINE_REST.contains(field));
    Some(busy.filter_map(|(_, ticks)| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_S)
}

/// KiB of memory that a process holds (`VmRSS`).
pub(super) fn resident_kib(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_says_what_a_process_uses() {
        let own = std::process::id();
        assert!(resident_kib(own).unwrap() > 500);
        assert!(cpu_s(own).unwrap() <= machine_cpu_s().unwrap());
        // Process ids end at 2^22.
        assert_eq!((resident_kib(u32::MAX), cpu_s(u32::MAX)), (None, None));
    }
}
