//! The server beside the limits of this machine and beside servers of others, as ratios within the same minutes.
//!
//! The load is `chat-cli bench`, which runs on a CPU of its own; the program starts itself again as the limits:
//! [`bare_loop`] and [`insert_loop`], and as the generator of [`bursts`]. `../README.md` says how to read the figures.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "the report is what this program is for")]
#![expect(clippy::indexing_slicing, reason = "a wrong index shall end the benchmark")]

mod arguments;
mod bare_loop;
mod bursts;
mod canned;
mod chat_cli;
#[path = "../../tests/it/support/cluster.rs"]
mod cluster;
mod cores;
#[path = "../../../chat-cli/src/bench/cpu.rs"]
mod cpu;
mod disk;
mod fan_out;
#[path = "../shared/fill.rs"]
mod fill;
mod full_room;
mod history;
mod insert_loop;
mod member;
mod noisy_neighbour;
mod open_loop;
mod pgbench;
mod pinning;
mod postgres;
mod process;
mod rate;
mod report;
mod rows;
mod shape;
mod stalled_readers;
mod start;
mod store;
mod storm;
mod target;
mod wire;

use std::io;
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Load, Role};
use bare_loop::Flush;
use canned::Canned;
use insert_loop::SENDERS;
use pinning::Pinning;
use rows::Rows;

fn main() -> ExitCode {
    // `cargo bench` passes this; `cargo test --all-targets` doesn't, and wants an answer at once.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("comparison: nothing measured; run `cargo bench -p chat-server --bench comparison`");
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::parse();
    let (database, seconds) = (&arguments.database, arguments.seconds);
    let done = match arguments.role {
        None => compare(&arguments),
        Some(Role::BareLoop) => bare_loop::run(Flush::EachMessage, None, None),
        Some(Role::BareLoopPerTurn) => bare_loop::run(Flush::EachTurn, None, None),
        Some(Role::BareLoopPerCommit) => {
            Rows::open(database).and_then(|rows| bare_loop::run(Flush::EachTurn, Some(rows), None))
        }
        Some(Role::AcceptLoop) => Canned::new(arguments.participants)
            .and_then(|canned| bare_loop::run(Flush::EachTurn, None, Some(canned))),
        Some(Role::InsertLoop) => insert_loop::run(database, SENDERS, seconds),
        Some(Role::CommitLoop) => insert_loop::run(database, 1, seconds),
        Some(Role::Bursts) => bursts::run(&arguments.server, &arguments.tokens, arguments.bursts),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("comparison: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(arguments: &Arguments) -> io::Result<()> {
    chat_cli::find()?;
    let pinning = Pinning::find();
    let fsync_ms = disk::fsync_ms()?;
    let report = match arguments.load {
        Load::FanOut => fan_out::compare(arguments, &pinning),
        Load::Store => store::compare(arguments, &pinning),
        Load::Rate => rate::compare(arguments, &pinning),
        Load::StalledReaders => stalled_readers::compare(arguments, &pinning),
        Load::NoisyNeighbour => noisy_neighbour::compare(arguments, &pinning),
        Load::Storm => storm::compare(arguments, &pinning),
        Load::History => history::measure(arguments, &pinning),
        Load::Start => start::measure(arguments),
        Load::Postgres => postgres::compare(arguments, &pinning),
        Load::Cores => cores::compare(arguments, &pinning),
    }?;
    print!("{}{report}", report::conditions(&pinning, arguments, fsync_ms));
    Ok(())
}
