//! The administration tool: it makes the people of a load, and is the load.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::pinning::Pinning;
use crate::shape::Shape;

/// The tool's binary, which lies beside the server's.
pub(crate) fn find() -> io::Result<PathBuf> {
    let path = PathBuf::from(env!("CARGO_BIN_EXE_chat-server")).with_file_name("chat-cli");
    if path.exists() {
        return Ok(path);
    }
    let text = format!("there is no {}: run `cargo build --release -p chat-cli` first", path.display());
    Err(io::Error::other(text))
}

/// Makes the database of a data folder, with a shape's rooms, a person for each client, and the file of their tokens.
pub(crate) fn seed(data_dir: &Path, shape: &Shape, tokens: &Path) -> io::Result<()> {
    let (people, rooms) = (shape.clients().to_string(), shape.rooms.to_string());
    finish(in_folder(data_dir)?.args(["migrate", "up"]))?;
    let mut command = in_folder(data_dir)?;
    command.args(["seed", "--users", &people, "--rooms", &rooms, "--tokens"]).arg(tokens);
    finish(&mut command).map(drop)
}

/// Runs the load, and gives back what it says of it.
pub(crate) fn fan_out(load: &mut Command, pinning: &Pinning) -> io::Result<Value> {
    let mut command = pinning.generator(find()?.as_os_str());
    command.args(load.get_args());
    serde_json::from_slice(&finish(&mut command)?).map_err(io::Error::other)
}

fn in_folder(data_dir: &Path) -> io::Result<Command> {
    let mut command = Command::new(find()?);
    command.arg("--data-dir").arg(data_dir);
    for variable in ["DATABASE_URL", "DATABASE_URL_FILE", "SECRET_KEY", "SECRET_KEY_FILE"] {
        command.env_remove(variable);
    }
    Ok(command)
}

fn finish(command: &mut Command) -> io::Result<Vec<u8>> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(io::Error::other(format!("chat-cli: {}\n{stdout}{stderr}", output.status)))
}
