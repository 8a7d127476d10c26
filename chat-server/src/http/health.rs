//! `/readyz`: whether the server can serve, and which part of it can't.

use std::sync::atomic::Ordering;

use chat_domain::Command;
use chat_protocol::ErrorCode;
use hyper::StatusCode;
use serde::Serialize;

use super::{Answer, answer};
use crate::failure::Failure;
use crate::node::Node;
use crate::node::metrics::StoreRead;

#[derive(Serialize)]
struct Readiness {
    /// Whether all parts are.
    ready: bool,
    database: bool,
    draining: bool,
    parts: Parts,
    /// How the database is set up badly, if it is.
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Parts {
    /// Reads are answered.
    database: Part,
    /// Commits are.
    writer: Part,
    /// Ready while the server doesn't go away.
    draining: Part,
}

/// A part, and why it isn't ready. The text names no address and repeats nothing of the database; the log says more.
#[derive(Serialize)]
struct Part {
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
}

/// Asks all parts at once; each answers within the timeout of the store, or is not ready.
pub(super) async fn ready(node: &Node) -> Answer {
    let read = node.read(StoreRead::Control, |repository| repository.database_state());
    // An empty commit: it takes the lock of writes, and changes nothing.
    let write = node.execute(Command::RecordPresence(Vec::new()));
    let (read, written) = tokio::join!(read, write);
    let is_draining = node.is_draining.load(Ordering::Relaxed);
    let parts = Parts {
        database: Part::of(read.map(drop)),
        writer: Part::of(written.map(drop)),
        draining: Part { ready: !is_draining, why: is_draining.then_some("the server goes away") },
    };
    let ready = parts.database.ready && parts.writer.ready && parts.draining.ready;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let (database, warnings) = (parts.database.ready, node.warnings.clone());
    answer::json(status, &Readiness { ready, database, draining: is_draining, parts, warnings })
}

impl Part {
    fn of(answered: Result<(), Failure>) -> Self {
        let why = answered.err().map(|failure| match failure.code {
            ErrorCode::Unavailable => "it does not answer",
            ErrorCode::Overloaded => "it has more work than it can hold",
            ErrorCode::StorageFull => "there is no room left on its disk",
            _ => "it failed; the log says why",
        });
        Self { ready: why.is_none(), why }
    }
}
