//! The echo route for conformance suites: everything comes back, through the code that carries the chat.

mod manners;
mod raw;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::support::{DEADLINE, Database, TestServer, run};

const MIB: usize = 1024 * 1024;

async fn connect(server: &TestServer) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
    let url = format!("ws://{}/echo", server.address);
    tokio_tungstenite::client_async_with_config(url, stream, Some(config)).await.unwrap().0
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> Message {
    tokio::time::timeout(DEADLINE, socket.next()).await.expect("a message comes back").unwrap().unwrap()
}

#[test]
fn every_message_comes_back_as_it_went() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        let mut socket = connect(&server).await;
        let long = "ä".repeat(8 * MIB);
        let sizes = [0, 1, 125, 126, 65_535, 65_536, 16 * MIB];
        for message in sizes.map(|bytes| Message::binary(vec![0xFE; bytes])) {
            socket.send(message.clone()).await.unwrap();
            assert!(next(&mut socket).await == message, "{} bytes", message.len());
        }
        for message in ["", "κόσμε", &long].map(Message::text) {
            socket.send(message.clone()).await.unwrap();
            assert!(next(&mut socket).await == message, "{} bytes of text", message.len());
        }
    });
}

#[test]
fn fragments_come_back_as_one_and_a_ping_between_them_is_answered_first() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        let mut socket = connect(&server).await;
        let fragment = |text: &str, kind, is_last| {
            Message::Frame(Frame::message(Bytes::from(text.to_owned()), OpCode::Data(kind), is_last))
        };
        socket.feed(fragment("one ", Data::Text, false)).await.unwrap();
        socket.feed(Message::Ping("between".into())).await.unwrap();
        socket.feed(fragment("two ", Data::Continue, false)).await.unwrap();
        socket.feed(fragment("three", Data::Continue, true)).await.unwrap();
        socket.flush().await.unwrap();
        assert_eq!(next(&mut socket).await, Message::Pong("between".into()));
        assert_eq!(next(&mut socket).await, Message::text("one two three"));
    });
}

#[test]
fn its_limits_are_settings_and_end_with_1009() {
    run(async {
        let server =
            TestServer::start_with(Database::sqlite(), |config| config.limits.echo_message_bytes = 100);
        let mut socket = connect(&server).await;
        socket.send(Message::text("x".repeat(100))).await.unwrap();
        assert_eq!(next(&mut socket).await.len(), 100);
        socket.send(Message::text("x".repeat(101))).await.unwrap();
        match next(&mut socket).await {
            Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1009),
            other => panic!("{other:?} instead of a close"),
        }
    });
}
