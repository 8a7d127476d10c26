//! Administers the chat: migrations, users, rooms, seed data; sends and follows messages. See `chat-cli --help`.
#![forbid(unsafe_code)]

mod args;
mod ask;
#[cfg(target_os = "linux")]
mod bench;
mod commands;
mod database;
mod error;
mod line;
mod output;
mod population;
mod settings;
mod text;

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use chat_domain::Timestamp;
use clap::Parser;

use crate::args::Cli;
use crate::output::Format;

fn main() -> ExitCode {
    let code = match Cli::try_parse() {
        Ok(cli) => output::finish(commands::run(&cli, now), Format::from(cli.global.json)),
        Err(error) => refuse(&error),
    };
    ExitCode::from(code)
}

/// Answers a command line that asks for help or is not understood.
fn refuse(error: &clap::Error) -> u8 {
    if error.use_stderr() {
        let wants_json = std::env::args_os().take_while(|arg| arg != "--").any(|arg| arg == "--json");
        output::print_usage_error(&error.render().to_string(), Format::from(wants_json));
    } else {
        // Where else could it be told that the terminal is gone?
        let _ = error.print();
    }
    u8::try_from(error.exit_code()).unwrap_or(1)
}

/// The one place that reads the clock.
#[expect(
    clippy::disallowed_methods,
    reason = "time enters here, and everything below gets it as a parameter"
)]
fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}
