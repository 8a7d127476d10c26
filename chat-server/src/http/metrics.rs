//! `GET /metrics`: what the node counts and measures, and who may read it.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use chat_protocol::ErrorCode;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, HOST, HeaderMap};
use hyper::{Request, StatusCode};

use super::{Handled, answer, credentials};
use crate::failure::Failure;
use crate::node::Node;
use crate::node::metrics::Readings;

/// The type that typed counters have.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The type for whoever doesn't ask for that one.
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn handle(node: &Node, request: &Request<Incoming>, peer: SocketAddr) -> Handled {
    let headers = request.headers();
    admit(node, headers, peer)?;
    let asks_for_open = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|field| field.to_str().ok())
        .any(|field| field.contains("application/openmetrics-text"));
    let content_type = if asks_for_open { OPEN_METRICS } else { PLAIN };
    let text = node.metrics.text(readings(node)?);
    Ok(answer::typed(StatusCode::OK, content_type, text.into()))
}

/// With a token only who has it; without one only this machine, and not through a proxy that stands on it.
fn admit(node: &Node, headers: &HeaderMap, peer: SocketAddr) -> Result<(), Failure> {
    if let Some(token) = &node.metrics_token {
        return match credentials::bearer(headers) {
            Some(given) if token.is(given) => Ok(()),
            _ => Err(Failure::new(
                ErrorCode::Unauthenticated,
                "the metrics need their own token: Authorization: Bearer TOKEN",
            )),
        };
    }
    let peer = peer.ip().to_canonical();
    let is_proxy = node.trusted_proxies.iter().any(|network| network.contains(&peer));
    if peer.is_loopback() && !is_proxy && !is_forwarded(headers) && is_at_loopback(headers) {
        return Ok(());
    }
    let text = "without CHAT_METRICS_TOKEN only this machine may read the metrics, and not through a proxy";
    Err(Failure::new(ErrorCode::Forbidden, text))
}

/// Whether a header says that a proxy passed the request on.
fn is_forwarded(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .map(hyper::header::HeaderName::as_str)
        .any(|name| matches!(name, "forwarded" | "x-real-ip" | "via") || name.starts_with("x-forwarded-"))
}

/// Whether `Host` names this machine. A proxy that adds no header of its own still hands on the public name; and a page
/// whose own name was made to lead here names itself.
fn is_at_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return true };
    let Ok(authority) = host.parse::<hyper::http::uri::Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse().is_ok_and(|address: std::net::IpAddr| address.to_canonical().is_loopback())
}

fn readings(node: &Node) -> Result<Readings, Failure> {
    Ok(Readings {
        connections: node.sockets.load(Ordering::Relaxed),
        signed_in: node.connections.count(),
        visitors: node.visitors.count(),
        rooms: node.directory.counts(),
        waiting: node.store()?.waiting(),
        passwords_waiting: node.passwords.waiting(),
        inbox_events: node.inboxes.iter().map(crate::shard::inbox::Inbox::waiting).sum(),
    })
}
