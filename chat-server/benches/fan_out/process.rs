//! What `/proc` says of a process (proc(5)).

use std::io;

/// Ticks of `/proc/PID/stat` in a second: `USER_HZ`, which Linux keeps at 100.
const TICKS_PER_S: f64 = 100.0;
/// Where user and system time stand behind the command's name in `/proc/PID/stat`.
const CPU_FIELDS: std::ops::Range<usize> = 11..13;

/// Seconds of CPU that a process has used, all its threads together.
pub(crate) fn cpu_s(pid: u32) -> io::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold spaces; nothing behind its bracket does.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = fields.get(CPU_FIELDS).unwrap_or_default();
    if ticks.is_empty() {
        return Err(io::Error::other(format!("process {pid} has no times: {stat}")));
    }
    Ok(ticks.iter().filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_S)
}

/// Seconds of CPU that the whole machine has used.
pub(crate) fn machine_cpu_s() -> io::Result<f64> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    // `cpu`, then ticks of: user, nice, system, idle, iowait, irq, softirq, steal. Of guests the user's time knows.
    let ticks = stat.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8);
    let busy = ticks.enumerate().filter(|(field, _)| !matches!(field, 3 | 4));
    Ok(busy.filter_map(|(_, ticks)| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_S)
}

/// KiB of memory that a process holds (`VmRSS`).
pub(crate) fn resident_kib(pid: u32) -> io::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| io::Error::other(format!("process {pid} has no VmRSS")))
}
