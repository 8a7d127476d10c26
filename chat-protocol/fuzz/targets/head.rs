//! A request's head: the address, the origin, the credentials, the device, the handshake.
//!
//! The first line is the path, each further one a field.
#![no_main]

use std::net::{IpAddr, SocketAddr};

use chat_server::fuzzing::{Origin, Reading, read_head};
use http::{HeaderName, HeaderValue, Request};
use ipnet::IpNet;
use libfuzzer_sys::fuzz_target;

/// Fields in a head, at most, as in the server.
const FIELDS_MAX: usize = 64;

fuzz_target!(|bytes: &[u8]| {
    let Some(request) = request(bytes) else { return };
    let proxies: [IpNet; 2] = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    let stranger = SocketAddr::from(([203, 0, 113, 7], 1));
    let proxy = SocketAddr::from(([10, 0, 0, 1], 1));
    assert_eq!(read_head(&request, stranger, &proxies).address, stranger.ip(), "only a proxy is believed");
    check(&request, &read_head(&request, proxy, &proxies), proxy.ip());
});

fn request(bytes: &[u8]) -> Option<Request<()>> {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let path = std::str::from_utf8(lines.next()?).ok()?;
    let mut request = Request::builder().uri(path).body(()).ok()?;
    for line in lines.take(FIELDS_MAX) {
        let at = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = (&line[..at], &line[at + 1..]);
        let value = HeaderValue::from_bytes(value.trim_ascii()).ok()?;
        request.headers_mut().append(HeaderName::from_bytes(name).ok()?, value);
    }
    Some(request)
}

fn check(request: &Request<()>, reading: &Reading, peer: IpAddr) {
    let field = |name: &str| {
        let values = request.headers().get_all(name).iter().map(HeaderValue::as_bytes);
        values.map(|value| String::from_utf8_lossy(value).to_lowercase()).collect::<Vec<_>>()
    };
    let hops = field("x-forwarded-for").join(",");
    let is_named = || {
        let mut named = hops.split(',').filter_map(|hop| hop.trim().parse::<IpAddr>().ok());
        named.any(|hop| hop.to_canonical() == reading.address)
    };
    assert!(reading.address == peer || is_named(), "{} is out of thin air", reading.address);
    match reading.origin {
        Origin::None => assert!(field("origin").is_empty()),
        Origin::Foreign => assert!(!field("origin").is_empty()),
        Origin::Allowed => {
            let [origin] = &field("origin")[..] else { panic!("one origin") };
            assert!(is_ours(origin.trim().strip_prefix("http://").expect("the scheme")), "{origin:?}");
            assert!(is_ours(field("host").first().expect("a host").trim()));
        }
    }
    assert!(reading.bearer.is_none() || reading.cookie.is_none(), "one of them counts");
    assert_eq!(reading.bearer.is_some(), request.headers().contains_key("authorization"));
    if let Some(cookie) = &reading.cookie {
        let named = format!("chat_session={}", cookie.to_lowercase());
        assert!(field("cookie").iter().any(|value| value.contains(&named)));
    }
    let accept = reading.accept.as_ref().map(String::len);
    assert!(accept.is_none_or(|chars| chars == 28), "a SHA-1 in base64");
}

/// This machine's names on port 8081, and nothing behind them but a path.
fn is_ours(host: &str) -> bool {
    ["localhost:8081", "127.0.0.1:8081", "[::1]:8081"].iter().any(|ours| {
        let rest =
            host.strip_prefix(ours).map(|rest| rest.trim_start_matches(":80").trim_start_matches(":443"));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}
