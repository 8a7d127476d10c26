//! `/readyz`: whether the server can serve, and which part of it can't.

use hyper::StatusCode;
use serde::Serialize;

use super::{Answer, answer};
use crate::node::Node;

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    database: bool,
    draining: bool,
    /// How the database is set up badly, if it is.
    warnings: Vec<String>,
}

pub(super) async fn ready(node: &Node) -> Answer {
    let database = node.read(|repository| repository.last_control_seq()).await.is_ok();
    let draining = node.is_draining.load(std::sync::atomic::Ordering::Relaxed);
    let ready = database && !draining;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    answer::json(status, &Readiness { ready, database, draining, warnings: node.warnings.clone() })
}
