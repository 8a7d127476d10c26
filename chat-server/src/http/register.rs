//! `POST /api/v1/register`.

use std::net::SocketAddr;

use chat_domain::limits::PASSWORD_BYTES;
use chat_domain::{Command, DisplayName, Outcome, RegisterUser, Username};
use chat_protocol::{ErrorCode, RegisterAnswer, RegisterRequest};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};

use super::{Handled, address, answer, body, refuse_foreign};
use crate::config::Registration;
use crate::failure::Failure;
use crate::node::Node;
use crate::node::rates::Arrival;
use crate::security_log;

pub(super) async fn handle(node: &Node, request: Request<Incoming>, peer: SocketAddr) -> Handled {
    refuse_foreign(node, &request)?;
    if node.registration == Registration::Closed {
        let text = "nobody can register on this server; its operator adds users";
        return Err(Failure::new(ErrorCode::RegistrationClosed, text).into());
    }
    let address = address::client(request.headers(), peer, &node.trusted_proxies);
    node.rates.arrive(Arrival::Registration, address, node.clock.now())?;
    let RegisterRequest { username, password, display_name } = body::read(node, request).await?;
    let invalid = |error: chat_domain::ValueError| Failure::new(ErrorCode::InvalidName, error.to_string());
    let username = Username::new(username).map_err(invalid)?;
    let display_name = match display_name {
        Some(name) => DisplayName::new(name.trim()).map_err(invalid)?,
        None => DisplayName::from(&username),
    };
    check_password(&password)?;
    let password_hash = Some(node.passwords.hash(password).await?);
    let command = Command::RegisterUser(RegisterUser { username, display_name, password_hash });
    let Outcome::UserRegistered(user) = node.execute(command).await? else {
        return Err(Failure::internal("a registration came to something else").into());
    };
    security_log::registered(user.id(), address);
    Ok(answer::json(StatusCode::CREATED, &RegisterAnswer { user: user.summary.into() }))
}

/// Whether a password may be one.
pub(super) fn check_password(password: &str) -> Result<(), Failure> {
    if PASSWORD_BYTES.contains(&password.len()) {
        return Ok(());
    }
    let (least, most) = (PASSWORD_BYTES.start(), PASSWORD_BYTES.end());
    let text = format!("the password has {} bytes; {least} to {most} are allowed", password.len());
    Err(Failure::new(ErrorCode::WeakPassword, text))
}
