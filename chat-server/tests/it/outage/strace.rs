//! The binary under strace.

use std::path::Path;
use std::process::{Command, Stdio};

use super::cluster::{children, kill};
use super::server::ChatServer;
use crate::process::chat_server;
use crate::support::{eventually, left_out};

/// The binary under strace, which follows its threads and writes what `arguments` ask for into a file. `None`, said
/// loudly, where there is no strace.
pub(crate) fn under_strace(test: &str, trace: &Path, arguments: &[&str]) -> Option<Command> {
    let tried = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    if !tried.is_ok_and(|status| status.success()) {
        left_out(test, "strace is not installed, or may not trace");
        return None;
    }
    let plain = chat_server();
    let mut command = Command::new("strace");
    command.args(["-f", "-o"]).arg(trace).args(arguments).arg(plain.get_program()).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    Some(command)
}

/// What strace started; it outlives strace, and is killed when this is dropped.
pub(crate) struct Traced(Vec<String>);

impl Traced {
    /// What the strace of a server started.
    pub(crate) fn of(server: &ChatServer) -> Self {
        Self(children(&server.process.id().to_string()))
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        kill("KILL", &self.0);
        let is_gone = || self.0.iter().all(|id| !is_alive(id)).then_some(());
        eventually("the end of the server", is_gone);
    }
}

fn is_alive(id: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains("zombie"))
}
