//! `POST /api/v1/login`.

use std::net::{IpAddr, SocketAddr};

use chat_domain::limits::PASSWORD_BYTES;
use chat_domain::{Command, OpenSession, PasswordHash, RepositoryError, User, Username};
use chat_protocol::{LoginAnswer, LoginRequest};
use hyper::body::Incoming;
use hyper::header::SET_COOKIE;
use hyper::{Request, StatusCode};

use super::{Handled, address, answer, body, credentials, device, refuse_foreign};
use crate::failure::Failure;
use crate::node::Node;
use crate::node::metrics::StoreRead;
use crate::node::rates::Arrival;
use crate::passwords::Verified;
use crate::security_log;
use crate::store_access::Ticket;

pub(super) async fn handle(node: &Node, request: Request<Incoming>, peer: SocketAddr) -> Handled {
    refuse_foreign(node, &request)?;
    let address = address::client(request.headers(), peer, &node.trusted_proxies);
    node.rates.arrive(Arrival::Login, address, node.clock.now())?;
    let device = device::name(request.headers());
    let LoginRequest { username, password, cookie } = body::read(node, request).await?;
    let Checked { user, hash, stronger } = check(node, &username, password, address).await?;
    let (token, token_hash) = node.tokens.draw().map_err(|error| Failure::internal(&error.to_string()))?;
    let open = OpenSession {
        user_id: user.id(),
        verified: Some(hash.clone()),
        token_hash,
        device,
        seen_at: node.clock.now(),
        lifetime_ms: node.limits.session_lifetime_ms,
        idle_ms: node.limits.session_idle_ms,
    };
    node.execute(Command::OpenSession(open)).await?;
    // After the session, which is opened only while the hash is the one that was compared.
    if let Some(stronger) = stronger {
        let command = Command::UpdatePasswordHash { user_id: user.id(), replaces: hash, hash: stronger };
        let _ = node.store()?.submit(command, Ticket::Nobody);
    }
    security_log::signed_in(user.id(), address);
    let set_cookie = cookie.then(|| credentials::set_cookie(node, &token)).flatten();
    let token = (!cookie).then_some(token);
    let mut answer = answer::json(StatusCode::OK, &LoginAnswer { token, user: user.summary.into() });
    if let Some(set_cookie) = set_cookie {
        answer.headers_mut().insert(SET_COOKIE, set_cookie);
    }
    Ok(answer)
}

/// Somebody whose password was found right.
pub(super) struct Checked {
    pub(super) user: User,
    /// The hash with which the password was compared.
    pub(super) hash: PasswordHash,
    /// The hash to store instead, where the held one is weaker than today's.
    stronger: Option<PasswordHash>,
}

/// Checks name and password, and counts how often somebody fails to know them.
pub(super) async fn check(
    node: &Node,
    username: &str,
    password: String,
    address: IpAddr,
) -> Result<Checked, Failure> {
    // A password that can't be one is not worth a hash, but nobody may learn from it who exists either.
    if !PASSWORD_BYTES.contains(&password.len()) {
        security_log::sign_in_failed(None, address);
        return Err(Failure::wrong_credentials());
    }
    let Ok(username) = Username::new(username.trim()) else {
        return verify(node, None, password, address).await?.ok_or_else(Failure::wrong_credentials);
    };
    node.rates.begin_login(&username, address, node.clock.now())?;
    match verify(node, Some(username.clone()), password, address).await {
        Ok(Some(checked)) => {
            node.rates.forget_logins(&username, address);
            Ok(checked)
        }
        Ok(None) => Err(Failure::wrong_credentials()),
        Err(failure) => {
            node.rates.withdraw_login(&username, address);
            Err(failure)
        }
    }
}

/// Whose name and password these are. An unknown name costs as much as a wrong password.
async fn verify(
    node: &Node,
    username: Option<Username>,
    password: String,
    address: IpAddr,
) -> Result<Option<Checked>, Failure> {
    let found = match username {
        Some(username) => {
            node.read(StoreRead::Session, move |repository| find(repository, &username)).await?
        }
        None => None,
    };
    let hash = found.as_ref().and_then(|(_, hash)| hash.clone());
    let user_id = found.as_ref().map(|(user, _)| user.id());
    match (found, node.passwords.verify(password, hash).await?) {
        (Some((user, Some(hash))), Verified::Right { stronger }) if !user.is_disabled => {
            Ok(Some(Checked { user, hash, stronger }))
        }
        _ => {
            security_log::sign_in_failed(user_id, address);
            Ok(None)
        }
    }
}

fn find(
    repository: &mut dyn chat_domain::Repository,
    username: &Username,
) -> Result<Option<(User, Option<PasswordHash>)>, RepositoryError> {
    let Some(user) = repository.find_user_by_name(username)? else { return Ok(None) };
    let hash = repository.find_password_hash(user.id())?;
    Ok(Some((user, hash)))
}
