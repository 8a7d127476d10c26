//! The line to a server: does what the client's state machine says, over one blocking WebSocket.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use chat_domain::Timestamp;
use chat_protocol::SUBPROTOCOL;
use chat_protocol::client::{Action, Chance, Client, End, Event, Times};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::client::Request;
use tungstenite::http::HeaderValue;
use tungstenite::{Error, Message, WebSocket};

use crate::args::ServerAccess;
use crate::error::CliError;

/// The longest wait for the other side while a connection is made, in milliseconds.
const CONNECT_LIMIT_MS: u64 = 10_000;
/// The longest time between two looks at the clock, in milliseconds.
const STEP_MS: i64 = 500;
/// The longest that one frame may take to leave, in milliseconds.
const WRITE_LIMIT_MS: u64 = 10_000;
/// Bytes in a session token, at most.
const TOKEN_BYTES_MAX: usize = 1_024;

/// A client, its connection, and what came for the command.
pub(crate) struct Line {
    pub(crate) client: Client,
    authority: String,
    bearer: HeaderValue,
    socket: Option<WebSocket<TcpStream>>,
    dial_at: Option<Timestamp>,
    started: Instant,
    events: Vec<Event>,
    end: Option<End>,
    /// Why there was no connection the last time.
    trouble: Option<String>,
    was_connected: bool,
}

/// Why there is no connection.
enum NotConnected {
    /// The server answered with an HTTP status, and maybe said in how many milliseconds to come again.
    Refused { status: u16, retry_after_ms: Option<u64> },
    /// There was no answer of HTTP.
    Failed(String),
}

impl From<std::io::Error> for NotConnected {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Line {
    /// Reads the settings; nothing is dialled yet.
    pub(crate) fn new(access: &ServerAccess) -> Result<Self, CliError> {
        let token = token(access)?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| CliError::usage("the token has characters that no token has", TOKEN_ADVICE))?;
        bearer.set_sensitive(true);
        Ok(Self {
            client: Client::signed_in_by_upgrade(Times::default()),
            authority: authority(&access.server)?,
            bearer,
            socket: None,
            dial_at: None,
            started: Instant::now(),
            events: Vec::new(),
            end: None,
            trouble: None,
            was_connected: false,
        })
    }

    /// Time that never jumps, since this line was made.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    /// Why there was no connection the last time, if there has been none since.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Whether there ever was a connection.
    pub(crate) const fn was_connected(&self) -> bool {
        self.was_connected
    }

    /// Does what the client says.
    pub(crate) fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Open { after_ms } => {
                    let after_ms = i64::try_from(after_ms).unwrap_or(i64::MAX);
                    (self.socket, self.dial_at) = (None, Some(self.now().plus_ms(after_ms)));
                }
                Action::Send(frame) => {
                    // What could not be written shows at the next read.
                    let _ = self.socket.as_mut().map(|socket| socket.send(Message::text(frame)));
                }
                Action::Close => self.socket = None,
                Action::Tell(event) => self.events.push(event),
                Action::Stop(end) => self.end = Some(end),
            }
        }
    }

    /// Waits a moment for what comes, and takes it.
    pub(crate) fn step(&mut self) -> Result<Vec<Event>, CliError> {
        let now = self.now();
        let soon = now.plus_ms(STEP_MS);
        let next = self.client.wake_at().into_iter().chain(self.dial_at).chain([soon]).min().unwrap_or(soon);
        if self.dial_at.is_some_and(|at| at <= now) {
            self.dial_at = None;
            self.dial()?;
        } else {
            let wait = Duration::from_millis(u64::try_from(next.ms_since(now)).unwrap_or(0).max(1));
            self.read(wait)?;
        }
        let (now, chance) = (self.now(), chance()?);
        let actions = self.client.wake(now, chance);
        self.act(actions);
        match self.end.take() {
            Some(end) => Err(ended(&end)),
            None => Ok(std::mem::take(&mut self.events)),
        }
    }

    fn dial(&mut self) -> Result<(), CliError> {
        let dialled = self.connect();
        let (now, chance) = (self.now(), chance()?);
        let actions = match dialled {
            Ok(socket) => {
                self.socket = Some(socket);
                (self.trouble, self.was_connected) = (None, true);
                self.client.opened(now)
            }
            Err(NotConnected::Refused { status, retry_after_ms }) => {
                self.trouble = Some(format!("{} answers with HTTP {status}", self.authority));
                self.client.upgrade_refused(status, retry_after_ms, now, chance)
            }
            Err(NotConnected::Failed(why)) => {
                self.trouble = Some(format!("{}: {why}", self.authority));
                self.client.closed(None, now, chance)
            }
        };
        self.act(actions);
        Ok(())
    }

    fn connect(&self) -> Result<WebSocket<TcpStream>, NotConnected> {
        let limit = Duration::from_millis(CONNECT_LIMIT_MS);
        let mut connected = Err(NotConnected::Failed("the name stands for no address".to_owned()));
        for address in self.authority.to_socket_addrs()? {
            connected = TcpStream::connect_timeout(&address, limit).map_err(NotConnected::from);
            if connected.is_ok() {
                break;
            }
        }
        let stream = connected?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(Duration::from_millis(WRITE_LIMIT_MS)))?;
        let request = self.request().map_err(|error| NotConnected::Failed(error.to_string()))?;
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(socket),
            Err(HandshakeError::Failure(Error::Http(answer))) => {
                let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
                let seconds: Option<u64> = retry_after.and_then(|seconds| seconds.parse().ok());
                let retry_after_ms = seconds.map(|seconds| seconds.saturating_mul(1_000));
                Err(NotConnected::Refused { status: answer.status().as_u16(), retry_after_ms })
            }
            Err(HandshakeError::Failure(error)) => Err(NotConnected::Failed(error.to_string())),
            Err(HandshakeError::Interrupted(_)) => Err(NotConnected::Failed("no answer in time".to_owned())),
        }
    }

    fn request(&self) -> Result<Request, Error> {
        let mut request = format!("ws://{}/ws", self.authority).into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("authorization", self.bearer.clone());
        headers.insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        Ok(request)
    }

    /// Reads what is there, or waits for it.
    fn read(&mut self, wait: Duration) -> Result<(), CliError> {
        let Some(socket) = &mut self.socket else {
            pause(wait);
            return Ok(());
        };
        // A stream that takes no timeout is a broken one; the read says so.
        let _ = socket.get_ref().set_read_timeout(Some(wait));
        let read = socket.read();
        let (now, chance) = (self.now(), chance()?);
        let actions = match read {
            Ok(Message::Text(text)) => self.client.frame(&text, now, chance),
            Ok(Message::Close(frame)) => {
                self.client.closed(frame.map(|frame| u16::from(frame.code)), now, chance)
            }
            Ok(_) => Vec::new(),
            Err(Error::Io(error)) if is_timeout(&error) => Vec::new(),
            Err(_) => self.client.closed(None, now, chance),
        };
        self.act(actions);
        Ok(())
    }
}

