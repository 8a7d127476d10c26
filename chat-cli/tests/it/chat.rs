//! A chat with a database of its own, the binary run on it, and the store that both share.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use chat_domain::{ControlAction, ControlSeq, Repository, RepositoryError};
use chat_store::{DatabaseUrl, Store, StoreOptions};
use serde_json::Value;
use tempfile::TempDir;

use crate::postgres::PostgresDatabase;

/// A password that is good.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A folder, and a database that may or may not exist in it.
pub(crate) struct Chat {
    folder: TempDir,
    postgres: Option<PostgresDatabase>,
}

/// What the binary did.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a test on SQLite, and on PostgreSQL where there is one.
pub(crate) fn on_every_database(test: impl Fn(&Chat)) {
    test(&Chat::on_sqlite());
    if let Some(chat) = Chat::on_postgres() {
        test(&chat);
    }
}

/// Runs a test on every pair of databases: from each kind into each kind.
pub(crate) fn on_every_pair(test: impl Fn(&Chat, &Chat)) {
    test(&Chat::on_sqlite(), &Chat::on_sqlite());
    if let Some(other) = Chat::on_postgres() {
        test(&Chat::on_sqlite(), &other);
    }
    if let Some(one) = Chat::on_postgres() {
        test(&one, &Chat::on_sqlite());
    }
    if let (Some(one), Some(other)) = (Chat::on_postgres(), Chat::on_postgres()) {
        test(&one, &other);
    }
}

impl Chat {
    /// An empty PostgreSQL database, where there is one.
    pub(crate) fn on_postgres() -> Option<Self> {
        let database = PostgresDatabase::create()?;
        Some(Self { folder: TempDir::new().unwrap(), postgres: Some(database) })
    }

    /// A folder without a database.
    pub(crate) fn on_sqlite() -> Self {
        Self { folder: TempDir::new().unwrap(), postgres: None }
    }

    /// Where the data lies, or would lie.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The SQLite file of this chat.
    pub(crate) fn file(&self) -> PathBuf {
        self.data_dir().join("chat.db")
    }

    /// Whether nothing was made in the folder.
    pub(crate) fn is_empty(&self) -> bool {
        self.folder.path().read_dir().unwrap().next().is_none()
    }

    /// Where a test puts files of its own.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The binary with this chat's database, and nothing of the surroundings' configuration.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chat-cli"));
        command.args(args).env_remove("DATABASE_URL").env_remove("DATABASE_URL_FILE");
        command.env_remove("SECRET_KEY").env_remove("SECRET_KEY_FILE").env_remove("CHAT_SERVER");
        command.env("CHAT_DATA_DIR", self.data_dir()).current_dir(self.folder.path());
        if let Some(database) = &self.postgres {
            command.env("DATABASE_URL", database.url());
        }
        command
    }

    /// Runs the binary with an empty standard input.
    pub(crate) fn run(&self, args: &[&str]) -> Finished {
        finish(self.command(args), "")
    }

    /// Runs the binary and pipes a text in.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Finished {
        finish(self.command(args), input)
    }

    /// Runs what must succeed.
    pub(crate) fn must(&self, args: &[&str]) -> Finished {
        self.run(args).expect_code(0)
    }

    /// Runs what must succeed, and reads the document it prints.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        self.must(&all).json()
    }

    /// Adds a user with [`PASSWORD`].
    pub(crate) fn add_user(&self, name: &str) {
        let added = self.run_with_input(&["user", "add", name, "--password-stdin"], &format!("{PASSWORD}\n"));
        added.expect_code(0);
    }

    /// Reads from the same database, past the binary.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&mut dyn Repository) -> Result<T, RepositoryError>) -> T {
        self.store().read(work).unwrap()
    }

    /// Writes into the same database, past the binary.
    pub(crate) fn write<T>(&self, work: impl FnMut(&mut dyn Repository) -> Result<T, RepositoryError>) -> T {
        self.store().write(work).unwrap()
    }

    /// What stands in the control log.
    pub(crate) fn control(&self) -> Vec<ControlAction> {
        let entries = self.read(|repository| repository.list_control(ControlSeq::ZERO, 1_000));
        entries.into_iter().map(|entry| entry.action.unwrap()).collect()
    }

    /// The URL of a database that is no file in the data folder.
    pub(crate) fn database_url(&self) -> Option<String> {
        self.postgres.as_ref().map(PostgresDatabase::url)
    }

    /// A store on the same database.
    pub(crate) fn store(&self) -> Store {
        let url: DatabaseUrl = match &self.postgres {
            Some(database) => database.url().parse().unwrap(),
            None => DatabaseUrl::sqlite_file(&self.file()),
        };
        Store::open(&url, &StoreOptions::default()).unwrap()
    }
}

impl Finished {
    /// Fails the test unless the exit code is this one.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// The document on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Fails the test unless standard error has two lines, or with `--json` an object: what, and what to do.
    #[track_caller]
    pub(crate) fn expect_error(self, code: i32, what: &str) -> Self {
        let finished = self.expect_code(code);
        let lines: Vec<&str> = finished.stderr.lines().collect();
        assert_eq!(lines.len(), 2, "{finished:?}");
        assert!(lines[0].starts_with("error: ") && lines[0].contains(what), "{finished:?}");
        assert!(finished.stdout.is_empty(), "{finished:?}");
        finished
    }
}

fn finish(mut command: Command, input: &str) -> Finished {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    Finished {
        code: status.code().unwrap(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

/// Runs a command that a test made itself.
pub(crate) fn run(command: Command) -> Finished {
    finish(command, "")
}
