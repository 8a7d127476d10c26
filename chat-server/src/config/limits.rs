//! Limits that an operator may have to change.

use clap::Args;

/// The settings; 0 is no limit, for rates and counts.
#[derive(Debug, Clone, Args)]
pub(super) struct LimitSettings {
    /// Messages per second and person in the long run; twice as many at once. 0 is no limit.
    #[arg(long = "limit-messages-per-second", env = "CHAT_LIMIT_MESSAGES_PER_SECOND", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(0..=RATE_MAX))]
    pub messages_per_second: u32,
    /// Joins and leaves per second and person in the long run; twenty times as many at once. 0 is no limit.
    #[arg(long = "limit-joins-per-second", env = "CHAT_LIMIT_JOINS_PER_SECOND", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(0..=RATE_MAX))]
    pub joins_per_second: u32,
    /// Requests for history, the list of rooms or a new sign-in per second and person in the long run; five times as
    /// many at once. 0 is no limit.
    #[arg(long = "limit-history-per-second", env = "CHAT_LIMIT_HISTORY_PER_SECOND", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(0..=RATE_MAX))]
    pub history_per_second: u32,
    /// Read marks per second and person in the long run; five times as many at once. 0 is no limit.
    #[arg(long = "limit-marks-per-second", env = "CHAT_LIMIT_MARKS_PER_SECOND", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(0..=RATE_MAX))]
    pub marks_per_second: u32,
    /// Typing events per second and person in the long run; five times as many at once. 0 is no limit.
    #[arg(long = "limit-typing-per-second", env = "CHAT_LIMIT_TYPING_PER_SECOND", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(0..=RATE_MAX))]
    pub typing_per_second: u32,
    /// New WebSockets per minute and address, and as many requests that ask the database; not for this machine's own
    /// addresses. 0 is no limit.
    #[arg(long = "limit-connections-per-minute", env = "CHAT_LIMIT_CONNECTIONS_PER_MINUTE", default_value_t = 600,
          value_parser = clap::value_parser!(u32).range(0..=RATE_MAX))]
    pub connections_per_minute: u32,
    /// Sign-ins per minute and address. 0 is no limit, on wrong ones neither.
    #[arg(long = "limit-logins-per-minute", env = "CHAT_LIMIT_LOGINS_PER_MINUTE", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(0..=RATE_MAX))]
    pub logins_per_minute: u32,
    /// Failed sign-ins in a row per account and address after which the next one waits, each time twice as long, up to
    /// 15 minutes. 0 is no limit.
    #[arg(long = "limit-login-failures", env = "CHAT_LIMIT_LOGIN_FAILURES", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(0..=RATE_MAX))]
    pub login_failures: u32,
    /// Registrations per minute and address. 0 is no limit.
    #[arg(
        long = "limit-registrations-per-minute",
        env = "CHAT_LIMIT_REGISTRATIONS_PER_MINUTE",
        default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(0..=RATE_MAX)
    )]
    pub registrations_per_minute: u32,
    /// Connections per person; above it the oldest is closed. 0 is no limit.
    #[arg(
        long = "limit-connections-per-user",
        env = "CHAT_LIMIT_CONNECTIONS_PER_USER",
        default_value_t = 20
    )]
    pub connections_per_user: usize,
    /// WebSockets on this server, signed in or not.
    #[arg(long = "limit-connections", env = "CHAT_LIMIT_CONNECTIONS", default_value_t = 20_000,
          value_parser = at_least_one)]
    pub connections: usize,
    /// Days that a sign-in lasts, however often it is used.
    #[arg(long = "limit-session-days", env = "CHAT_LIMIT_SESSION_DAYS", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub session_days: u32,
    /// Bytes in one message of the echo route.
    #[cfg(feature = "echo")]
    #[arg(long, env = "CHAT_ECHO_MESSAGE_BYTES", default_value_t = ECHO_BYTES_MAX, hide = true,
          value_parser = clap::value_parser!(u64).range(1..=ECHO_BYTES_MAX))]
    pub echo_message_bytes: u64,
    /// Bytes that may wait to be written on a connection of the echo route.
    #[cfg(feature = "echo")]
    #[arg(long, env = "CHAT_ECHO_QUEUE_BYTES", default_value_t = ECHO_BYTES_MAX, hide = true,
          value_parser = clap::value_parser!(u64).range(1..=ECHO_BYTES_MAX))]
    pub echo_queue_bytes: u64,
    /// Days after which a sign-in ends that is not used.
    #[arg(long = "limit-session-idle-days", env = "CHAT_LIMIT_SESSION_IDLE_DAYS", default_value_t = 14,
          value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub session_idle_days: u32,
}

/// Bytes in a message of the echo route or in its queue, at most.
#[cfg(feature = "echo")]
const ECHO_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The greatest rate that can be set: far above what a server can do.
const RATE_MAX: i64 = 1_000_000;

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| "a number from 1 on".to_owned())
}

/// Checked limits: `None` is no limit.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Messages per second and person.
    pub messages_per_second: Option<u32>,
    /// Joins and leaves per second and person.
    pub joins_per_second: Option<u32>,
    /// Requests for history, the list of rooms or a new sign-in per second and person.
    pub history_per_second: Option<u32>,
    /// Read marks per second and person.
    pub marks_per_second: Option<u32>,
    /// Typing events per second and person.
    pub typing_per_second: Option<u32>,
    /// New WebSockets per minute and address.
    pub connections_per_minute: Option<u32>,
    /// Sign-ins per minute and address.
    pub logins_per_minute: Option<u32>,
    /// Failed sign-ins per account and address after which the next one waits.
    pub login_failures: Option<u32>,
    /// Registrations per minute and address.
    pub registrations_per_minute: Option<u32>,
    /// Connections per person; 0 is no limit.
    pub connections_per_user: usize,
    /// WebSockets on this server.
    pub connections: usize,
    /// Milliseconds that a sign-in lasts, however often it is used.
    pub session_lifetime_ms: i64,
    /// Milliseconds after which a sign-in ends that is not used.
    pub session_idle_ms: i64,
    /// Bytes in one message of the echo route.
    #[cfg(feature = "echo")]
    pub echo_message_bytes: usize,
    /// Bytes that may wait to be written on a connection of the echo route.
    #[cfg(feature = "echo")]
    pub echo_queue_bytes: usize,
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

impl LimitSettings {
    pub(super) fn check(&self) -> Limits {
        let rate = |per: u32| (per > 0).then_some(per);
        Limits {
            messages_per_second: rate(self.messages_per_second),
            joins_per_second: rate(self.joins_per_second),
            history_per_second: rate(self.history_per_second),
            marks_per_second: rate(self.marks_per_second),
            typing_per_second: rate(self.typing_per_second),
            connections_per_minute: rate(self.connections_per_minute),
            logins_per_minute: rate(self.logins_per_minute),
            login_failures: rate(self.login_failures),
            registrations_per_minute: rate(self.registrations_per_minute),
            connections_per_user: self.connections_per_user,
            connections: self.connections,
            session_lifetime_ms: i64::from(self.session_days) * DAY_MS,
            session_idle_ms: i64::from(self.session_idle_days) * DAY_MS,
            #[cfg(feature = "echo")]
            echo_message_bytes: usize::try_from(self.echo_message_bytes).unwrap_or(usize::MAX),
            #[cfg(feature = "echo")]
            echo_queue_bytes: usize::try_from(self.echo_queue_bytes).unwrap_or(usize::MAX),
        }
    }
}
