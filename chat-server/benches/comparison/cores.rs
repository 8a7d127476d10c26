//! One huge room on one core and on two: bursts of messages, and how long it takes from sending them to the last write.

use std::io;

use crate::arguments::Arguments;
use crate::chat_cli::{self, Storage};
use crate::disk;
use crate::pinning::{BOTH_CPUS, Pinning, TARGET_CPU};
use crate::process::Process;
use crate::report;
use crate::shape::HUGE;
use crate::target::{CHAT_SERVER, TOKENS, chat_server_by};

/// Bursts in a run.
const BURSTS: usize = 20;

/// What one round brought: the milliseconds of each burst.
pub(crate) struct Round {
    pub(crate) one_core_ms: Vec<f64>,
    pub(crate) two_cores_ms: Vec<f64>,
}

/// Runs the server on one CPU and on both in turn, round after round.
pub(crate) fn compare(arguments: &Arguments, pinning: &Pinning) -> io::Result<String> {
    if !pinning.is_possible {
        return Err(io::Error::other("this needs `taskset` and two CPUs"));
    }
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        let round = Round { one_core_ms: run(TARGET_CPU, pinning)?, two_cores_ms: run(BOTH_CPUS, pinning)? };
        eprintln!(
            "round {number}: {:.1} ms on one core, {:.1} ms on two",
            report::median(round.one_core_ms.clone()),
            report::median(round.two_cores_ms.clone())
        );
        rounds.push(round);
    }
    Ok(report::cores(&rounds))
}

fn run(cpus: &str, pinning: &Pinning) -> io::Result<Vec<f64>> {
    let folder = tempfile::tempdir_in(disk::FOLDER)?;
    let tokens = folder.path().join(TOKENS);
    chat_cli::seed(folder.path(), HUGE, &tokens)?;
    let command = chat_server_by(
        pinning.target_on(cpus, CHAT_SERVER.as_ref()),
        Storage::Folder(folder.path()),
        folder.path(),
    );
    let server = Process::start(command)?;
    let mut command = pinning.generator(std::env::current_exe()?.as_os_str());
    command.args(["--bench", "--role", "bursts", "--server", server.url(), "--tokens"]).arg(tokens);
    let output = chat_cli::finish(command.arg(format!("--bursts={BURSTS}")))?;
    let output = String::from_utf8_lossy(&output);
    output.lines().map(|ms| ms.parse().map_err(io::Error::other)).collect()
}
