//! What `/proc` says of a process and of the machine (proc(5)).

use super::cpu::TICKS_PER_S;
pub(super) use super::cpu::cpu_s;
use crate::error::CliError;

/// Where user, nice, system, idle, iowait, irq, softirq and steal stand in `/proc/stat`. Of guests the user's time knows.
const MACHINE_FIELDS: usize = 8;
/// Those of them that are no work: idle and iowait.
const MACHINE_REST: std::ops::RangeInclusive<usize> = 3..=4;

/// Says if a server's process that was named is not there.
pub(super) fn check_server(pid: Option<u32>) -> Result<(), CliError> {
    match pid.filter(|&pid| cpu_s(pid).is_none()) {
        Some(pid) => Err(CliError::usage(format!("there is no process {pid}"), "correct --server-pid")),
        None => Ok(()),
    }
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
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_system_says_what_a_process_uses() {
        let own = std::process::id();
        assert!(resident_kib(own).unwrap() > 500);
        assert!(cpu_s(own).unwrap() <= machine_cpu_s().unwrap());
        // Process ids end at 2^22.
        assert_eq!((resident_kib(u32::MAX), cpu_s(u32::MAX)), (None, None));
    }
    #[test]
    fn what_children_use_counts_while_they_live_and_when_they_ended() {
        const BURN: &str = "(i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; echo; read x); echo; read x";
        let mut command = Command::new("sh");
        command.args(["-c", BURN]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = command.spawn().unwrap();
        let (mut input, output) = (shell.stdin.take().unwrap(), shell.stdout.take().unwrap());
        let mut lines = BufReader::new(output).lines();
        for child in ["waits for a line", "ended"] {
            lines.next().unwrap().unwrap();
            let used = cpu_s(shell.id()).unwrap();
            assert!(used >= 0.05, "{used} s of CPU, while the child {child}");
            input.write_all(b"\n").unwrap();
        }
        shell.wait().unwrap();
    }
}
