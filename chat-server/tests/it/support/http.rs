//! The plainest HTTP client: one request, one answer, to the letter.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::DEADLINE;

/// An answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The stable name of the error.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap().to_owned()
    }

    /// A header's value; names are in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub(crate) async fn post(
    address: SocketAddr,
    path: &str,
    body: &Value,
    headers: &[(&str, &str)],
) -> Response {
    let body = body.to_string();
    let length = body.len().to_string();
    let mut all = vec![("Content-Type", "application/json"), ("Content-Length", length.as_str())];
    all.extend_from_slice(headers);
    exchange(address, &request("POST", path, address, &all, &body)).await
}

pub(crate) async fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Response {
    exchange(address, &request("GET", path, address, headers, "")).await
}

pub(crate) fn request(
    method: &str,
    path: &str,
    address: SocketAddr,
    headers: &[(&str, &str)],
    body: &str,
) -> String {
    let has_host = headers.iter().any(|(name, _)| *name == "Host");
    let host = if has_host { String::new() } else { format!("Host: {address}\r\n") };
    let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let closes =
        if headers.iter().any(|(name, _)| *name == "Connection") { "" } else { "Connection: close\r\n" };
    format!("{method} {path} HTTP/1.1\r\n{host}{fields}{closes}\r\n{body}")
}

/// Sends bytes and reads the answer to the end of the connection.
pub(crate) async fn exchange(address: SocketAddr, request: &str) -> Response {
    let work = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let text = tokio::time::timeout(DEADLINE, work).await.expect("an HTTP answer");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP answer: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Response { status, head: head.to_owned(), body: body.to_owned() }
}
