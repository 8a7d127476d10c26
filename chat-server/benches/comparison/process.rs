//! A started server, and its end.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A server that listens. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    url: String,
    /// From its start until it said where it listens.
    pub(crate) started_after: Duration,
}

impl Process {
    /// Starts a program and waits until it says where it listens.
    pub(crate) fn start(mut command: Command) -> io::Result<Self> {
        let started = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let started_after = started.elapsed();
        let process = Self { child, url: line.trim().replace("listening on ", ""), started_after };
        if process.url.starts_with("http://") {
            Ok(process)
        } else {
            Err(io::Error::other(format!("{command:?} did not start: {line}")))
        }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its process. The programs that set its limits and its CPU gave their place to it.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// KiB of memory that it holds (`VmRSS`, proc(5)).
    pub(crate) fn resident_kib(&self) -> io::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let of_line = |line: &str| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok();
        status.lines().find_map(of_line).ok_or_else(|| io::Error::other("its memory is not told"))
    }

    /// Lets it end in order.
    pub(crate) fn stop(mut self) -> io::Result<()> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        kill_process(pid.ok_or(io::ErrorKind::NotFound)?, Signal::TERM)?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("a server ended with {status}"))) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
