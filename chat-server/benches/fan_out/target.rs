//! What is measured: the real server, and the bare loops beside it.

use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use clap::ValueEnum;
use tempfile::TempDir;

use crate::chat_cli;
use crate::disk;
use crate::pinning::Pinning;
use crate::shape::Shape;

/// The file of the tokens in a target's folder.
const TOKENS: &str = "tokens";

/// A program that accepts the generator's clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// The real binary on an empty SQLite file.
    ChatServer,
    /// One write for each delivery, and nothing else.
    BareLoop,
    /// One write for each member and turn of the loop.
    BareLoopPerTurn,
}

/// The order within a round.
pub(crate) const TARGETS: [Target; 3] = [Target::ChatServer, Target::BareLoop, Target::BareLoopPerTurn];

impl Target {
    /// Starts it anew.
    pub(crate) fn start(self, shape: &Shape, pinning: &Pinning) -> io::Result<Running> {
        let folder = tempfile::tempdir_in(disk::FOLDER)?;
        let tokens = folder.path().join(TOKENS);
        let command = match self {
            Self::ChatServer => {
                chat_cli::seed(folder.path(), shape, &tokens)?;
                chat_server(&folder, pinning)
            }
            Self::BareLoop => bare_loop("bare-loop", &tokens, shape, pinning)?,
            Self::BareLoopPerTurn => bare_loop("bare-loop-per-turn", &tokens, shape, pinning)?,
        };
        Running::start(command, folder, self)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ChatServer => "chat-server",
            Self::BareLoop => "bare loop, write per delivery",
            Self::BareLoopPerTurn => "bare loop, write per turn",
        })
    }
}

fn chat_server(folder: &TempDir, pinning: &Pinning) -> Command {
    let mut command = pinning.target(env!("CARGO_BIN_EXE_chat-server").as_ref());
    command
        .env("CHAT_BIND", "127.0.0.1:0")
        .env("CHAT_DATA_DIR", folder.path())
        .env("CHAT_LOG", "warn")
        .env("CHAT_LIMIT_MESSAGES_PER_SECOND", "1000000");
    for variable in ["DATABASE_URL", "DATABASE_URL_FILE", "SECRET_KEY", "SECRET_KEY_FILE"] {
        command.env_remove(variable);
    }
    command
}

/// A reference, which takes everybody for whoever they are.
fn bare_loop(role: &str, tokens: &Path, shape: &Shape, pinning: &Pinning) -> io::Result<Command> {
    std::fs::write(tokens, "anybody\n".repeat(shape.clients()))?;
    let mut command = pinning.target(std::env::current_exe()?.as_os_str());
    command.args(["--bench", "--role", role]);
    Ok(command)
}

/// A started target and its data; both go when this is dropped.
pub(crate) struct Running {
    child: Child,
    address: SocketAddr,
    target: Target,
    folder: TempDir,
}

impl Running {
    /// Starts a program and waits until it says where it listens.
    fn start(mut command: Command, folder: TempDir, target: Target) -> io::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let address = line.trim().strip_prefix("listening on http://").and_then(|text| text.parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(io::Error::other(format!("a target did not start: {line}")));
        };
        Ok(Self { child, address, target, folder })
    }

    /// The command line of the load on it.
    pub(crate) fn load(&self, shape: &Shape, seconds: u64) -> Command {
        let mut command = Command::new("chat-cli");
        command.args(["--json", "bench", "fanout", &self.address.to_string(), "--shape", shape.name]);
        command.arg("--tokens").arg(self.folder.path().join(TOKENS));
        // The programs that set the target's limits and its CPU gave their place to it.
        command.args(["--seconds", &seconds.to_string(), "--server-pid", &self.child.id().to_string()]);
        if self.target != Target::ChatServer {
            command.arg("--without-acks");
        }
        command
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
