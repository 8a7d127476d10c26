//! What it means when the server refuses a load, and what to set so that it doesn't.

use chat_protocol::CloseCode;
use serde_json::Value;

use crate::error::CliError;

/// A request that was answered with an `error`.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The stable code.
    pub(super) code: String,
    message: String,
    retry_after_ms: Option<u64>,
    /// The id of the request.
    pub(super) re: Option<String>,
}

/// What a client had asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    /// To join a room.
    Join,
    /// To send a message.
    Send,
    /// To read a page of history.
    Page,
}

impl Refusal {
    /// Reads an `error`.
    pub(super) fn read(payload: &[u8]) -> Self {
        let error: Value = serde_json::from_slice(payload).unwrap_or_default();
        let text = |field: &str| error.get(field).and_then(Value::as_str).map(str::to_owned);
        Self {
            code: text("code").unwrap_or_default(),
            message: text("message").unwrap_or_default(),
            retry_after_ms: error.get("retry_after_ms").and_then(Value::as_u64),
            re: text("re"),
        }
    }

    /// After how many milliseconds the same may be asked again, where that is the rule and no setting helps.
    pub(super) fn again_after_ms(&self) -> Option<u64> {
        matches!(self.code.as_str(), "overloaded" | "unavailable").then_some(self.retry_after_ms).flatten()
    }

    /// The end of the run.
    pub(super) fn into_error(self, asked: Asked) -> CliError {
        let advice = match (self.code.as_str(), asked) {
            ("rate_limited", Asked::Join) => {
                "start the server with CHAT_LIMIT_JOINS_PER_SECOND=1000000, or 0, while it is measured"
            }
            ("rate_limited", Asked::Send) => {
                "start the server with CHAT_LIMIT_MESSAGES_PER_SECOND=1000000 while it is measured"
            }
            ("rate_limited", Asked::Page) => {
                "start the server with CHAT_LIMIT_HISTORY_PER_SECOND=1000000, or 0, while it is measured"
            }
            ("unknown_room" | "room_archived", _) => {
                "make the rooms with `chat-cli seed --users N --tokens FILE --rooms N`, on the server's database"
            }
            _ => "see the server's log",
        };
        CliError::server(format!("the server refused with {}: {}", self.code, self.message), advice)
    }
}

/// An upgrade that was answered with something else than 101.
#[derive(Debug, Clone, Copy)]
pub(super) struct UpgradeRefusal {
    status: u16,
    retry_after_ms: Option<u64>,
}

impl UpgradeRefusal {
    /// Reads the head of an answer; `None` if it agrees to the upgrade.
    pub(super) fn read(head: &[u8]) -> Option<Self> {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let seconds = lines
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))
            .and_then(|(_, seconds)| seconds.trim().parse::<u64>().ok());
        match status {
            Some(101) => None,
            status => Some(Self {
                status: status.unwrap_or(0),
                retry_after_ms: seconds.map(|seconds| seconds.saturating_mul(1_000)),
            }),
        }
    }

    /// After how many milliseconds to come back, where that is the rule and no setting helps: the server has no place
    /// for one more connection that is no WebSocket yet.
    pub(super) fn again_after_ms(self) -> Option<u64> {
        if self.status == 503 { self.retry_after_ms } else { None }
    }

    /// The end of the run.
    pub(super) fn into_error(self) -> CliError {
        let advice = match self.status {
            401 => {
                "make new tokens with `chat-cli seed --tokens FILE` on the server's database, with its SECRET_KEY"
            }
            429 => {
                "start the server with CHAT_LIMIT_CONNECTIONS_PER_MINUTE=0 while it is measured, or measure on its own machine"
            }
            503 => "start the server with a higher CHAT_LIMIT_CONNECTIONS, or take fewer clients",
            _ => "name the chat's own server, not another one",
        };
        CliError::server(format!("the server answered an upgrade with HTTP {}", self.status), advice)
    }
}

/// A connection that the server ended, with the code of its close frame where it sent one.
pub(super) fn closed(code: Option<u16>) -> CliError {
    let known = CloseCode::ALL.iter().find(|known| Some(known.code()) == code);
    let advice = match known {
        Some(CloseCode::SlowReader) => {
            "the generator or the network is too slow: take fewer clients or messages under way"
        }
        Some(CloseCode::TooManyConnections) => {
            "start the server with CHAT_LIMIT_CONNECTIONS_PER_USER=0, and don't use the same tokens twice at once"
        }
        Some(CloseCode::SignedOut | CloseCode::SessionExpired | CloseCode::Disabled) => {
            "make new tokens with `chat-cli seed --tokens FILE`"
        }
        _ => "see the server's log, and whether it still runs",
    };
    let meaning = known.map_or("", |known| known.meaning());
    let what = match code {
        Some(code) => format!("the server closed a connection with {code}.{meaning}"),
        None => "a connection ended without a word".to_owned(),
    };
    CliError::server(what, advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upgrade_is_agreed_to_or_refused_with_a_time_to_come_back() {
        assert!(UpgradeRefusal::read(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").is_none());
        let full =
            UpgradeRefusal::read(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n").unwrap();
        assert_eq!((full.status, full.again_after_ms()), (503, Some(1_000)));
        let limited = UpgradeRefusal::read(b"HTTP/1.1 429 Too Many\r\nretry-after: 7\r\n\r\n").unwrap();
        assert_eq!((limited.status, limited.again_after_ms()), (429, None));
        assert!(UpgradeRefusal::read(b"SSH-2.0-OpenSSH").is_some());
    }

    #[test]
    fn a_limit_is_named_with_the_variable_that_raises_it() {
        let payload =
            br#"{"type":"error","re":"8","code":"rate_limited","message":"too many","retry_after_ms":300}"#;
        let refusal = Refusal::read(payload);
        assert_eq!((refusal.re.as_deref(), refusal.again_after_ms()), (Some("8"), None));
        assert!(refusal.into_error(Asked::Send).advice().contains("CHAT_LIMIT_MESSAGES_PER_SECOND"));
        assert!(
            Refusal::read(payload).into_error(Asked::Join).advice().contains("CHAT_LIMIT_JOINS_PER_SECOND")
        );
        let overloaded = br#"{"type":"error","code":"overloaded","message":"busy","retry_after_ms":300}"#;
        assert_eq!(Refusal::read(overloaded).again_after_ms(), Some(300));
    }
}