const TOKEN_ADVICE: &str =
    "put the token of `POST /api/v1/login` into CHAT_TOKEN, or its file into --token-file";

/// 64 random bits.
pub(crate) fn chance() -> Result<Chance, CliError> {
    random().map(|bytes| Chance::new(u64::from_le_bytes(bytes)))
}

/// Random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], CliError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| CliError::failed(format!("there are no random numbers: {error}"), "try again"))?;
    Ok(bytes)
}

#[expect(clippy::disallowed_methods, reason = "it waits for a time: that of coming back")]
fn pause(wait: Duration) {
    std::thread::sleep(wait);
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

fn token(access: &ServerAccess) -> Result<String, CliError> {
    let text = match (&access.token_file, std::env::var("CHAT_TOKEN").ok()) {
        (Some(path), _) => std::fs::read_to_string(path).map_err(|error| {
            CliError::usage(format!("could not read {}: {error}", path.display()), "correct --token-file")
        })?,
        (None, Some(token)) => token,
        (None, None) => String::new(),
    };
    let token = text.lines().next().unwrap_or_default().trim();
    if token.is_empty() || token.len() > TOKEN_BYTES_MAX {
        return Err(CliError::usage("there is no token to sign in with", TOKEN_ADVICE));
    }
    Ok(token.to_owned())
}

/// Host and port of a server's URL.
pub(crate) fn authority(server: &str) -> Result<String, CliError> {
    const ADVICE: &str = "say for instance --server http://127.0.0.1:8081";
    let Some(rest) = server.strip_prefix("http://").or_else(|| server.strip_prefix("ws://")) else {
        return Err(CliError::usage(format!("{server} does not begin with http://"), ADVICE));
    };
    let authority = rest.trim_end_matches('/');
    if authority.is_empty() || authority.contains(['/', '@', '?', '#']) {
        return Err(CliError::usage(format!("{server} is more or less than http://HOST:PORT"), ADVICE));
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Ok(if has_port { authority.to_owned() } else { format!("{authority}:80") })
}

fn ended(end: &End) -> CliError {
    const SIGN_IN: &str = "sign in again for a new token";
    match end {
        End::Upgrade { status } => CliError::server(format!("the server answered HTTP {status}"), SIGN_IN),
        End::SignIn(refusal) => CliError::server(refusal.to_string(), SIGN_IN),
        End::OtherUser => CliError::server("the token belongs to somebody else now", SIGN_IN),
        End::Closed { code } => {
            let known = chat_protocol::CloseCode::ALL.iter().find(|known| known.code() == *code);
            let meaning = known.map_or("", |known| known.meaning());
            CliError::server(format!("the server closed with {code}.{meaning}"), SIGN_IN)
        }
        End::Asked => CliError::server("the connection was ended", "run the command again"),
    }
}
