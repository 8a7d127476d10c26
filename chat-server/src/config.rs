//! Settings: flag, then environment, then default. All problems are told at once.

mod doc;
mod invocation;
mod limits;
mod secrets;
mod show;
mod timers;

use std::net::SocketAddr;
use std::path::PathBuf;

use chat_store::DatabaseUrl;
use chat_store::secret_key::SecretKey;
use clap::{Parser, ValueEnum};
use thiserror::Error;
use tracing_subscriber::EnvFilter;

use crate::metrics_token::MetricsToken;

pub use doc::settings_document;
pub use invocation::{ConfigTask, Invocation};
use limits::LimitSettings;
pub use limits::Limits;
pub use timers::Timers;

/// What a person sets, by flag or by environment variable.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "chat-server",
    version,
    about = "A real-time chat in one binary: rooms, kept messages, a page"
)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, env = "CHAT_BIND", default_value = "127.0.0.1:8081")]
    pub bind: SocketAddr,
    /// The folder of the SQLite file and the secret.
    #[arg(long, env = "CHAT_DATA_DIR", default_value = "./data")]
    pub data_dir: PathBuf,
    /// `sqlite:PATH` or `postgres://…`; without it the file `chat.db` in the data folder.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// A file that holds the database URL.
    #[arg(long, env = "DATABASE_URL_FILE")]
    pub database_url_file: Option<PathBuf>,
    /// The key of the session tokens' hashes; required with PostgreSQL, made once with SQLite.
    #[arg(long, env = "SECRET_KEY", hide_env_values = true)]
    pub secret_key: Option<String>,
    /// A file that holds the secret key.
    #[arg(long, env = "SECRET_KEY_FILE")]
    pub secret_key_file: Option<PathBuf>,
    /// The token that opens `/metrics`; without one only this machine reads them, and not through a proxy.
    #[arg(long, env = "CHAT_METRICS_TOKEN", hide_env_values = true)]
    pub metrics_token: Option<String>,
    /// A file that holds the token of `/metrics`.
    #[arg(long, env = "CHAT_METRICS_TOKEN_FILE")]
    pub metrics_token_file: Option<PathBuf>,
    /// The URL under which people reach the server, for instance `https://chat.example`.
    #[arg(long, env = "CHAT_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Further origins whose pages may open a WebSocket, separated by commas; the cookie comes along only from the same
    /// site, others sign in with a token.
    #[arg(long, env = "CHAT_ALLOWED_ORIGINS", value_delimiter = ',')]
    pub allowed_origins: Vec<String>,
    /// Networks of proxies whose `X-Forwarded-For` counts, separated by commas, for instance `10.0.0.0/8`.
    #[arg(long, env = "CHAT_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Who may register; open while bound to loopback without a public URL, else closed.
    #[arg(long, env = "CHAT_REGISTRATION")]
    pub registration: Option<Registration>,
    /// What is logged, for instance `info` or `chat_server=debug`.
    #[arg(long, env = "CHAT_LOG", default_value = "info")]
    pub log: String,
    /// How it is logged, on standard error.
    #[arg(long, env = "CHAT_LOG_FORMAT", default_value = "human")]
    pub log_format: LogFormat,
    /// How much of everything.
    #[command(flatten)]
    limits: LimitSettings,
}

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Registration {
    /// Everybody.
    Open,
    /// Nobody; an operator adds users with `chat-cli`.
    Closed,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

/// What the server runs with: checked settings, and timers that only tests change.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub bind: SocketAddr,
    /// The folder of the SQLite file and the secret.
    pub data_dir: PathBuf,
    /// The database.
    pub database: DatabaseUrl,
    /// The secret; `None` is one in the data folder.
    pub secret_key: Option<SecretKey>,
    /// Who has it reads the metrics; with `None` only this machine does.
    pub metrics_token: Option<MetricsToken>,
    /// The URL under which people reach the server.
    pub public_url: Option<String>,
    /// Further allowed origins.
    pub allowed_origins: Vec<String>,
    /// Proxies that are believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Who may register.
    pub registration: Registration,
    /// How much of everything.
    pub limits: Limits,
    /// How long everything takes.
    pub timers: Timers,
}

/// What is wrong with the settings.
#[derive(Debug, Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

