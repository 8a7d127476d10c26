//! The command line: what may be asked for, and the texts of `--help`.

#[cfg(target_os = "linux")]
pub(crate) mod bench;

use std::path::PathBuf;

use chat_domain::{Body, DisplayName, MessageKey, RoomDescription, RoomName, SessionId, Username};
use clap::{Args, Parser, Subcommand};

/// People that `seed` makes, at most.
const SEED_USERS_MAX: i64 = 100_000;
/// Rooms that `seed` makes for `bench`, at most.
const SEED_ROOMS_MAX: i64 = 5_000;
/// Messages that `seed` makes, at most.
const SEED_MESSAGES_MAX: i64 = 1_000_000;
/// Seconds that `send` tries, at most.
const SEND_SECONDS_MAX: i64 = 86_400;
/// Migrations that `migrate down` takes back at once, at most.
const DOWN_STEPS_MAX: i64 = 1_000;

const AFTER_HELP: &str = "\
The database is the one that --database-url names, else DATABASE_URL, else the one whose URL stands in the file \
that DATABASE_URL_FILE names, else the SQLite file chat.db in the data directory. \
A server may run meanwhile: it obeys what is changed here within a second. \
`send` and `tail` talk to a server instead, as the person whose session token CHAT_TOKEN or --token-file holds.

Exit codes:
  0  done
  1  failed
  2  wrong usage, configuration or value
  3  the database is not in the wanted state (none there, migrations pending, in use, or not empty)
  4  no such user, session, room or file
  5  a user, room or file of that name exists already
  7  the database can't be reached
  8  the server refused, or did not answer in time

Examples:
  chat-cli migrate up
  chat-cli seed
  chat-cli user add ann --display-name \"Ann Miller\"
  chat-cli backup create /backups/chat.backup
  chat-cli --json room list
  chat-cli seed --users 1000 --tokens tokens
  chat-cli bench fanout --tokens tokens --shape 10x100
  CHAT_TOKEN=... chat-cli send general \"hi\"
  CHAT_TOKEN=... chat-cli tail general nutrition";

/// Administers the chat: migrations, users, rooms, seed data, backups.
#[derive(Debug, Parser)]
#[command(name = "chat-cli", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What holds for every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The database: sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME [env: DATABASE_URL or DATABASE_URL_FILE].
    ///
    /// Other people of this machine can read a command line: a URL with a password belongs into the environment
    /// or the file.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,

    /// Where the SQLite file chat.db lies when no database is named.
    #[arg(long, global = true, env = "CHAT_DATA_DIR", default_value = "./data", value_name = "PATH")]
    pub(crate) data_dir: PathBuf,

    /// Print one JSON document on standard output, and errors as a JSON object on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Brings the database to the form this program needs, and back.
    #[command(subcommand)]
    Migrate(Migrate),
    /// Adds the default rooms and, if asked, demo people and messages.
    ///
    /// The database must be migrated. The same numbers add nothing a second time. Demo people can't sign in: they
    /// have no password. Pages that are open meanwhile learn of demo messages at the next message of the room.
    ///
    /// With --tokens it makes people and rooms for `bench`. Use a database of its own for that: the rooms show
    /// in everybody's list, and whoever has the file speaks for these people for 7 days.
    Seed(Seed),
    /// Adds, lists and changes users.
    #[command(subcommand)]
    User(User),
    /// Adds, lists and archives rooms.
    #[command(subcommand)]
    Room(Room),
    /// Makes a backup, and looks whether one is whole.
    #[command(subcommand)]
    Backup(Backup),
    /// Puts a backup in the place of the database.
    ///
    /// SQLite: the server must be stopped; the old file stays beside the new one. PostgreSQL: the database must be
    /// empty. A backup of one kind can be restored into the other. Everybody must sign in again, and clients load
    /// afresh what they hold.
    Restore(Restore),
    /// Sends a message through a running server, once, however often the connection breaks.
    ///
    /// The sender becomes a member of the room.
    Send(Send),
    /// Follows rooms on a running server: prints their last messages and every new one.
    ///
    /// What came while there was no connection is printed, too; after more than 500 changes the last messages only. Why
    /// there is no connection, and which numbers are left out, stands on standard error. The reader becomes a member of
    /// the rooms. It ends when its output is closed or the server sends it away.
    Tail(Tail),
    /// Measures a running server with a load, or the store alone, to size a machine.
    ///
    /// Use a database of its own, made with `seed --users N --tokens FILE`, and a server whose rate limits are above
    /// the load; what refuses it names its setting. docs/performance.md says how to read the figures.
    #[cfg(target_os = "linux")]
    #[command(subcommand)]
    Bench(bench::Bench),
}

