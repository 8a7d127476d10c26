//! Where the database lies. The backend follows from the scheme, never from trying.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

/// The address of a database: `sqlite:PATH`, `sqlite://PATH` or `postgres://…`. Shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Location);

/// The kinds of databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// A file of this machine, opened by one server.
    Sqlite,
    /// A server that several nodes may share.
    Postgres,
}

/// Why a text is no address of a database. The text never repeats what could be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DatabaseUrlError {
    /// There is no scheme, so that nothing says what kind of database is meant.
    #[error("the database URL has no scheme; {ACCEPTED}")]
    NoScheme,
    /// The scheme is of another kind of database.
    #[error("the database URL has the scheme `{scheme}`; {ACCEPTED}")]
    UnknownScheme {
        /// What stands before the first colon.
        scheme: String,
    },
    /// The path to a SQLite file is none.
    #[error("the SQLite URL is not usable: {reason}; {ACCEPTED}")]
    SqlitePath {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The address of a PostgreSQL server is none.
    #[error("the PostgreSQL URL is not usable: {reason}; {ACCEPTED}")]
    PostgresAddress {
        /// What is wrong with it.
        reason: &'static str,
    },
}

const ACCEPTED: &str = "accepted are `sqlite:PATH` and `postgres://USER:PASSWORD@HOST:PORT/DATABASE`";

#[derive(Clone, PartialEq, Eq)]
enum Location {
    Sqlite(PathBuf),
    Postgres(String),
}

impl DatabaseUrl {
    /// The address of a SQLite file.
    #[must_use]
    pub fn sqlite_file(path: &Path) -> Self {
        Self(Location::Sqlite(path.to_owned()))
    }

    /// What kind of database it is.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        match self.0 {
            Location::Sqlite(_) => Backend::Sqlite,
            Location::Postgres(_) => Backend::Postgres,
        }
    }

    /// The file, if it is SQLite.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &self.0 {
            Location::Sqlite(path) => Some(path),
            Location::Postgres(_) => None,
        }
    }

    /// The URL with its password, if it is PostgreSQL.
    pub(crate) fn postgres_url(&self) -> Option<&str> {
        match &self.0 {
            Location::Sqlite(_) => None,
            Location::Postgres(url) => Some(url),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once(':').ok_or(DatabaseUrlError::NoScheme)?;
        match scheme {
            "sqlite" => Ok(Self(Location::Sqlite(sqlite_path(rest)?))),
            "postgres" | "postgresql" => {
                check_postgres(rest)?;
                Ok(Self(Location::Postgres(text.to_owned())))
            }
            _ if is_scheme(scheme) => Err(DatabaseUrlError::UnknownScheme { scheme: scheme.to_owned() }),
            _ => Err(DatabaseUrlError::NoScheme),
        }
    }
}

/// Longest text before a colon that an error repeats, in characters.
const SCHEME_CHARS_MAX: usize = 16;

fn is_scheme(text: &str) -> bool {
    (1..=SCHEME_CHARS_MAX).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn sqlite_path(rest: &str) -> Result<PathBuf, DatabaseUrlError> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let reason = if path.is_empty() {
        "it names no file"
    } else if path.contains(":memory:") {
        "a database in memory is another one for each connection"
    } else if path.contains(['?', '#', '\0']) {
        "it takes no parameters"
    } else {
        return Ok(PathBuf::from(path));
    };
    Err(DatabaseUrlError::SqlitePath { reason })
}

/// Refuses what libpq would read otherwise than it is meant, and would then repeat in an error text.
fn check_postgres(rest: &str) -> Result<(), DatabaseUrlError> {
    let error = |reason| Err(DatabaseUrlError::PostgresAddress { reason });
    let Some(rest) = rest.strip_prefix("//") else { return error("`//` is missing after the scheme") };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if rest.contains('\0') {
        return error("it contains a null byte");
    }
    if rest.matches('@').count() != authority.matches('@').count() || authority.matches('@').count() > 1 {
        return error("special characters of a user or a password must be percent-encoded");
    }
    Ok(())
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = match &self.0 {
            Location::Sqlite(path) => return write!(f, "sqlite:{}", path.display()),
            Location::Postgres(url) => url.split_once("://").map_or("", |(_, rest)| rest),
        };
        // Parameters may hold a password too.
        let address = url.split(['?', '#']).next().unwrap_or_default();
        match address.split_once('@') {
            Some((user, host)) => {
                write!(f, "postgres://{}@{host}", user.split(':').next().unwrap_or_default())
            }
            None => write!(f, "postgres://{address}"),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}
