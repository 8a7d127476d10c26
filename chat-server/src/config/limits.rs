//! Limits that an operator may have to change.

use clap::Args;

/// The settings; 0 is no limit, for rates and counts.
#[derive(Debug, Clone, Args)]
pub(super) struct LimitSettings {
    /// Messages per second and person in the long run; twice as many at once. 0 is no limit.
    #[arg(long = "limit-messages-per-second", env = "CHAT_LIMIT_MESSAGES_PER_SECOND", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(0..=RATE_MAX))]
    pub messages_per_second: u32,
    /// Sign-ins per minute and address. 0 is no limit.
    #[arg(long = "limit-logins-per-minute", env = "CHAT_LIMIT_LOGINS_PER_MINUTE", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(0..=RATE_MAX))]
    pub logins_per_minute: u32,
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
    /// Connections on this server, signed in or not.
    #[arg(long = "limit-connections", env = "CHAT_LIMIT_CONNECTIONS", default_value_t = 20_000,
          value_parser = at_least_one)]
    pub connections: usize,
    /// Days that a sign-in lasts.
    #[arg(long = "limit-session-days", env = "CHAT_LIMIT_SESSION_DAYS", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub session_days: u32,
}

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
    /// Sign-ins per minute and address.
    pub logins_per_minute: Option<u32>,
    /// Registrations per minute and address.
    pub registrations_per_minute: Option<u32>,
    /// Connections per person; 0 is no limit.
    pub connections_per_user: usize,
    /// Connections on this server.
    pub connections: usize,
    /// Milliseconds that a sign-in lasts.
    pub session_lifetime_ms: i64,
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

impl LimitSettings {
    pub(super) fn check(&self) -> Limits {
        let rate = |per: u32| (per > 0).then_some(per);
        Limits {
            messages_per_second: rate(self.messages_per_second),
            logins_per_minute: rate(self.logins_per_minute),
            registrations_per_minute: rate(self.registrations_per_minute),
            connections_per_user: self.connections_per_user,
            connections: self.connections,
            session_lifetime_ms: i64::from(self.session_days) * DAY_MS,
        }
    }
}