/// Which server, and who one is there.
#[derive(Debug, Args)]
pub(crate) struct ServerAccess {
    /// Where the server listens. This program speaks no TLS: name the server itself, not a proxy with https.
    #[arg(long, env = "CHAT_SERVER", default_value = "http://127.0.0.1:8081", value_name = "URL")]
    pub(crate) server: String,
    /// The file whose first line is the session token [env: CHAT_TOKEN holds the token itself].
    #[arg(long, value_name = "PATH")]
    pub(crate) token_file: Option<PathBuf>,
}

/// A message to be sent.
#[derive(Debug, Args)]
pub(crate) struct Send {
    /// Where to.
    pub(crate) room: RoomName,
    /// What it says: 1 to 8,192 bytes.
    pub(crate) text: Body,
    /// The key that makes a repetition of this command the same message; without it a random one.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<MessageKey>,
    /// Seconds until the attempt is given up.
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=SEND_SECONDS_MAX))]
    pub(crate) timeout: u32,
    /// Which server.
    #[command(flatten)]
    pub(crate) access: ServerAccess,
}

/// Rooms to be followed.
#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// Which rooms.
    #[arg(required = true)]
    pub(crate) rooms: Vec<RoomName>,
    /// Which server.
    #[command(flatten)]
    pub(crate) access: ServerAccess,
}

/// What to do with migrations.
#[derive(Debug, Subcommand)]
pub(crate) enum Migrate {
    /// Applies all pending migrations; makes the SQLite file if there is none.
    Up,
    /// Takes the last migrations back, with the data that only they hold. Stop the servers first.
    Down(Down),
    /// Lists the migrations; exit code 3 if some are pending.
    Status,
}

/// How far back to go.
#[derive(Debug, Args)]
pub(crate) struct Down {
    /// How many migrations to take back.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=DOWN_STEPS_MAX))]
    pub(crate) steps: u32,
    /// Don't ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

/// What to add besides the default rooms.
#[derive(Debug, Args)]
pub(crate) struct Seed {
    /// Demo people, called demo-1, demo-2 …, members of all default rooms; with --tokens bench-1, bench-2 …, members of
    /// none.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=SEED_USERS_MAX))]
    pub(crate) users: Option<u32>,
    /// Messages of these people in the default rooms, in all.
    #[arg(long, value_name = "M", requires = "users", value_parser = clap::value_parser!(u32).range(1..=SEED_MESSAGES_MAX))]
    pub(crate) messages: Option<u32>,
    /// The file to be made, with a session token of each person, one a line. It needs the secret under which the server
    /// knows tokens [env: SECRET_KEY or SECRET_KEY_FILE]; without one it is the file secret_key in the data directory.
    #[arg(long, value_name = "FILE", requires = "users", conflicts_with = "messages")]
    pub(crate) tokens: Option<PathBuf>,
    /// Rooms beside the default ones, called bench-1, bench-2 …
    #[arg(long, default_value_t = 200, value_name = "R", requires = "tokens", value_parser = clap::value_parser!(u32).range(1..=SEED_ROOMS_MAX))]
    pub(crate) rooms: u32,
}

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Adds a user; asks for the password.
    Add(AddUser),
    /// Lists all users.
    List,
    /// Gives a user a new password and signs them out everywhere.
    Passwd(Passwd),
    /// Shuts a user out, at once and on every device.
    Disable(Named),
    /// Lets a disabled user in again.
    Enable(Named),
    /// Lists the sessions of a user: the devices that are signed in, those seen last first.
    Sessions(Named),
    /// Signs a user out, at once: on every device, or on one.
    SignOut(SignOut),
}

