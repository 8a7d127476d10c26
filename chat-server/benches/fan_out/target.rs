//! What is measured: the real server, and the bare loops beside it.

use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use clap::ValueEnum;
use tempfile::TempDir;

use crate::database;
use crate::disk;
use crate::pinning::Pinning;
use crate::shape::Shape;

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
    /// Whether the sender gets an `ack` for each message.
    pub(crate) fn acknowledges(self) -> bool {
        self == Self::ChatServer
    }

    /// Starts it anew.
    pub(crate) fn start(self, shape: &Shape, pinning: &Pinning) -> io::Result<Running> {
        let folder = tempfile::tempdir_in(disk::FOLDER)?;
        let command = match self {
            Self::ChatServer => {
                database::fill(folder.path(), shape)?;
                chat_server(&folder, pinning)
            }
            Self::BareLoop => bare_loop("bare-loop", pinning)?,
            Self::BareLoopPerTurn => bare_loop("bare-loop-per-turn", pinning)?,
        };
        Running::start(command, folder)
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
        .env("SECRET_KEY", database::SECRET_KEY)
        .env("CHAT_LOG", "warn")
        .env("CHAT_LIMIT_MESSAGES_PER_SECOND", "1000000")
        .env("CHAT_LIMIT_CONNECTIONS_PER_USER", "0")
        .env("CHAT_LIMIT_LOGINS_PER_MINUTE", "0")
        .env("CHAT_LIMIT_REGISTRATIONS_PER_MINUTE", "0")
        .env_remove("DATABASE_URL");
    command
}

fn bare_loop(role: &str, pinning: &Pinning) -> io::Result<Command> {
    let mut command = pinning.target(std::env::current_exe()?.as_os_str());
    command.args(["--bench", "--role", role]);
    Ok(command)
}

/// A started target and its data; both go when this is dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
    _folder: TempDir,
}

impl Running {
    /// Starts a program and waits until it says where it listens.
    fn start(mut command: Command, folder: TempDir) -> io::Result<Self> {
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
        Ok(Self { child, address, _folder: folder })
    }

    /// Its process; the programs that set its limits and its CPU gave their place to it.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
