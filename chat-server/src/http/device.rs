//! What a device calls itself: what people recognise of its `User-Agent`.

use chat_domain::DeviceName;
use hyper::HeaderMap;
use hyper::header::USER_AGENT;

/// What stands in the `User-Agent` of a browser, and its name. Most claim to be others too: the first that fits counts.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// The same for systems.
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// The name of the device that sent a request; `None` if it says nothing.
pub(super) fn name(headers: &HeaderMap) -> Option<DeviceName> {
    let agent = String::from_utf8_lossy(headers.get(USER_AGENT)?.as_bytes());
    let found = |names: &[(&str, &'static str)]| {
        names.iter().find(|(part, _)| agent.contains(part)).map(|&(_, name)| name)
    };
    // Every browser begins so; what doesn't is a program with a name of its own.
    let browser = agent.starts_with("Mozilla/").then(|| found(&BROWSERS)).flatten();
    match (browser, found(&SYSTEMS)) {
        (Some(browser), Some(system)) => DeviceName::cleaned(&format!("{browser} on {system}")),
        (Some(browser), None) => DeviceName::cleaned(browser),
        (None, _) => DeviceName::cleaned(&agent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn name_of(agent: &[u8]) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_bytes(agent).unwrap());
        name(&headers).map(String::from)
    }

    #[test]
    fn browsers_are_named_as_people_know_them() {
        for (agent, expected) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/138.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/18.5 Safari/605.1.15",
                "Safari on macOS",
            ),
            ("Mozilla/5.0 (PlayStation) Chrome/1", "Chrome"),
        ] {
            assert_eq!(name_of(agent.as_bytes()).as_deref(), Some(expected), "{agent}");
        }
    }

    #[test]
    fn programs_keep_their_own_name_and_nobody_steers_what_shows_it() {
        assert_eq!(name_of(b"curl/8.5.0").as_deref(), Some("curl/8.5.0"));
        assert_eq!(name_of(b"Mozilla/5.0 (Linux)").as_deref(), Some("Mozilla/5.0 (Linux)"));
        let override_and_bad_bytes = "a\u{202e}b\t<b>".bytes().chain([0xff]).collect::<Vec<_>>();
        assert_eq!(name_of(&override_and_bad_bytes).as_deref(), Some("ab<b>\u{fffd}"));
        assert_eq!(name_of("é".repeat(2_000).as_bytes()), Some("é".repeat(120)));
        assert_eq!(name_of(b""), None);
        assert_eq!(name(&HeaderMap::new()), None);
    }
}
