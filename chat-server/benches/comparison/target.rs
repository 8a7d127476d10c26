//! What is measured: the real server, the limits, and servers of others beside it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;
use tempfile::TempDir;

use crate::chat_cli::{self, Storage};
use crate::disk;
use crate::pinning::Pinning;
use crate::process::Process;
use crate::shape::Population;

/// The real server.
pub(crate) const CHAT_SERVER: &str = env!("CARGO_BIN_EXE_chat-server");
/// The file of the tokens in a target's folder.
pub(crate) const TOKENS: &str = "tokens";
/// The other servers' folder.
const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers");

/// A program that accepts the generator's clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// The real binary on an empty SQLite file.
    ChatServer,
    /// One write for each delivery, and nothing else.
    BareLoop,
    /// One write for each member and turn of the loop.
    BareLoopPerTurn,
    /// The same behind a commit of the server's rows.
    BareLoopPerCommit,
    /// Takes everybody in and answers joins from memory, and nothing else.
    AcceptLoop,
    /// A plain chat on uWebSockets.js, whose rows are safe from its own end.
    #[value(name = "uwebsockets")]
    UWebSockets,
    /// The same, whose rows are safe from the machine's end, as the server's.
    #[value(name = "uwebsockets-full")]
    UWebSocketsFull,
}

impl Target {
    /// Whether it can be started: the other servers' libraries are fetched on request.
    pub(crate) fn is_there(self) -> bool {
        match self {
            Self::UWebSockets | Self::UWebSocketsFull => Path::new(PEERS).join("node_modules").exists(),
            _ => true,
        }
    }

    /// Starts it anew; `more` is what its command line says besides.
    pub(crate) fn start(
        self,
        population: Population,
        pinning: &Pinning,
        more: Vec<String>,
    ) -> io::Result<Running> {
        let folder = tempfile::tempdir_in(disk::FOLDER)?;
        let tokens = folder.path().join(TOKENS);
        match self {
            Self::ChatServer | Self::BareLoopPerCommit => chat_cli::seed(folder.path(), population, &tokens)?,
            // They take everybody for whoever they are.
            _ => std::fs::write(tokens, "anybody\n".repeat(population.people))?,
        }
        let mut command = match self {
            Self::ChatServer => chat_server(folder.path(), pinning),
            Self::BareLoop => limit("bare-loop", &folder, pinning)?,
            Self::BareLoopPerTurn => limit("bare-loop-per-turn", &folder, pinning)?,
            Self::BareLoopPerCommit => limit("bare-loop-per-commit", &folder, pinning)?,
            Self::AcceptLoop => limit("accept-loop", &folder, pinning)?,
            Self::UWebSockets => peer("uwebsockets.js", "NORMAL", &folder, pinning),
            Self::UWebSocketsFull => peer("uwebsockets.js", "FULL", &folder, pinning),
        };
        command.args(more);
        Ok(Running { process: Process::start(command)?, target: self, folder })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ChatServer => "chat-server",
            Self::BareLoop => "limit: write per delivery",
            Self::BareLoopPerTurn => "limit: write per turn",
            Self::BareLoopPerCommit => "limit: write per commit",
            Self::AcceptLoop => "limit: bare accept loop",
            Self::UWebSockets => "uWebSockets.js, SQLite NORMAL",
            Self::UWebSocketsFull => "uWebSockets.js, SQLite FULL",
        })
    }
}

/// The real server on a data folder, on the target's CPU, with limits above every load.
pub(crate) fn chat_server(data_dir: &Path, pinning: &Pinning) -> Command {
    chat_server_by(pinning.target(CHAT_SERVER.as_ref()), Storage::Folder(data_dir), data_dir)
}

/// The same by a command that runs it elsewhere, and with its rows where they are.
pub(crate) fn chat_server_by(mut command: Command, storage: Storage<'_>, data_dir: &Path) -> Command {
    set_up(&mut command, storage, data_dir);
    command.env("CHAT_LIMIT_MESSAGES_PER_SECOND", "1000000").env("CHAT_LIMIT_HISTORY_PER_SECOND", "1000000");
    command
}

/// Tells the real server where its rows and its data folder are, and to take a free port.
pub(crate) fn set_up(command: &mut Command, storage: Storage<'_>, data_dir: &Path) {
    storage.tell(command);
    command.env("CHAT_BIND", "127.0.0.1:0").env("CHAT_DATA_DIR", data_dir).env("CHAT_LOG", "warn");
}

/// A limit: this program in another role.
pub(crate) fn limit(role: &str, folder: &TempDir, pinning: &Pinning) -> io::Result<Command> {
    let mut command = pinning.target(std::env::current_exe()?.as_os_str());
    command.args(["--bench", "--role", role, "--database"]).arg(chat_cli::database(folder.path()));
    Ok(command)
}

fn peer(program: &str, synchronous: &str, folder: &TempDir, pinning: &Pinning) -> Command {
    let mut command = pinning.target("node".as_ref());
    let program: PathBuf = [PEERS, program].iter().collect();
    command.arg(program).arg(folder.path().join("peer.db")).arg(synchronous);
    command
}

/// A started target and its data; both go when this is dropped.
pub(crate) struct Running {
    process: Process,
    target: Target,
    folder: TempDir,
}

impl Running {
    /// The file of the tokens of its people.
    pub(crate) fn tokens(&self) -> PathBuf {
        self.folder.path().join(TOKENS)
    }

    /// A load on it, which the generator is told: of what kind, by whom, and what that kind wants to know besides.
    pub(crate) fn load(
        &self,
        kind: &str,
        tokens: &Path,
        arguments: impl IntoIterator<Item = String>,
    ) -> Vec<String> {
        let mut load = chat_cli::load_on(&self.process, kind, tokens, arguments);
        if self.target != Target::ChatServer {
            load.push("--without-acks".to_owned());
        }
        load
    }
}