/// A user to be added.
#[derive(Debug, Args)]
pub(crate) struct AddUser {
    /// The user name: a-z, 0-9, and after the first character . _ -; 2 to 32 characters.
    pub(crate) name: Username,
    /// The shown name; without it the user name.
    #[arg(long, value_name = "NAME")]
    pub(crate) display_name: Option<DisplayName>,
    /// Where the password comes from.
    #[command(flatten)]
    pub(crate) password: PasswordSource,
}

/// Whose password to change.
#[derive(Debug, Args)]
pub(crate) struct Passwd {
    /// The user name.
    pub(crate) name: Username,
    /// Where the password comes from.
    #[command(flatten)]
    pub(crate) password: PasswordSource,
}

/// Where a password comes from; never from the command line, which others can read.
#[derive(Debug, Args)]
pub(crate) struct PasswordSource {
    /// Read the password (8 to 1,024 bytes) from the first line of standard input instead of asking.
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// Which user.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The user name.
    pub(crate) name: Username,
}

/// Which devices to sign out.
#[derive(Debug, Args)]
pub(crate) struct SignOut {
    /// The user name.
    pub(crate) name: Username,
    /// Only this session; `user sessions` lists them.
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<SessionId>,
}

/// What to do with rooms.
#[derive(Debug, Subcommand)]
pub(crate) enum Room {
    /// Adds a room.
    Add(AddRoom),
    /// Lists the rooms.
    List(ListRooms),
    /// Archives a room: nobody joins, reads or writes in it any more. Its messages stay stored.
    Archive(ArchiveRoom),
}

/// A room to be added.
#[derive(Debug, Args)]
pub(crate) struct AddRoom {
    /// The room's name: a-z, 0-9, and after the first character . _ -; 1 to 100 characters.
    pub(crate) name: RoomName,
    /// What the room is about, up to 500 characters.
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<RoomDescription>,
    /// Don't write a message when somebody becomes or ceases to be a member.
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Which rooms to list.
#[derive(Debug, Args)]
pub(crate) struct ListRooms {
    /// Archived rooms too.
    #[arg(long)]
    pub(crate) all: bool,
}

/// Which room to archive.
#[derive(Debug, Args)]
pub(crate) struct ArchiveRoom {
    /// The room's name.
    pub(crate) name: RoomName,
}

/// What to do with backups.
#[derive(Debug, Subcommand)]
pub(crate) enum Backup {
    /// Writes all that the database holds at one moment into a file. A server may run meanwhile.
    ///
    /// The file holds messages and password hashes; only its owner may read it. The secret key is not in it.
    Create(CreateBackup),
    /// Looks whether a backup is whole, and says what it holds; exit code 1 if something is wrong with it.
    Verify(VerifyBackup),
}

/// Where to write a backup.
#[derive(Debug, Args)]
pub(crate) struct CreateBackup {
    /// The file to be made.
    pub(crate) file: PathBuf,
    /// Replace a file of that name.
    #[arg(long)]
    pub(crate) force: bool,
}

/// Which backup to look at.
#[derive(Debug, Args)]
pub(crate) struct VerifyBackup {
    /// The backup.
    pub(crate) file: PathBuf,
}

/// Which backup to restore, and how.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup.
    pub(crate) file: PathBuf,
    /// Let everybody be signed in who was so when the backup was made, also who has signed out since.
    #[arg(long)]
    pub(crate) keep_sessions: bool,
    /// Don't keep the old SQLite file.
    #[arg(long)]
    pub(crate) replace: bool,
}
