//! The server under load: where it is, and connecting to it from as many addresses as it takes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

use chat_protocol::SUBPROTOCOL;
use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use super::metrics::{self, StoreReads};
use crate::args::bench::Load;
use crate::error::CliError;
use crate::line::authority;

/// Connections from one address, before the next one of 127.0.0.x is taken: fewer than it has ports, since a port rests
/// after its connection ended.
const CONNECTIONS_PER_SOURCE: u32 = 20_000;
/// The key of every handshake. What the server makes of it is not checked, since nothing between falsifies it.
const HANDSHAKE_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAA==";

/// A server, and the addresses from which it is called.
pub(super) struct Target {
    address: SocketAddr,
    authority: String,
    sources: Vec<IpAddr>,
    next_source: usize,
}

impl Target {
    /// Finds the server, for so many connections.
    pub(super) fn find(load: &Load, connections: u32) -> Result<Self, CliError> {
        const ADVICE: &str = "correct the server's address";
        let server = &load.server;
        let authority =
            if server.contains("://") { authority(server) } else { authority(&format!("http://{server}")) }?;
        let found = authority.to_socket_addrs().map(|mut addresses| addresses.next());
        let address = match found {
            Ok(Some(address)) => address,
            Ok(None) => return Err(CliError::usage(format!("{authority} has no address"), ADVICE)),
            Err(error) => return Err(CliError::usage(format!("{authority}: {error}"), ADVICE)),
        };
        let sources = match address.ip() {
            _ if !load.source_addresses.is_empty() => load.source_addresses.clone(),
            IpAddr::V4(ip) if ip.is_loopback() => loopback_sources(connections),
            _ => Vec::new(),
        };
        Ok(Self { address, authority, sources, next_source: 0 })
    }

    /// Begins a connection; it is made once the socket can be written to.
    pub(super) fn connect(&mut self) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(&source) = self.sources.get(self.next_source) {
            self.next_source = (self.next_source + 1) % self.sources.len();
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        match socket.connect(&self.address.into()) {
            Err(error) if !is_under_way(&error) => Err(error),
            _ => Ok(TcpStream::from_std(socket.into())),
        }
    }

    /// The server's reads of the database since it began, where it tells them.
    pub(super) fn store_reads(&self) -> Option<StoreReads> {
        metrics::store_reads(self.address, &self.authority)
    }

    /// What asks for the upgrade, as the person of a token.
    pub(super) fn upgrade_request(&self, token: &str) -> String {
        format!(
            "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {HANDSHAKE_KEY}\r\n\
             Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\nAuthorization: Bearer {token}\r\n\r\n",
            self.authority
        )
    }
}

/// As many addresses of this machine as so many connections to itself need; none where the kernel's choice is enough.
fn loopback_sources(connections: u32) -> Vec<IpAddr> {
    let first = u32::from(Ipv4Addr::LOCALHOST);
    let needed = connections.div_ceil(CONNECTIONS_PER_SOURCE);
    if needed <= 1 {
        return Vec::new();
    }
    (0..needed).map(|number| Ipv4Addr::from(first + number).into()).collect()
}

fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

/// Why a connection could not be begun.
pub(super) fn not_connected(error: &io::Error) -> CliError {
    let advice = match error.kind() {
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => {
            "no port is free: name more of this machine's addresses with --source-addresses, or wait a minute"
        }
        _ => "check that the server runs, and the address",
    };
    CliError::server(format!("could not connect: {error}"), advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_loopback_address_is_enough_until_its_ports_run_out() {
        assert!(loopback_sources(20_000).is_empty());
        let expected: Vec<IpAddr> =
            ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map(|ip| ip.parse().unwrap()).into();
        assert_eq!(loopback_sources(50_000), expected);
    }
}
