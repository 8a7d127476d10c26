//! The administration tool: it makes the people of a load, and is the load.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::pinning::Pinning;
use crate::process::Process;
use crate::shape::Population;
use crate::target::CHAT_SERVER;

/// What the tool calls the rooms of a load, in front of their numbers.
pub(crate) const ROOM_PREFIX: &str = "bench-";

/// What lets the tool answer with a document.
pub(crate) const AS_JSON: &str = "--json";

/// What the tool and the server need with PostgreSQL; it opens nothing but throw-away databases.
const SECRET_KEY: &str = "the secret of a comparison, of no use elsewhere";

/// Where a load's rows are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Storage<'s> {
    /// In the SQLite database of a data folder.
    Folder(&'s Path),
    /// In a database of a PostgreSQL that some process started.
    Postgres { url: &'s str, postmaster: u32 },
}

impl<'s> From<&'s Path> for Storage<'s> {
    fn from(data_dir: &'s Path) -> Self {
        Self::Folder(data_dir)
    }
}

impl Storage<'_> {
    /// A program of the chat that is told where the rows are.
    fn of(self, mut command: Command) -> Command {
        self.tell(&mut command);
        command
    }

    /// Tells a program of the chat where the rows are, and nothing else of the surroundings.
    pub(crate) fn tell(self, command: &mut Command) {
        for variable in ["DATABASE_URL", "DATABASE_URL_FILE", "SECRET_KEY", "SECRET_KEY_FILE"] {
            command.env_remove(variable);
        }
        match self {
            Self::Folder(folder) => command.env("CHAT_DATA_DIR", folder),
            Self::Postgres { url, .. } => command.env("DATABASE_URL", url).env("SECRET_KEY", SECRET_KEY),
        };
    }
}

/// The tool's binary, which lies beside the server's.
pub(crate) fn find() -> io::Result<PathBuf> {
    let path = PathBuf::from(CHAT_SERVER).with_file_name("chat-cli");
    if path.exists() {
        return Ok(path);
    }
    let text = format!("there is no {}: run `cargo build --release -p chat-cli` first", path.display());
    Err(io::Error::other(text))
}

/// The database in a data folder.
pub(crate) fn database(data_dir: &Path) -> PathBuf {
    data_dir.join("chat.db")
}

/// Makes the tables, with the rooms that every chat begins with.
pub(crate) fn migrate<'s>(storage: impl Into<Storage<'s>>) -> io::Result<()> {
    finish(storage.into().of(Command::new(find()?)).args(["migrate", "up"])).map(drop)
}

/// Makes the tables, with people and rooms, and the file of the people's tokens.
pub(crate) fn seed<'s>(
    storage: impl Into<Storage<'s>>,
    population: Population,
    tokens: &Path,
) -> io::Result<()> {
    let storage = storage.into();
    let (people, rooms) = (population.people.to_string(), population.rooms.to_string());
    migrate(storage)?;
    let mut command = storage.of(Command::new(find()?));
    command.args(["seed", "--users", &people, "--rooms", &rooms, "--tokens"]).arg(tokens);
    finish(&mut command).map(drop)
}

/// A kind of load on a server, by the people of a file of tokens, and what that kind wants to know besides.
pub(crate) fn load_on(
    server: &Process,
    kind: &str,
    tokens: &Path,
    arguments: impl IntoIterator<Item = String>,
) -> Vec<String> {
    load_beside(server.pid(), server, kind, tokens, arguments)
}

/// The same where the CPU of another process counts, which serves the server.
pub(crate) fn load_beside(
    measured: u32,
    server: &Process,
    kind: &str,
    tokens: &Path,
    arguments: impl IntoIterator<Item = String>,
) -> Vec<String> {
    let mut load = vec![
        "bench".to_owned(),
        kind.to_owned(),
        format!("--server={}", server.url()),
        format!("--server-pid={measured}"),
        format!("--tokens={}", tokens.display()),
    ];
    load.extend(arguments);
    load
}

/// Runs a load on a server from the generator's CPU, and gives back what it says of it.
pub(crate) fn load(load: &[String], pinning: &Pinning) -> io::Result<Value> {
    document(pinning.generator(find()?.as_os_str()).args(load))
}

/// The same, ahead of whatever else runs on that CPU: for loads whose times count.
pub(crate) fn urgent_load(load: &[String], pinning: &Pinning) -> io::Result<Value> {
    document(pinning.urgent_generator(find()?.as_os_str()).args(load))
}

/// Runs `bench store`, and gives back what it says of it: on the target's CPU, if that isn't PostgreSQL's.
pub(crate) fn store<'s>(
    storage: impl Into<Storage<'s>>,
    senders: usize,
    seconds: u64,
    pinning: &Pinning,
) -> io::Result<Value> {
    let (storage, program) = (storage.into(), find()?);
    let mut command = storage.of(match storage {
        Storage::Folder(_) => pinning.target(program.as_os_str()),
        Storage::Postgres { .. } => pinning.generator(program.as_os_str()),
    });
    let counts =
        [("senders", senders.to_string()), ("rooms", senders.to_string()), ("rounds", "1".to_owned())];
    command.args(["bench", "store"]).args(counts.map(|(name, count)| format!("--{name}={count}")));
    if let Storage::Postgres { postmaster, .. } = storage {
        command.arg(format!("--server-pid={postmaster}"));
    }
    document(command.arg(format!("--seconds={seconds}")))
}

/// A figure of a load.
pub(crate) fn figure(document: &Value, name: &str) -> io::Result<f64> {
    let text = || io::Error::other(format!("the load says nothing of {name}: {document}"));
    figure_if_told(document, name).ok_or_else(text)
}

/// A figure that not every target makes known.
pub(crate) fn figure_if_told(document: &Value, name: &str) -> Option<f64> {
    document.pointer(&format!("/{name}")).and_then(Value::as_f64)
}

fn document(command: &mut Command) -> io::Result<Value> {
    parse(&finish(command.arg(AS_JSON))?)
}

/// Reads what a load says with [`AS_JSON`].
pub(crate) fn parse(document: &[u8]) -> io::Result<Value> {
    serde_json::from_slice(document).map_err(io::Error::other)
}

/// Runs a program to its end, and gives back what it wrote.
pub(crate) fn finish(command: &mut Command) -> io::Result<Vec<u8>> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(io::Error::other(format!("{command:?}: {}\n{stdout}{stderr}", output.status)))
}
