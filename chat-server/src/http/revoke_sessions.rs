//! `POST /api/v1/sessions/revoke`.

use chat_domain::{Command, RevokeSessions, Revoked};
use chat_protocol::RevokeSessionsRequest;
use hyper::body::Incoming;
use hyper::{Request, StatusCode};

use super::{Handled, answer, body, credentials};
use crate::node::Node;
use crate::security_log;

pub(super) async fn handle(node: &Node, request: Request<Incoming>) -> Handled {
    let credentials = credentials::read_allowed(node, request.headers())?;
    let signed_in = credentials::require(node, &credentials).await?;
    let which = match body::read(node, request).await? {
        RevokeSessionsRequest::One(session_id) => Revoked::One(session_id),
        RevokeSessionsRequest::Others => Revoked::Others,
    };
    let (user_id, by) = (signed_in.user.id(), signed_in.session.id);
    node.execute(Command::RevokeSessions(RevokeSessions { user_id, by, which })).await?;
    node.control_changed.notify_one();
    security_log::sessions_revoked(user_id);
    Ok(answer::empty(StatusCode::NO_CONTENT))
}
