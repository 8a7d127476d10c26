//! What becomes of a connection whose request meets a defect of the server.

use std::rc::Rc;

use chat_domain::{
    DisplayName, Session, SessionId, SignedIn, Timestamp, User, UserId, UserSummary, Username,
};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{Admission, serve};
use crate::defect::node;
use crate::shard::{Shard, dispatcher};

fn ann() -> SignedIn {
    let username = Username::new("ann").unwrap();
    let summary = UserSummary { id: UserId::new(1), display_name: DisplayName::from(&username), username };
    let (created_at, expires_at) = (Timestamp::default(), Timestamp::from_unix_ms(i64::MAX));
    let session = Session {
        id: SessionId::new(1),
        user_id: UserId::new(1),
        created_at,
        last_seen_at: created_at,
        expires_at,
    };
    SignedIn { user: User { summary, is_disabled: false, created_at }, session }
}

/// A connection of ann's, after its handshake and its welcome.
async fn connect(shard: &Rc<Shard<tokio::net::tcp::OwnedWriteHalf>>) -> WebSocketStream<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let halves = server.into_split();
    let admission = Admission::SignedIn(ann(), shard.node.connections.closings());
    tokio::task::spawn_local(serve(Rc::clone(shard), halves, Vec::new(), admission));
    let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    assert!(client.next().await.unwrap().unwrap().into_text().unwrap().contains("connected"));
    client
}

#[test]
fn a_panic_in_a_handler_ends_one_connection_with_1011_and_no_other() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let shard = Shard::new(0, node());
        tokio::task::spawn_local(dispatcher::run(Rc::clone(&shard)));
        let mut other = connect(&shard).await;
        for request in [
            r#"{"type":"send_message","room":"general","body":"hi","key":"k"}"#,
            r#"{"type":"join_room","room":"general"}"#,
        ] {
            let mut unlucky = connect(&shard).await;
            unlucky.send(Message::text(request)).await.unwrap();
            match unlucky.next().await {
                Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), 1011),
                other => panic!("{other:?} instead of a close"),
            }
        }
        other.send(Message::text(r#"{"type":"ping"}"#)).await.unwrap();
        assert!(other.next().await.unwrap().unwrap().into_text().unwrap().contains("pong"));
    });
}
