//! `GET /ws`: who may open a WebSocket, and the step from HTTP to it (RFC 6455 section 4.2).

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use chat_protocol::{ErrorCode, SUBPROTOCOL};
use data_encoding::BASE64;
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{HeaderMap, Request, StatusCode, Version};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::Handled;
use super::address;
use super::answer::{self, Refused};
use super::credentials::{self, Credentials};
use crate::connection::socket::Stream;
use crate::connection::{self, Admission};
use crate::failure::Failure;
use crate::node::rates::Arrival;
use crate::node::{Node, SocketPlace};
use crate::shard::Shard;

pub(super) async fn handle<S: Stream>(
    shard: &Rc<Shard<S::Writer>>,
    mut request: Request<Incoming>,
    peer: SocketAddr,
) -> Handled {
    let node = &shard.node;
    let accept = check_handshake(&request)?;
    check_no_body(&request)?;
    let address = address::client(request.headers(), peer, &node.trusted_proxies);
    node.rates.arrive(Arrival::Connection, address, node.clock.now())?;
    if node.is_draining.load(Ordering::Relaxed) {
        return Err(Failure::overloaded().into());
    }
    let place = SocketPlace::take(node).ok_or_else(Failure::overloaded)?;
    let admission = admission(node, &request).await?;
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::task::spawn_local(serve::<S>(Rc::clone(shard), upgrade, admission, place));
    let mut answer = answer::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = answer.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if tokens(request.headers(), header::SEC_WEBSOCKET_PROTOCOL).any(|offered| offered == SUBPROTOCOL) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    Ok(answer)
}

/// Hands the plain stream to the connection. hyper's empty buffer is dropped: it would pin 4 KiB.
async fn serve<S: Stream>(
    shard: Rc<Shard<S::Writer>>,
    upgrade: OnUpgrade,
    admission: Admission,
    _place: SocketPlace,
) {
    let Some((stream, leftover)) = Box::pin(plain_stream::<S>(upgrade)).await else { return };
    connection::serve(shard, stream.into_halves(), leftover, admission).await;
}

async fn plain_stream<S: Stream>(upgrade: OnUpgrade) -> Option<(S, Vec<u8>)> {
    let upgraded: Upgraded = upgrade.await.ok()?;
    let parts = upgraded.downcast::<TokioIo<S>>().ok()?;
    Some((parts.io.into_inner(), parts.read_buf.to_vec()))
}

/// Who comes in. A bad bearer token is answered here; a page with a stale cookie is told by a close code.
async fn admission(node: &Node, request: &Request<Incoming>) -> Result<Admission, Refused> {
    #[cfg(feature = "echo")]
    if request.uri().path() == super::ECHO {
        return Ok(Admission::Echo);
    }
    let headers = request.headers();
    let credentials = credentials::read_allowed(node, headers)?;
    let as_of = node.connections.closings();
    match (credentials::sign_in(node, &credentials).await?, credentials) {
        (Some(signed_in), _) => Ok(Admission::SignedIn(Box::new(signed_in), as_of)),
        (None, Credentials::None) => Ok(Admission::FirstFrame),
        (None, Credentials::Cookie(_)) => Ok(Admission::Stale),
        (None, Credentials::Bearer(_)) => Err(Failure::unauthenticated().into()),
    }
}

/// Checks what RFC 6455 section 4.2.1 asks for; gives back the value of `Sec-WebSocket-Accept`.
pub(super) fn check_handshake<B>(request: &Request<B>) -> Result<HeaderValue, Refused> {
    let headers = request.headers();
    let bad = |text: &str| Refused::with_status(StatusCode::BAD_REQUEST, ErrorCode::BadField, text);
    if request.version() != Version::HTTP_11 {
        return Err(bad("an upgrade needs HTTP/1.1"));
    }
    let has = |name: HeaderName, wanted: &str| {
        tokens(headers, name).any(|token| token.eq_ignore_ascii_case(wanted))
    };
    if !has(header::CONNECTION, "upgrade") || !has(header::UPGRADE, "websocket") {
        let text = "this path speaks WebSocket: Connection: Upgrade, Upgrade: websocket";
        return Err(Refused::with_status(StatusCode::UPGRADE_REQUIRED, ErrorCode::BadField, text));
    }
    let mut versions = headers.get_all(header::SEC_WEBSOCKET_VERSION).iter();
    if versions.next().is_none_or(|version| version != "13") || versions.next().is_some() {
        let text = "Sec-WebSocket-Version must be 13";
        return Err(Refused::with_status(StatusCode::UPGRADE_REQUIRED, ErrorCode::BadField, text));
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err(bad("one Sec-WebSocket-Key is needed"));
    };
    if BASE64.decode(key.as_bytes()).map_or(0, |key| key.len()) != 16 {
        return Err(bad("Sec-WebSocket-Key must be 16 bytes in base64"));
    }
    HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .map_err(|_| bad("Sec-WebSocket-Key is not usable"))
}

/// Refuses a body: the first frames would be taken for it.
fn check_no_body(request: &Request<Incoming>) -> Result<(), Refused> {
    if request.body().is_end_stream() {
        return Ok(());
    }
    let text = "a request for a WebSocket has no body";
    Err(Refused::with_status(StatusCode::BAD_REQUEST, ErrorCode::BadField, text))
}

/// The comma-separated tokens of all header fields of a name.
fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let fields = headers.get_all(name).into_iter().filter_map(|field| field.to_str().ok());
    fields.flat_map(|field| field.split(',')).map(str::trim)
}
