//! The chat server as a library: sign-in, WebSocket connections, rooms, fan-out and the page.
//!
//! A message's way is one line: frame → `connection` decodes it → its handler in `handlers` → the store's
//! batching writer → `committed` encodes the commit once per room → the `shard`s write it out, one system call
//! per touched connection. [`Server::start`] takes the listener and gives a handle that drains and stops, so that
//! tests and embedding programs own both. What all shards share is the `node`.
#![forbid(unsafe_code)]

mod accept;
mod clock;
mod committed;
mod config;
mod connection;
mod control;
mod data_dir;
#[cfg(test)]
mod defect;
mod directory;
mod ended_membership;
mod failure;
mod frame;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handlers;
mod http;
mod logging;
mod metrics_token;
mod node;
mod origins;
mod passwords;
mod person;
mod printable;
mod priority;
mod process;
mod random;
mod security_log;
mod server;
mod shard;
#[cfg(test)]
mod simulation;
mod store_access;
mod survive;

pub use chat_store::secret_key::SecretKey;
pub use clock::{Clock, SystemClock};
pub use config::{
    Config, ConfigError, ConfigTask, Invocation, Limits, LogFormat, Registration, Settings, Timers,
    settings_document,
};
pub use logging::start_log;
pub use metrics_token::MetricsToken;
pub use process::raise_open_files;
pub use server::{Server, StartError, Stopped};
pub use survive::log_panic;
