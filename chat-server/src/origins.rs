//! Where a browser may come from: exact origins and hosts, so that no other page speaks with a person's cookie.

use std::net::SocketAddr;

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN};

/// The allowed origins and hosts.
#[derive(Debug, Clone)]
pub(crate) struct Origins {
    origins: Vec<String>,
    hosts: Vec<String>,
    is_https: bool,
}

/// What a request says of where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provenance {
    /// A page of an allowed origin, at an allowed host.
    Allowed,
    /// No page: no `Origin` at all.
    NoOrigin,
    /// A foreign page, `null`, or a host that isn't ours.
    Foreign,
}

impl Origins {
    /// The public URL's origin and the listed ones; without a public URL the names of this machine.
    pub(crate) fn new(public_url: Option<&str>, allowed: &[String], bound: SocketAddr) -> Self {
        let port = bound.port();
        let mut origins: Vec<String> = allowed.iter().map(|origin| normalized(origin)).collect();
        match public_url {
            Some(url) => origins.push(normalized(url)),
            None => {
                let names =
                    ["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned(), host_of(bound)];
                origins.extend(names.iter().map(|name| normalized(&format!("http://{name}:{port}"))));
            }
        }
        let hosts = origins
            .iter()
            .filter_map(|origin| origin.split_once("://"))
            .map(|(_, host)| host.to_owned())
            .collect();
        let is_https = public_url.is_some_and(|url| normalized(url).starts_with("https://"));
        Self { origins, hosts, is_https }
    }

    /// Whether people reach the server through https, so that cookies are `Secure`.
    pub(crate) const fn is_https(&self) -> bool {
        self.is_https
    }

    /// Judges a request's `Origin` and `Host`.
    pub(crate) fn judge(&self, headers: &HeaderMap) -> Provenance {
        let mut origins = headers.get_all(ORIGIN).iter();
        let (origin, more) = (origins.next(), origins.next());
        let Some(origin) = origin else { return Provenance::NoOrigin };
        let origin = origin.to_str().unwrap_or("null");
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).map(normalized_host);
        let is_ours = more.is_none()
            && self.origins.contains(&normalized(origin))
            && host.is_some_and(|host| self.hosts.contains(&host));
        if is_ours { Provenance::Allowed } else { Provenance::Foreign }
    }
}

fn host_of(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    }
}

/// Scheme and host in lower case, without a path and without the scheme's own port.
fn normalized(origin: &str) -> String {
    let lower = origin.trim().to_ascii_lowercase();
    let Some((scheme, rest)) = lower.split_once("://") else { return lower };
    let host = rest.split('/').next().unwrap_or(rest);
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    format!("{scheme}://{}", host.strip_suffix(default_port).unwrap_or(host))
}

fn normalized_host(host: &str) -> String {
    let lower = host.trim().to_ascii_lowercase();
    lower.strip_suffix(":443").or_else(|| lower.strip_suffix(":80")).unwrap_or(&lower).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(origins: &Origins, origin: Option<&str>, host: &str) -> Provenance {
        let mut headers = HeaderMap::new();
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        headers.insert(HOST, host.parse().unwrap());
        origins.judge(&headers)
    }

    #[test]
    fn without_a_public_url_this_machine_is_allowed() {
        let origins = Origins::new(None, &[], "127.0.0.1:8081".parse().unwrap());
        for name in ["localhost:8081", "127.0.0.1:8081", "[::1]:8081"] {
            assert_eq!(judge(&origins, Some(&format!("http://{name}")), name), Provenance::Allowed, "{name}");
        }
        for origin in ["http://evil.example", "null", "http://localhost:9999", "https://localhost:8081", ""] {
            assert_eq!(judge(&origins, Some(origin), "localhost:8081"), Provenance::Foreign, "{origin}");
        }
        assert_eq!(judge(&origins, Some("http://localhost:8081"), "evil.example"), Provenance::Foreign);
        assert_eq!(judge(&origins, None, "localhost:8081"), Provenance::NoOrigin);
    }

    #[test]
    fn with_a_public_url_only_it_and_the_listed_ones_are() {
        let listed = ["https://app.example".to_owned()];
        let origins = Origins::new(Some("HTTPS://Chat.example:443/"), &listed, "0.0.0.0:80".parse().unwrap());
        assert!(origins.is_https());
        assert_eq!(judge(&origins, Some("https://chat.example"), "chat.example"), Provenance::Allowed);
        assert_eq!(judge(&origins, Some("https://app.example"), "chat.example"), Provenance::Allowed);
        assert_eq!(judge(&origins, Some("http://chat.example"), "chat.example"), Provenance::Foreign);
        assert_eq!(judge(&origins, Some("http://localhost"), "localhost"), Provenance::Foreign);
    }
}
