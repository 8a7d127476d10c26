//! `POST /api/v1/password`.

use std::net::SocketAddr;

use chat_domain::{ChangeOwnPassword, Command};
use chat_protocol::{ErrorCode, PasswordRequest};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};

use super::{Handled, address, answer, body, credentials, login, register};
use crate::failure::Failure;
use crate::node::Node;
use crate::node::rates::Arrival;
use crate::security_log;

pub(super) async fn handle(node: &Node, request: Request<Incoming>, peer: SocketAddr) -> Handled {
    let credentials = credentials::read_allowed(node, request.headers())?;
    let signed_in = credentials::require(node, &credentials).await?;
    // Whoever found a device signed in may not guess here what the sign-in wouldn't let them guess.
    let address = address::client(request.headers(), peer, &node.trusted_proxies);
    node.rates.arrive(Arrival::Login, address, node.clock.now())?;
    let PasswordRequest { current_password, new_password } = body::read(node, request).await?;
    register::check_password(&new_password)?;
    let username = signed_in.user.summary.username.as_str();
    let checked = login::check(node, username, current_password, address).await.map_err(wrong)?;
    let change = ChangeOwnPassword {
        user_id: signed_in.user.id(),
        by: signed_in.session.id,
        verified: checked.hash,
        hash: node.passwords.hash(new_password).await?,
    };
    node.execute(Command::ChangeOwnPassword(change)).await.map_err(wrong)?;
    node.control_changed.notify_one();
    security_log::password_changed(signed_in.user.id());
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

/// No user name was asked for.
fn wrong(failure: Failure) -> Failure {
    match failure.code {
        ErrorCode::WrongCredentials => Failure::new(failure.code, "the current password is wrong"),
        _ => failure,
    }
}
