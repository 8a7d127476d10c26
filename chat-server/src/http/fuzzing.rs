//! What the server reads out of a request's head, for the fuzz targets.

use std::net::{IpAddr, SocketAddr};

use chat_domain::DeviceName;
use hyper::{HeaderMap, Request};
use ipnet::IpNet;

use super::credentials::{self, Credentials};
use super::{address, device, policy, upgrade};
use crate::origins::{Origins, Provenance};

/// Where a request says that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A page of an allowed origin, at an allowed host.
    Allowed,
    /// No page.
    None,
    /// Any other page or host.
    Foreign,
}

/// What was read.
#[derive(Debug)]
pub struct Reading {
    /// The address that the request counts for.
    pub address: IpAddr,
    /// Where it comes from, at a server without a public URL on port 8081 of this machine.
    pub origin: Origin,
    /// The bearer token.
    pub bearer: Option<String>,
    /// The session cookie, if there is no bearer token.
    pub cookie: Option<String>,
    /// What the device calls itself.
    pub device: Option<DeviceName>,
    /// Whether its form is one that the server takes.
    pub is_well_formed: bool,
    /// What `Sec-WebSocket-Accept` says, if it opens a WebSocket.
    pub accept: Option<String>,
}

/// Reads a request's head as the server does, with these proxies trusted.
#[must_use]
pub fn read_head(request: &Request<()>, peer: SocketAddr, proxies: &[IpNet]) -> Reading {
    let headers = request.headers();
    let (bearer, cookie) = match credentials::read_named(COOKIE_NAME, headers) {
        Credentials::Bearer(token) => (Some(token), None),
        Credentials::Cookie(token) => (None, Some(token)),
        Credentials::None => (None, None),
    };
    let accept = upgrade::check_handshake(request).ok();
    Reading {
        address: address::client(headers, peer, proxies),
        origin: judge(headers),
        bearer,
        cookie,
        device: device::name(headers),
        is_well_formed: policy::check(request).is_ok(),
        accept: accept.and_then(|accept| accept.to_str().ok().map(str::to_owned)),
    }
}

/// The name of the session cookie without https.
const COOKIE_NAME: &str = "chat_session";

fn judge(headers: &HeaderMap) -> Origin {
    let origins = Origins::new(None, &[], SocketAddr::from(([127, 0, 0, 1], 8081)));
    match origins.judge(headers) {
        Provenance::Allowed => Origin::Allowed,
        Provenance::NoOrigin => Origin::None,
        Provenance::Foreign => Origin::Foreign,
    }
}
