//! `POST /api/v1/logout`.

use chat_domain::Command;
use hyper::body::Incoming;
use hyper::header::SET_COOKIE;
use hyper::{Request, StatusCode};

use super::credentials::{self, Credentials};
use super::{Handled, answer, body};
use crate::failure::Failure;
use crate::node::Node;
use crate::security_log;

pub(super) async fn handle(node: &Node, request: Request<Incoming>) -> Handled {
    let credentials = credentials::read_allowed(node, request.headers())?;
    let _: serde_json::Map<String, serde_json::Value> = body::read(node, request).await?;
    let signed_in = credentials::sign_in(node, &credentials).await?;
    if let Some(signed_in) = signed_in {
        let (user_id, session_id) = (signed_in.user.id(), signed_in.session.id);
        node.execute(Command::SignOut { user_id, session_id }).await?;
        node.control_changed.notify_one();
        security_log::signed_out(user_id);
    } else if matches!(credentials, Credentials::Bearer(_) | Credentials::None) {
        return Err(Failure::unauthenticated().into());
    }
    let mut answer = answer::empty(StatusCode::NO_CONTENT);
    if let (Credentials::Cookie(_), Some(none)) = (credentials, credentials::set_cookie(node, "")) {
        answer.headers_mut().insert(SET_COOKIE, none);
    }
    Ok(answer)
}
