//! The fan-out benchmark: how many deliveries a second the server makes, beside a bare loop that only writes.
//!
//! The load is `chat-cli bench fanout`, which runs on a CPU of its own; the program starts itself again as the
//! [`bare_loop`]. Each run of [`measure`] has a fresh target. `README.md` beside this folder says how to read the figures.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "the report is what this program is for")]
#![expect(clippy::indexing_slicing, reason = "a wrong index shall end the benchmark")]

mod arguments;
mod bare_loop;
mod chat_cli;
mod disk;
mod measure;
mod pinning;
mod report;
mod shape;
mod target;

use std::io;
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Role};
use bare_loop::Flush;
use measure::Round;
use pinning::Pinning;

fn main() -> ExitCode {
    // `cargo bench` passes this; `cargo test --all-targets` doesn't, and wants an answer at once.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("fan_out: nothing measured; run `cargo bench -p chat-server --bench fan_out`");
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::parse();
    let done = match arguments.role {
        None => measure_all(&arguments),
        Some(Role::BareLoop) => bare_loop::run(Flush::EachMessage),
        Some(Role::BareLoopPerTurn) => bare_loop::run(Flush::EachTurn),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fan_out: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs every target with every shape in turn, round after round, so that all of them share the machine's moods.
fn measure_all(arguments: &Arguments) -> io::Result<()> {
    chat_cli::find()?;
    let pinning = Pinning::find();
    let fsync_ms = disk::fsync_ms()?;
    let (shapes, targets) = (arguments.shapes(), arguments.targets());
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        for &shape in &shapes {
            for &target in &targets {
                let figures = measure::run(target, shape, arguments.seconds, &pinning)?;
                eprintln!(
                    "round {number}, {shape}, {target}: {:.0} deliveries/s, generator {:.0} % busy",
                    figures.deliveries_per_s,
                    figures.generator_cpu * 100.0
                );
                rounds.push(Round { number, shape, target, figures });
            }
        }
    }
    print!("{}", report::markdown(&rounds, &pinning, arguments, fsync_ms));
    Ok(())
}
