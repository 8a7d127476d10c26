//! Where connections arrive, and how many may wait there.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait to be accepted, at most; the system may allow fewer (`net.core.somaxconn`). Beyond it the
/// kernel drops the first packet of a connection, and its client tries again after a second: with the 128 of the
/// standard library, that is what most clients met that came back at once.
const ACCEPTS_WAITING_MAX: i32 = 4_096;

/// Listens on an address; port 0 takes a free one.
///
/// # Errors
/// What the system says: the address is taken, or not this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart doesn't wait until the old process's connections are forgotten; nobody else can listen meanwhile.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(ACCEPTS_WAITING_MAX)?;
    Ok(socket.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    /// How long a client waits that is not dropped: less than the second after which it would try again.
    const AT_ONCE: Duration = Duration::from_millis(900);
    const CLIENTS: usize = 500;

    #[test]
    fn many_clients_that_come_at_once_wait_to_be_accepted_and_are_not_dropped() {
        let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
        let allowed: usize = allowed.trim().parse().unwrap();
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = |_| TcpStream::connect_timeout(&address, AT_ONCE).unwrap();
        let waiting: Vec<TcpStream> = (0..CLIENTS.min(allowed)).map(connect).collect();
        assert_eq!(waiting.len(), CLIENTS.min(allowed));
    }
}
