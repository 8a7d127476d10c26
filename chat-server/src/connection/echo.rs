//! The echo route, for conformance suites: every message comes back, through the same code that carries the chat.

use tokio::io::AsyncRead;

use chat_protocol::CloseCode;

use crate::connection::reader::{Incoming, Reader};
use crate::connection::socket::SocketWriter;
use crate::frame;

/// Sends every message back until the connection ends; gives back the code to close it with.
pub(super) async fn echo_all<R: AsyncRead + Unpin, W: SocketWriter>(
    reader: &mut Reader<R, W>,
) -> Option<CloseCode> {
    loop {
        let frame = match reader.next().await {
            Incoming::Text(text) => frame::of_text(text.as_bytes()),
            Incoming::Binary(bytes) => frame::of_binary(&bytes),
            Incoming::Ended(code) => return code,
        };
        if reader.shard.push(reader.key, frame).is_err() {
            return None;
        }
    }
}
