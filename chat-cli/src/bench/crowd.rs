//! Gathering the clients of a load: their tokens, their rooms, and the open files that they need.

use std::path::Path;

use super::swarm::{Swarm, ledger};
use super::target::Target;
use super::watch::Watch;
use super::{open_files, process};
use crate::args::bench::Load;
use crate::error::CliError;
use crate::output::progress_lines;

/// Bytes in a token, at most.
const TOKEN_BYTES_MAX: usize = 1_024;

/// Who takes part in a load.
pub(super) struct Crowd<'a> {
    pub(super) load: &'a Load,
    /// The highest number of a room.
    pub(super) rooms: u32,
    pub(super) body_bytes: u32,
    pub(super) is_json: bool,
}

impl Crowd<'_> {
    /// One client for each list of rooms, each as the person of the next token.
    pub(super) fn gather(&self, seats: Vec<Vec<u32>>) -> Result<Swarm, CliError> {
        let clients = seats.len();
        let load = self.load;
        let tokens = tokens(&load.tokens, clients)?;
        open_files::allow(u64::try_from(clients).unwrap_or(u64::MAX))?;
        process::check_server(load.server_pid)?;
        let target = Target::find(load, u32::try_from(clients).unwrap_or(u32::MAX))?;
        let watch = Watch::new(progress_lines(self.is_json, load.progress), load.server_pid);
        Swarm::new(target, tokens.into_iter().zip(seats), ledger(self.body_bytes, self.rooms)?, watch)
    }
}

/// The first tokens of a file.
fn tokens(path: &Path, wanted: usize) -> Result<Vec<String>, CliError> {
    const ADVICE: &str = "make more people with `chat-cli seed --users N --tokens FILE`";
    let text = std::fs::read_to_string(path).map_err(|error| {
        CliError::usage(format!("could not read {}: {error}", path.display()), "correct --tokens")
    })?;
    let tokens: Vec<String> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).take(wanted).map(str::to_owned).collect();
    if tokens.len() < wanted {
        let what = format!("{wanted} clients need as many tokens; {} has {}", path.display(), tokens.len());
        return Err(CliError::usage(what, ADVICE));
    }
    let is_token =
        |token: &String| token.len() <= TOKEN_BYTES_MAX && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !tokens.iter().all(is_token) {
        let what = format!("{} has a line that is no token", path.display());
        return Err(CliError::usage(what, "name the file that `chat-cli seed --tokens FILE` made"));
    }
    Ok(tokens)
}
