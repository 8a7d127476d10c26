//! Which CPU a process runs on: the target on one, the generator on another, so that neither takes the other's time.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// The CPU of the server or the bare loop.
const TARGET_CPU: &str = "0";
/// The CPU of the generator.
const GENERATOR_CPU: &str = "1";

/// Whether processes can be kept on one CPU.
#[derive(Debug)]
pub(crate) struct Pinning {
    pub(crate) is_possible: bool,
}

impl Pinning {
    /// Tries `taskset` with both CPUs.
    pub(crate) fn find() -> Self {
        let is_possible = [TARGET_CPU, GENERATOR_CPU].iter().all(|cpu| {
            let mut command = Command::new("taskset");
            command.args(["-c", cpu, "true"]).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        });
        Self { is_possible }
    }

    /// A command that runs a program on the target's CPU.
    pub(crate) fn target(&self, program: &OsStr) -> Command {
        self.on(TARGET_CPU, program)
    }

    /// A command that runs a program on the generator's CPU.
    pub(crate) fn generator(&self, program: &OsStr) -> Command {
        self.on(GENERATOR_CPU, program)
    }

    fn on(&self, cpu: &str, program: &OsStr) -> Command {
        // A thousand sockets are more than most systems let a process open unless it asks.
        let mut command = Command::new("sh");
        command.args(["-c", r#"ulimit -n "$(ulimit -Hn)"; exec "$@""#, "sh"]);
        if self.is_possible {
            command.args(["taskset", "-c", cpu]);
        }
        command.arg(program);
        command
    }
}
