//! Durable messages of 64 senders on PostgreSQL: through the server, through its store alone, and by pgbench with the
//! same rows. What counts is the CPU of PostgreSQL, which has one for itself; whoever asks it has the other.

use std::io;
use std::path::Path;

use crate::arguments::Arguments;
use crate::chat_cli::{self, Storage, figure};
use crate::cluster::{self, Cluster};
use crate::disk;
use crate::pgbench;
use crate::pinning::Pinning;
use crate::process::Process;
use crate::report;
use crate::shape::ALONE;
use crate::target::{CHAT_SERVER, TOKENS, chat_server_by};

/// What a way of storing brought.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Messages that became durable, in a second.
    pub(crate) per_s: f64,
    /// Microseconds of the CPU of all PostgreSQL's processes for each of them.
    pub(crate) postgres_us_each: f64,
}

/// What one round brought.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    /// Over connections, from the request to what everybody hears.
    pub(crate) server: Figures,
    /// Through the server's writer, without a server.
    pub(crate) writer: Figures,
    /// The store's inserts without any of the rules.
    pub(crate) bare_rows: Figures,
    /// A commit of the server's store for each message.
    pub(crate) one_by_one: Figures,
    /// pgbench, with as many rows in a commit as there are senders.
    pub(crate) many_rows: Figures,
    /// pgbench, with a commit for each row.
    pub(crate) single_row: Figures,
}

/// Runs each way of storing in turn, round after round, in fresh databases of a cluster that is thrown away.
pub(crate) fn compare(arguments: &Arguments, pinning: &Pinning) -> io::Result<String> {
    let programs = cluster::programs()
        .ok_or_else(|| io::Error::other("there are no PostgreSQL programs in /usr/lib/postgresql/*/bin"))?;
    let owned = *pinning;
    let launch = Box::new(move |program: &_| owned.target(program));
    let cluster = Cluster::make(&programs, launch, tempfile::tempdir_in(disk::FOLDER)?)?;
    cluster.control(&["-w", "start"])?;
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        let round = run(&cluster, &programs, arguments.seconds, pinning)?;
        eprintln!(
            "round {number}: server {:.1}, pgbench {:.1} µs of PostgreSQL's CPU for each message",
            round.server.postgres_us_each, round.many_rows.postgres_us_each
        );
        rounds.push(round);
    }
    Ok(report::postgres(&rounds))
}

fn run(cluster: &Cluster, programs: &Path, seconds: u64, pinning: &Pinning) -> io::Result<Round> {
    let server = {
        let database = Database::make(cluster, programs)?;
        let folder = tempfile::tempdir_in(disk::FOLDER)?;
        let tokens = folder.path().join(TOKENS);
        chat_cli::seed(database.storage(), ALONE.population(), &tokens)?;
        let command = pinning.generator(CHAT_SERVER.as_ref());
        let server = Process::start(chat_server_by(command, database.storage(), folder.path()))?;
        let arguments = ALONE.arguments(seconds);
        let load = chat_cli::load_beside(database.postmaster, &server, "fanout", &tokens, arguments);
        let document = chat_cli::load(&load, pinning)?;
        Figures {
            per_s: figure(&document, "deliveries_per_s")?,
            postgres_us_each: figure(&document, "server/cpu_us_each")?,
        }
    };
    let store = {
        let database = Database::make(cluster, programs)?;
        database.seed()?;
        chat_cli::store(database.storage(), ALONE.clients(), seconds, pinning)?
    };
    let store = |way: &str| {
        Ok::<_, io::Error>(Figures {
            per_s: figure(&store, &format!("{way}_per_s"))?,
            postgres_us_each: figure(&store, &format!("{way}_server_cpu_us_each"))?,
        })
    };
    let pgbench = |batch| {
        let database = Database::make(cluster, programs)?;
        database.seed()?;
        pgbench::run(&database, ALONE.clients(), batch, seconds, pinning)
    };
    Ok(Round {
        server,
        writer: store("grouped")?,
        bare_rows: store("bare_rows")?,
        one_by_one: store("one_by_one")?,
        many_rows: pgbench(ALONE.clients())?,
        single_row: pgbench(1)?,
    })
}

/// An empty database; dropped with this, which also writes down what PostgreSQL still had in memory of it.
pub(crate) struct Database<'c> {
    pub(crate) programs: &'c Path,
    pub(crate) url: String,
    pub(crate) postmaster: u32,
    /// The database in which others are made and dropped.
    maintenance: String,
}

/// Its name.
const NAME: &str = "comparison";

impl<'c> Database<'c> {
    fn make(cluster: &Cluster, programs: &'c Path) -> io::Result<Self> {
        let (url, maintenance) = (cluster.url(NAME), cluster.url("postgres"));
        let database = Self { programs, url, postmaster: cluster.postmaster()?, maintenance };
        database.administer("createdb", &[NAME])?;
        Ok(database)
    }

    pub(crate) fn storage(&self) -> Storage<'_> {
        Storage::Postgres { url: &self.url, postmaster: self.postmaster }
    }

    /// Makes the tables, the people and their rooms; nobody signs in as one of them.
    fn seed(&self) -> io::Result<()> {
        let folder = tempfile::tempdir_in(disk::FOLDER)?;
        chat_cli::seed(self.storage(), ALONE.population(), &folder.path().join(TOKENS))
    }

    /// Runs one of PostgreSQL's programs on it, and gives back what it wrote.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Vec<u8>> {
        let mut command = std::process::Command::new(self.programs.join(program));
        chat_cli::finish(command.args(arguments).arg(&self.url))
    }

    fn administer(&self, program: &str, arguments: &[&str]) -> io::Result<()> {
        let mut command = std::process::Command::new(self.programs.join(program));
        command.arg(format!("--maintenance-db={}", self.maintenance)).args(arguments);
        chat_cli::finish(&mut command).map(drop)
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        let _ = self.administer("dropdb", &["--force", NAME]);
    }
}
