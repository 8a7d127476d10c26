//! What can go wrong, and for each of it one table's row: exit code, stable name, what to do.

use std::path::PathBuf;

use chat_domain::{
    AddRoomError, ArchiveRoomError, ChangeUserError, CommandError, JoinRoomError, OpenSessionError,
    RegisterUserError, RepositoryError, RoomName, SendMessageError, SessionId, Username,
};
use chat_store::OpenError;
use chat_store::backup::BackupError;
use thiserror::Error;

/// Exit code, stable name, what to do.
type Row = (u8, &'static str, &'static str);

/// Why a command did not do what was asked. The text is the first of the two lines that people see.
#[derive(Debug, Error)]
pub(crate) enum CliError {
    /// The command line, the environment or a value is wrong.
    #[error("{what}")]
    Usage {
        /// What is wrong.
        what: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// Somebody who was asked said no.
    #[error("nothing was changed")]
    Declined,
    /// The SQLite file doesn't exist.
    #[error("there is no database at {0}")]
    NoDatabase(String),
    /// The database can't be worked with as it is.
    #[error(transparent)]
    Open(OpenError),
    /// No such user.
    #[error("there is no user {0}")]
    UnknownUser(Username),
    /// No such session.
    #[error("there is no session {id} of user {name}")]
    UnknownSession {
        /// Whose.
        name: Username,
        /// Which.
        id: SessionId,
    },
    /// No such room.
    #[error("there is no room {0}")]
    UnknownRoom(RoomName),
    /// The user name is taken.
    #[error("there is a user {0} already")]
    UserExists(Username),
    /// The room name is taken.
    #[error("there is a room {0} already")]
    RoomExists(RoomName),
    /// A file that was to be made exists.
    #[error("there is a file {} already", .0.display())]
    FileExists(PathBuf),
    /// A person has the name of a demo user.
    #[error("{0} is a user who can sign in, not a demo user")]
    NotADemoUser(Username),
    /// A backup was looked at and found damaged.
    #[error("{} is damaged: {problems} problems", .file.display())]
    DamagedBackup {
        /// The backup.
        file: PathBuf,
        /// How many were told.
        problems: usize,
    },
    /// A backup was not made, or not restored.
    #[error(transparent)]
    Backup(BackupError),
    /// The store failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The server said no, or nothing in time.
    #[error("{what}")]
    Server {
        /// What it said.
        what: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// Anything else.
    #[error("{what}")]
    Failed {
        /// What failed.
        what: String,
        /// What to do about it.
        advice: &'static str,
    },
}

impl CliError {
    /// A wrong command line, environment or value.
    pub(crate) fn usage(what: impl Into<String>, advice: &'static str) -> Self {
        Self::Usage { what: what.into(), advice }
    }

    /// Something that failed without being anybody's mistake.
    pub(crate) fn failed(what: impl Into<String>, advice: &'static str) -> Self {
        Self::Failed { what: what.into(), advice }
    }

    /// The server said no, or nothing in time.
    pub(crate) fn server(what: impl Into<String>, advice: &'static str) -> Self {
        Self::Server { what: what.into(), advice }
    }

    /// The process's exit code.
    pub(crate) const fn exit_code(&self) -> u8 {
        self.row().0
    }

    /// The stable name, for programs.
    pub(crate) const fn code(&self) -> &'static str {
        self.row().1
    }

    /// What to do about it: the second line that people see.
    pub(crate) const fn advice(&self) -> &'static str {
        self.row().2
    }

    /// The table.
    const fn row(&self) -> Row {
        match self {
            Self::Failed { advice, .. } => (1, "failed", advice),
            Self::Declined => (1, "declined", "answer yes, or say --yes"),
            Self::Usage { advice, .. } => (2, "usage", advice),
            Self::NoDatabase(_) => (
                3,
                "no_database",
                "run `chat-cli migrate up` to make it, or name another with --data-dir or --database-url",
            ),
            Self::Open(error) => open_row(error),
            Self::UnknownUser(_) => (4, "unknown_user", "`chat-cli user list` shows the users there are"),
            Self::UnknownSession { .. } => {
                (4, "unknown_session", "`chat-cli user sessions NAME` shows the sessions there are")
            }
            Self::UnknownRoom(_) => {
                (4, "unknown_room", "`chat-cli room list --all` shows the rooms there are")
            }
            Self::UserExists(_) => (5, "user_exists", "choose another name, or use `chat-cli user passwd`"),
            Self::RoomExists(_) => {
                (5, "room_exists", "choose another name; `chat-cli room list --all` shows archived rooms too")
            }
            Self::FileExists(_) => (5, "file_exists", "name another, or remove it"),
            Self::NotADemoUser(_) => (5, "not_a_demo_user", "seed fewer demo users, or another database"),
            Self::DamagedBackup { .. } => (1, "backup_damaged", DAMAGED_ADVICE),
            Self::Backup(error) => backup_row(error),
            Self::Server { advice, .. } => (8, "server_refused", advice),
            Self::Repository(error) => repository_row(error),
        }
    }
}

const DAMAGED_ADVICE: &str = "use another backup; this one can be looked into with the sqlite3 program";

