//! A WebSocket client that sends JSON and waits for events.

use std::collections::VecDeque;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{DEADLINE, TestServer};

/// A connected client.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
    next_id: u32,
    unread: VecDeque<Value>,
}

impl Client {
    /// Registers somebody, and connects.
    pub(crate) async fn sign_up(server: &TestServer, name: &str) -> Self {
        let token = server.sign_up(name).await;
        Self::with_token(server, &token).await
    }

    /// Connects with a bearer token, and waits for the welcome.
    pub(crate) async fn with_token(server: &TestServer, token: &str) -> Self {
        Self::with_bearer(server.address, token).await
    }

    /// Connects to an address with a bearer token, and waits for the welcome.
    pub(crate) async fn with_bearer(address: SocketAddr, token: &str) -> Self {
        let bearer = format!("Bearer {token}");
        let mut client = Self::open(address, &[("authorization", &bearer)]).await.unwrap();
        client.expect("status").await;
        client
    }

    /// Opens a WebSocket with some headers.
    pub(crate) async fn connect(server: &TestServer, headers: &[(&str, &str)]) -> Result<Self, Error> {
        Self::open(server.address, headers).await
    }

    /// Opens a WebSocket at an address with some headers.
    pub(crate) async fn open(address: SocketAddr, headers: &[(&str, &str)]) -> Result<Self, Error> {
        Self::over(TcpStream::connect(address).await?, headers).await
    }

    /// Opens a WebSocket with some headers over a connection that is there.
    pub(crate) async fn over(stream: TcpStream, headers: &[(&str, &str)]) -> Result<Self, Error> {
        let address = stream.peer_addr()?;
        let mut request = format!("ws://{address}/ws").into_client_request()?;
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).unwrap();
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
        Ok(Self { socket, next_id: 1, unread: VecDeque::new() })
    }

    /// Sends a frame as it is.
    pub(crate) async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Sends a request; gives back its id.
    pub(crate) async fn send(&mut self, event: Value) -> String {
        self.try_send(event).await.unwrap()
    }

    /// Sends a request on a connection that may have ended; gives back its id.
    pub(crate) async fn try_send(&mut self, mut event: Value) -> Result<String, Error> {
        let id = self.next_id.to_string();
        self.next_id += 1;
        event["id"] = json!(id);
        self.socket.send(Message::text(event.to_string())).await?;
        Ok(id)
    }

    /// Sends a request and waits for the answer to it; other events wait to be read.
    pub(crate) async fn ask(&mut self, event: Value) -> Value {
        let id = self.send(event).await;
        self.answer_to(&id).await
    }

    /// Waits for the answer to a request.
    pub(crate) async fn answer_to(&mut self, id: &str) -> Value {
        self.find(&format!("an answer to {id}"), |event| event["re"] == json!(id)).await
    }

    /// Asks, and wants an error with that code.
    pub(crate) async fn refused(&mut self, event: Value) -> String {
        let answer = self.ask(event).await;
        assert_eq!(answer["type"], "error", "{answer}");
        answer["code"].as_str().unwrap().to_owned()
    }

    /// Joins a room; gives back the answer.
    pub(crate) async fn join(&mut self, room: &str) -> Value {
        let joined = self.ask(json!({"type": "join_room", "room": room})).await;
        assert_eq!(joined["type"], "room_joined", "{joined}");
        joined
    }

    /// Sends a message and waits for its ack.
    pub(crate) async fn say(&mut self, room: &str, body: &str, key: &str) -> Value {
        let ack = self.ask(json!({"type": "send_message", "room": room, "body": body, "key": key})).await;
        assert_eq!(ack["type"], "ack", "{ack}");
        ack
    }

    /// Waits for an event of a type.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        self.find(kind, |event| event["type"] == kind && event.get("re").is_none()).await
    }

    /// Waits for a message with that body.
    pub(crate) async fn hear(&mut self, body: &str) -> Value {
        let is_it = |event: &Value| event["type"] == "new_message" && event["message"]["body"] == body;
        self.find(&format!("the message {body:?}"), is_it).await
    }

    /// Waits for an event; others wait to be read.
    pub(crate) async fn find(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.unread.iter().position(&is_it) {
            return self.unread.remove(at).unwrap();
        }
        let work = async {
            loop {
                let event = match self.next().await {
                    Ok(event) => event,
                    Err(code) => panic!("closed with {code:?} while waiting for {what}"),
                };
                if is_it(&event) {
                    return event;
                }
                self.unread.push_back(event);
            }
        };
        match tokio::time::timeout(DEADLINE, work).await {
            Ok(event) => event,
            Err(_) => {
                let came: Vec<String> =
                    self.unread.iter().map(|event| shortened(&event.to_string())).collect();
                panic!("{} did not come, but {came:#?}", shortened(what))
            }
        }
    }

    /// Everything that comes before the answer to a ping: what did not come by then was not sent.
    pub(crate) async fn everything(&mut self) -> Vec<Value> {
        self.ask(json!({"type": "ping"})).await;
        self.unread.drain(..).collect()
    }

    /// The close code with which the server ends the connection.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        let mut code = None;
        let read = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(frame))) => code = frame.map(|frame| u16::from(frame.code)),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                }
            }
        };
        tokio::time::timeout(DEADLINE, read).await.expect("the connection ends");
        code
    }

    /// The next event, or the code of the close.
    pub(crate) async fn next(&mut self) -> Result<Value, Option<u16>> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| u16::from(frame.code))),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }
}

/// The beginning of a text, for people to read.
fn shortened(text: &str) -> String {
    text.chars().take(300).collect()
}
