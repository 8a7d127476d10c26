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

/// Makes it, with the rooms that every chat begins with.
pub(crate) fn migrate(data_dir: &Path) -> io::Result<()> {
    finish(in_folder(Command::new(find()?), data_dir).args(["migrate", "up"])).map(drop)
}

/// Makes it, with its people and rooms, and the file of the people's tokens.
pub(crate) fn seed(data_dir: &Path, population: Population, tokens: &Path) -> io::Result<()> {
    let (people, rooms) = (population.people.to_string(), population.rooms.to_string());
    migrate(data_dir)?;
    let mut command = in_folder(Command::new(find()?), data_dir);
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
    let mut load = vec![
        "bench".to_owned(),
        kind.to_owned(),
        format!("--server={}", server.url()),
        format!("--server-pid={}", server.pid()),
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

/// Runs `bench store` on the server's CPU, and gives back what it says of it.
pub(crate) fn store(data_dir: &Path, senders: usize, seconds: u64, pinning: &Pinning) -> io::Result<Value> {
    let mut command = in_folder(pinning.target(find()?.as_os_str()), data_dir);
    let counts =
        [("senders", senders.to_string()), ("rooms", senders.to_string()), ("rounds", "1".to_owned())];
    command.args(["bench", "store"]).args(counts.map(|(name, count)| format!("--{name}={count}")));
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

fn in_folder(mut command: Command, data_dir: &Path) -> Command {
    command.env("CHAT_DATA_DIR", data_dir);
    for variable in ["DATABASE_URL", "DATABASE_URL_FILE", "SECRET_KEY", "SECRET_KEY_FILE"] {
        command.env_remove(variable);
    }
    command
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