/// The rows of a backup that is not made, or not restored.
const fn backup_row(error: &BackupError) -> Row {
    match error {
        BackupError::Exists(_) => (5, "file_exists", "choose another name, or replace the file with --force"),
        BackupError::NoFile(_) => (4, "unknown_file", "correct the file's name"),
        BackupError::IsDatabase(_) => (2, "usage", "name another file"),
        BackupError::Busy(_) => (1, "busy", "wait for the other program, and run the command again"),
        BackupError::ServerRuns { .. } => {
            (3, "database_in_use", "stop the server, and run the command again")
        }
        BackupError::OpenElsewhere(_) => {
            (3, "database_in_use", "end the other program, and run the command again")
        }
        BackupError::NotABackup { .. } => (1, "not_a_backup", "name a file that `backup create` made"),
        BackupError::Newer { .. } => (3, "schema_too_new", "use the newer chat-cli that knows it"),
        BackupError::Damaged { .. } => (1, "backup_damaged", DAMAGED_ADVICE),
        BackupError::NotEmpty(_) => (
            3,
            "database_not_empty",
            "make an empty database and name that one; nothing was changed in this one",
        ),
        BackupError::Io { .. } => (1, "file_failed", "check who may read and write the file and its folder"),
        BackupError::Open(error) => open_row(error),
    }
}

impl From<BackupError> for CliError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Open(error) => error.into(),
            other => Self::Backup(other),
        }
    }
}

/// The rows of a store that doesn't open.
const fn open_row(error: &OpenError) -> Row {
    match error {
        OpenError::PendingMigrations { .. } => (3, "migrations_pending", "run `chat-cli migrate up`"),
        OpenError::SchemaFromTheFuture { .. } => {
            (3, "schema_too_new", "use a chat-cli of that version or a newer one")
        }
        OpenError::UnknownMigration { .. } => {
            (1, "unknown_migration", "take it back with the newer chat-cli that applied it")
        }
        OpenError::Migration { .. } => {
            (1, "migration_failed", "the migration left nothing behind; remove the cause and run it again")
        }
        OpenError::InUse { .. } => (3, "database_in_use", "stop the server, and run the command again"),
        OpenError::MigrationLock(_) => (1, "migration_lock", "check who may write in the database's folder"),
        OpenError::Unsuitable(_) => (1, "database_unsuitable", "change the database, or use another"),
        OpenError::Repository(error) => repository_row(error),
    }
}

/// The rows of a store that fails at work.
const fn repository_row(error: &RepositoryError) -> Row {
    match error {
        RepositoryError::Conflict(_) => {
            (1, "conflict", "others write to the database; run the command again")
        }
        RepositoryError::Unavailable(_) => {
            (7, "database_unreachable", "check the database's URL, and whether it runs and lets you in")
        }
        RepositoryError::StorageFull(_) => (1, "storage_full", "make room on the database's disk"),
        RepositoryError::Corrupt(_) => {
            (1, "database_corrupt", "check that this is the chat's database; if so, restore it from a backup")
        }
        RepositoryError::Internal(_) => (1, "internal", "this is a defect of the program; please report it"),
    }
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Repository(error) => error.into(),
            other => Self::Open(other),
        }
    }
}

impl From<AddRoomError> for CliError {
    fn from(error: AddRoomError) -> Self {
        match error {
            AddRoomError::Repository(error) => error.into(),
            other => Self::failed(other.to_string(), "choose another name or description"),
        }
    }
}

impl From<OpenSessionError> for CliError {
    fn from(error: OpenSessionError) -> Self {
        match error {
            OpenSessionError::Repository(error) => error.into(),
            other => Self::failed(other.to_string(), "run the command again"),
        }
    }
}

impl From<CommandError> for CliError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Repository(error)
            | CommandError::RegisterUser(RegisterUserError::Repository(error))
            | CommandError::JoinRoom(JoinRoomError::Repository(error))
            | CommandError::SendMessage(SendMessageError::Repository(error)) => error.into(),
            other => Self::failed(other.to_string(), "seed another database"),
        }
    }
}

impl CliError {
    /// Why a named user was not added.
    pub(crate) fn from_register(name: &Username, error: RegisterUserError) -> Self {
        match error {
            RegisterUserError::NameTaken => Self::UserExists(name.clone()),
            RegisterUserError::Repository(error) => error.into(),
        }
    }

    /// Why a named user was not changed.
    pub(crate) fn from_change(name: &Username, error: ChangeUserError) -> Self {
        match error {
            ChangeUserError::UnknownUser => Self::UnknownUser(name.clone()),
            ChangeUserError::Repository(error) => error.into(),
        }
    }

    /// Why a named room was not added.
    pub(crate) fn from_add_room(name: &RoomName, error: AddRoomError) -> Self {
        match error {
            AddRoomError::NameTaken => Self::RoomExists(name.clone()),
            other => other.into(),
        }
    }

    /// Why a named room was not archived.
    pub(crate) fn from_archive(name: &RoomName, error: ArchiveRoomError) -> Self {
        match error {
            ArchiveRoomError::UnknownRoom => Self::UnknownRoom(name.clone()),
            ArchiveRoomError::Repository(error) => error.into(),
        }
    }
}