impl Config {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`ConfigError`] names everything that is wrong.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let database = database(settings, &mut problems);
        let secret_key = secrets::read(
            "SECRET_KEY",
            settings.secret_key.as_ref(),
            settings.secret_key_file.as_ref(),
            &mut problems,
        )
        .and_then(|secret| SecretKey::new(&secret));
        let metrics_token = secrets::read(
            "CHAT_METRICS_TOKEN",
            settings.metrics_token.as_ref(),
            settings.metrics_token_file.as_ref(),
            &mut problems,
        )
        .and_then(|token| MetricsToken::new(&token));
        let is_sqlite = database.as_ref().is_some_and(|url| url.sqlite_path().is_some());
        let names_secret = settings.secret_key.is_some() || settings.secret_key_file.is_some();
        if database.is_some() && !is_sqlite && !names_secret {
            problems.push(
                "SECRET_KEY is required with PostgreSQL: all servers on one database share it".to_owned(),
            );
        }
        let public = settings.public_url.iter().map(|url| ("CHAT_PUBLIC_URL", url));
        let allowed = settings.allowed_origins.iter().map(|url| ("CHAT_ALLOWED_ORIGINS", url));
        for (name, url) in public.chain(allowed) {
            if !is_origin(url) {
                let form = "https://HOST or http://HOST, with :PORT behind it if need be";
                problems.push(format!("{name}: {url:?} is no origin; one looks like {form}"));
            }
        }
        if let Err(error) = EnvFilter::try_new(&settings.log) {
            problems.push(format!("CHAT_LOG: {error}"));
        }
        match database {
            Some(database) if problems.is_empty() => Ok(Self {
                bind: settings.bind,
                data_dir: settings.data_dir.clone(),
                database,
                secret_key,
                metrics_token,
                public_url: settings.public_url.clone(),
                allowed_origins: settings.allowed_origins.clone(),
                trusted_proxies: settings.trusted_proxies.clone(),
                registration: registration(settings),
                limits: settings.limits.check(),
                timers: Timers::default(),
            }),
            _ => Err(ConfigError(problems)),
        }
    }
}

/// Whether pages can come from there. A path behind it does no harm.
fn is_origin(url: &str) -> bool {
    let Ok(url) = url.trim().parse::<hyper::Uri>() else { return false };
    let has_host =
        url.authority().is_some_and(|part| !part.host().is_empty() && !part.as_str().contains('@'));
    matches!(url.scheme_str(), Some("http" | "https")) && has_host
}

fn database(settings: &Settings, problems: &mut Vec<String>) -> Option<DatabaseUrl> {
    let url = secrets::read(
        "DATABASE_URL",
        settings.database_url.as_ref(),
        settings.database_url_file.as_ref(),
        problems,
    );
    let Some(url) = url else {
        return Some(DatabaseUrl::sqlite_file(&settings.data_dir.join("chat.db")));
    };
    url.parse().inspect_err(|error| problems.push(format!("DATABASE_URL: {error}"))).ok()
}

fn registration(settings: &Settings) -> Registration {
    settings.registration.unwrap_or_else(|| {
        if settings.bind.ip().is_loopback() && settings.public_url.is_none() {
            Registration::Open
        } else {
            Registration::Closed
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(arguments: &[&str]) -> Result<Config, ConfigError> {
        let arguments = ["chat-server"].iter().chain(arguments);
        Config::from_settings(&Settings::try_parse_from(arguments).unwrap())
    }

    #[test]
    fn nothing_set_is_a_chat_on_loopback_with_a_file() {
        let config = config(&[]).unwrap();
        assert_eq!(config.bind.to_string(), "127.0.0.1:8081");
        assert_eq!(config.database.sqlite_path().unwrap(), std::path::Path::new("./data/chat.db"));
        assert_eq!(config.registration, Registration::Open);
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let error =
            config(&["--database-url", "mysql://x", "--public-url", "chat.example"]).unwrap_err().to_string();
        assert!(error.contains("mysql") && error.contains("chat.example"), "{error}");
        let error = config(&["--database-url", "postgres://localhost/chat"]).unwrap_err().to_string();
        assert!(error.contains("SECRET_KEY"), "{error}");
    }

    #[test]
    fn nobody_registers_on_a_public_server_unless_it_is_said() {
        assert_eq!(config(&["--bind", "0.0.0.0:80"]).unwrap().registration, Registration::Closed);
        let public = ["--public-url", "https://chat.example"];
        assert_eq!(config(&public).unwrap().registration, Registration::Closed);
        assert_eq!(
            config(&["--bind", "0.0.0.0:80", "--registration", "open"]).unwrap().registration,
            Registration::Open
        );
    }

    #[test]
    fn a_sign_in_lasts_whole_days_and_ends_earlier_when_it_is_not_used() {
        let limits =
            config(&["--limit-session-days", "3650", "--limit-session-idle-days", "1"]).unwrap().limits;
        let day_ms = 24 * 60 * 60 * 1_000;
        assert_eq!((limits.session_lifetime_ms, limits.session_idle_ms), (3_650 * day_ms, day_ms));
        assert_eq!(config(&[]).unwrap().limits.session_idle_ms, 14 * day_ms);
        for bad in ["0", "3651", "-1", "1.5", "forever"] {
            let argument = format!("--limit-session-idle-days={bad}");
            assert!(Settings::try_parse_from(["chat-server", &argument]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let config = config(&["--secret-key", "hush", "--database-url", "postgres://u:pass@h/d"]).unwrap();
        let shown = format!("{config:?}");
        assert!(!shown.contains("hush") && !shown.contains("pass@"), "{shown}");
    }
}
