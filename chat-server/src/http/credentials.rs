//! The credentials that a request carries: a bearer token, or the session cookie.

use chat_domain::SignedIn;
use chat_protocol::ErrorCode;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, COOKIE, HeaderValue};

use crate::failure::Failure;
use crate::node::Node;
use crate::origins::Provenance;

/// A token, and how it came.
pub(super) enum Credentials {
    /// `Authorization: Bearer TOKEN`.
    Bearer(String),
    /// The session cookie. It counts only together with an allowed origin.
    Cookie(String),
    /// Nothing.
    None,
}

/// Reads a request's credentials; a bearer token goes before a cookie.
pub(super) fn read(node: &Node, headers: &HeaderMap) -> Credentials {
    read_named(cookie_name(node), headers)
}

/// The same, with the cookie's name.
pub(super) fn read_named(name: &str, headers: &HeaderMap) -> Credentials {
    if let Some(token) = bearer(headers) {
        return Credentials::Bearer(token.to_owned());
    }
    let pairs = headers.get_all(COOKIE).iter().filter_map(|field| field.to_str().ok());
    let mut cookies = pairs.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='));
    match cookies.find(|(held, _)| *held == name) {
        Some((_, token)) => Credentials::Cookie(token.to_owned()),
        None => Credentials::None,
    }
}

/// Reads the credentials of a request that changes something or opens a WebSocket: a browser says where such a request
/// comes from, and sends the cookie along whoever's page asks for it.
pub(super) fn read_allowed(node: &Node, headers: &HeaderMap) -> Result<Credentials, Failure> {
    let credentials = read(node, headers);
    match (node.origins.judge(headers), &credentials) {
        (Provenance::Foreign, _) => {
            Err(Failure::new(ErrorCode::Forbidden, "this origin may not speak with the chat"))
        }
        (Provenance::NoOrigin, Credentials::Cookie(_)) => {
            let text = "a cookie counts only from an allowed origin; without one use a bearer token";
            Err(Failure::new(ErrorCode::Forbidden, text))
        }
        _ => Ok(credentials),
    }
}

/// Who is signed in with these credentials, for what is not for strangers.
pub(super) async fn require(node: &Node, credentials: &Credentials) -> Result<SignedIn, Failure> {
    sign_in(node, credentials).await?.ok_or_else(Failure::unauthenticated)
}

/// The token of `Authorization: Bearer TOKEN`. A header that can't be read is a token that nobody has: an empty one.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let token = headers.get(AUTHORIZATION)?.to_str().ok().and_then(|field| {
        let (scheme, token) = field.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    Some(token.unwrap_or_default())
}

/// Who is signed in with these credentials.
pub(super) async fn sign_in(node: &Node, credentials: &Credentials) -> Result<Option<SignedIn>, Failure> {
    match credentials {
        Credentials::Bearer(token) | Credentials::Cookie(token) => node.sign_in(token).await,
        Credentials::None => Ok(None),
    }
}

/// Behind https the name itself says that the cookie is this host's own and secure.
fn cookie_name(node: &Node) -> &'static str {
    if node.origins.is_https() { "__Host-chat_session" } else { "chat_session" }
}

/// The cookie that keeps a token, or takes it back with an empty one.
pub(super) fn set_cookie(node: &Node, token: &str) -> Option<HeaderValue> {
    let lifetime_s = if token.is_empty() { 0 } else { node.limits.session_lifetime_ms / 1_000 };
    let secure = if node.origins.is_https() { "; Secure" } else { "" };
    let name = cookie_name(node);
    let cookie = format!("{name}={token}; Path=/; Max-Age={lifetime_s}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&cookie).ok()
}
