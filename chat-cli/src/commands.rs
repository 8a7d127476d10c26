//! The commands: each takes its arguments, works on the database in one transaction or talks to a
//! server, and returns a report.

mod backup;
mod migrate;
mod restore;
mod room;
mod seed;
mod send;
mod tail;
mod user;

use chat_domain::Timestamp;

use crate::args::{Cli, Command};
use crate::database::Database;
use crate::error::CliError;
use crate::output::{Format, Report};

/// What time it is. Asked for when something is written, which may be long after a password was asked for.
pub(crate) type Clock = fn() -> Timestamp;

/// Runs what the command line asks for.
pub(crate) fn run(cli: &Cli, clock: Clock) -> Result<Report, CliError> {
    let database = || Database::locate(&cli.global);
    match &cli.command {
        Command::Migrate(command) => migrate::run(command, &database()?),
        Command::Seed(seed) => seed::run(seed, &cli.global, &database()?, clock),
        Command::User(command) => user::run(command, &database()?, clock),
        Command::Room(command) => room::run(command, &database()?, clock),
        Command::Send(message) => send::run(message),
        Command::Tail(rooms) => tail::run(rooms, Format::from(cli.global.json)),
        #[cfg(target_os = "linux")]
        Command::Bench(command) => crate::bench::run(command, &cli.global, clock),
        Command::Backup(command) => backup::run(command, &cli.global, &database()?),
        Command::Restore(request) => restore::run(request, &cli.global, &database()?, clock),
    }
}
