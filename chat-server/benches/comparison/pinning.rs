//! Which CPU a process runs on: the target on one, the generator on another, so that neither takes the other's time;
//! and which of two generators goes first.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// The CPU of the server or the bare loop.
pub(crate) const TARGET_CPU: &str = "0";
/// The CPU of the generator.
const GENERATOR_CPU: &str = "1";
/// Both, for a server that may use more than one while the generator sleeps.
pub(crate) const BOTH_CPUS: &str = "0,1";

/// Whether processes can be kept on one CPU.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pinning {
    pub(crate) is_possible: bool,
    /// Whether a generator can run ahead of another one on the same CPU.
    pub(crate) is_urgency_possible: bool,
}

/// Runs a program as soon as it has something to do, whatever else runs on its CPU.
const URGENTLY: [&str; 3] = ["chrt", "--fifo", "1"];

impl Pinning {
    /// Tries `taskset` with both CPUs, and `chrt`, which needs the right to set priorities.
    pub(crate) fn find() -> Self {
        Self {
            is_possible: [TARGET_CPU, GENERATOR_CPU].iter().all(|cpu| succeeds(&["taskset", "-c", cpu])),
            is_urgency_possible: succeeds(&URGENTLY),
        }
    }

    /// A command that runs a program on the target's CPU.
    pub(crate) fn target(&self, program: &OsStr) -> Command {
        self.on(TARGET_CPU, &[], program)
    }

    /// A command that runs a program on some CPUs, as `taskset` lists them.
    pub(crate) fn target_on(&self, cpus: &str, program: &OsStr) -> Command {
        self.on(cpus, &[], program)
    }

    /// A command that runs a program on the generator's CPU.
    pub(crate) fn generator(&self, program: &OsStr) -> Command {
        self.on(GENERATOR_CPU, &[], program)
    }

    /// The same ahead of whatever else runs there, for a program that does little.
    pub(crate) fn urgent_generator(&self, program: &OsStr) -> Command {
        self.on(GENERATOR_CPU, if self.is_urgency_possible { &URGENTLY } else { &[] }, program)
    }

    fn on(&self, cpus: &str, priority: &[&str], program: &OsStr) -> Command {
        // A thousand sockets are more than most systems let a process open unless it asks.
        let mut command = Command::new("sh");
        command.args(["-c", r#"ulimit -n "$(ulimit -Hn)"; exec "$@""#, "sh"]);
        if self.is_possible {
            command.args(["taskset", "-c", cpus]);
        }
        command.args(priority).arg(program);
        command
    }
}

/// Whether what stands in front of a program lets it run.
fn succeeds(front: &[&str]) -> bool {
    let [program, arguments @ ..] = front else { return false };
    let mut command = Command::new(program);
    command.args(arguments).arg("true").stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
