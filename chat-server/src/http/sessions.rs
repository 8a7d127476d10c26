//! `GET /api/v1/sessions`.

use std::cmp::Reverse;

use chat_domain::list_sessions;
use chat_protocol::{SessionEntry, SessionsAnswer};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};

use super::{Handled, answer, credentials, refuse_foreign};
use crate::node::Node;
use crate::node::metrics::StoreRead;

pub(super) async fn handle(node: &Node, request: &Request<Incoming>) -> Handled {
    // A browser names no origin when a page reads from its own server.
    refuse_foreign(node, request)?;
    let credentials = credentials::read(node, request.headers());
    let signed_in = credentials::require(node, &credentials).await?;
    let (user_id, current) = (signed_in.user.id(), signed_in.session.id);
    let (now, idle_ms) = (node.clock.now(), node.limits.session_idle_ms);
    let mut listed = node
        .read(StoreRead::Session, move |repository| list_sessions(repository, now, idle_ms, user_id))
        .await?;
    // What is written down may be an hour old; who asks, or is connected here, is seen now.
    let connected = node.connections.of_user(user_id);
    for session in listed.iter_mut().map(|listed| &mut listed.session) {
        if session.id == current || connected.iter().any(|address| address.session_id == session.id) {
            session.last_seen_at = session.last_seen_at.max(now);
        }
    }
    listed.sort_by_key(|listed| Reverse((listed.session.last_seen_at, listed.session.id)));
    let sessions = listed.into_iter().map(|listed| SessionEntry::new(listed, current)).collect();
    Ok(answer::json(StatusCode::OK, &SessionsAnswer { sessions }))
}
