//! Which address a request comes from.

use std::net::{IpAddr, SocketAddr};
use std::sync::Once;

use hyper::HeaderMap;
use ipnet::IpNet;

/// The right-most address of `X-Forwarded-For` that is no trusted proxy; without trusted proxies the peer's.
pub(super) fn client(headers: &HeaderMap, peer: SocketAddr, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut address = peer.ip().to_canonical();
    if !is_trusted(address) {
        if address.is_loopback() && headers.contains_key("x-forwarded-for") {
            warn_of_undeclared_proxy();
        }
        return address;
    }
    let fields: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|field| field.to_str().ok()).collect();
    for hop in fields.iter().flat_map(|field| field.split(',')).rev() {
        // What a proxy could not name is as far as it can be followed.
        let Ok(hop) = hop.trim().parse::<IpAddr>() else { break };
        address = hop.to_canonical();
        if !is_trusted(address) {
            break;
        }
    }
    address
}

/// A proxy on this machine that is not declared makes one address of all people: said once.
fn warn_of_undeclared_proxy() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        tracing::warn!(
            "X-Forwarded-For of a proxy on this machine is not believed, and all people count as one address: \
             name the proxy in CHAT_TRUSTED_PROXIES"
        );
    });
}

/// Whether many people come from one address: this machine itself, or a trusted proxy.
pub(super) fn is_of_many(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || trusted.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client_of(forwarded: &[&str], peer: &str, trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for field in forwarded {
            headers.append("x-forwarded-for", field.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        client(&headers, SocketAddr::new(peer.parse().unwrap(), 1), &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(client_of(&["1.2.3.4"], "9.9.9.9", &[]), "9.9.9.9");
        assert_eq!(client_of(&["1.2.3.4"], "10.0.0.1", &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(client_of(&["6.6.6.6, 1.2.3.4"], "10.0.0.1", &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(client_of(&["6.6.6.6", "1.2.3.4, 10.0.0.2"], "10.0.0.1", &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(client_of(&["1.2.3.4, nonsense"], "10.0.0.1", &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(client_of(&[], "10.0.0.1", &["10.0.0.0/8"]), "10.0.0.1");
    }
}
