//! What becomes of a connection whose request meets a defect of the server, of one whose right ends while it begins, and
//! of one that sends faster than it is answered.

mod resume;

use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chat_domain::repository::Users;
use chat_domain::{
    Command, DisplayName, MemoryRepository, NewUser, OpenSession, Session, SessionId, SignedIn, Timestamp,
    TokenHash, User, UserId, UserSummary, Username, open_session,
};
use chat_protocol::events::Ack;
use futures_util::{SinkExt, StreamExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{Admission, serve};
use crate::defect::{node, node_on};
use crate::failure::Failure;
use crate::node::metrics::Waiting;
use crate::shard::inbox::ShardEvent;
use crate::shard::state::IN_FLIGHT_MAX;
use crate::shard::{Shard, dispatcher};
use crate::store_access::{ReadWork, StoreAccess, Ticket};

/// How long a test waits for something that must come.
const DEADLINE: Duration = Duration::from_secs(15);
/// How long it waits for something that must not come.
const SETTLED: Duration = Duration::from_millis(50);

fn ann() -> SignedIn {
    let username = Username::new("ann").unwrap();
    let summary = UserSummary { id: UserId::new(1), display_name: DisplayName::from(&username), username };
    let (created_at, expires_at) = (Timestamp::default(), Timestamp::from_unix_ms(i64::MAX));
    let session = Session {
        id: SessionId::new(2),
        user_id: UserId::new(1),
        created_at,
        last_seen_at: created_at,
        expires_at,
    };
    SignedIn { user: User { summary, is_disabled: false, created_at }, session }
}

/// A connection of ann's, after its handshake and its welcome.
async fn connect(shard: &Rc<Shard<OwnedWriteHalf>>) -> WebSocketStream<TcpStream> {
    connect_admitted(shard, Admission::SignedIn(Box::new(ann()), shard.node.connections.closings())).await
}

async fn connect_admitted(
    shard: &Rc<Shard<OwnedWriteHalf>>,
    admission: Admission,
) -> WebSocketStream<TcpStream> {
    let mut client = open(shard, admission).await;
    assert!(client.next().await.unwrap().unwrap().into_text().unwrap().contains("connected"));
    client
}

/// A connection after its handshake.
async fn open(shard: &Rc<Shard<OwnedWriteHalf>>, admission: Admission) -> WebSocketStream<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let halves = server.into_split();
    tokio::task::spawn_local(serve(Rc::clone(shard), halves, Vec::new(), admission));
    WebSocketStream::from_raw_socket(client, Role::Client, None).await
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

/// A store that can be read.
struct Memory(Mutex<MemoryRepository>);

impl StoreAccess for Memory {
    fn submit(&self, _: Command, _: Ticket) -> Result<(), Failure> {
        Err(Failure::overloaded())
    }

    fn read(&self, work: ReadWork) -> Result<(), Failure> {
        work().unwrap()(Ok(&mut *self.0.lock().unwrap()));
        Ok(())
    }

    fn waiting(&self) -> Waiting {
        Waiting::default()
    }

    fn stop(&self) {}
}

/// A chat in which ann is registered, with her session if it has not ended.
fn chat(has_session: bool, is_disabled: bool) -> Box<Memory> {
    let mut chat = MemoryRepository::new("epoch");
    let UserSummary { id, username, display_name } = ann().user.summary;
    let created_at = Timestamp::default();
    chat.add_user(&NewUser { username, display_name, password_hash: None, created_at }).unwrap();
    if has_session {
        let request = OpenSession {
            user_id: id,
            verified: None,
            token_hash: TokenHash::new([0; 32]),
            device: None,
            seen_at: created_at,
            lifetime_ms: 1,
            idle_ms: 1,
        };
        let session = open_session(&mut chat, created_at, &request).unwrap();
        assert_eq!(session.id, ann().session.id);
    }
    chat.set_user_disabled(id, is_disabled).unwrap();
    Box::new(Memory(Mutex::new(chat)))
}

#[test]
fn a_connection_is_closed_whose_right_ended_between_the_look_that_let_it_in_and_its_begin() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        for (has_session, is_disabled, close) in
            [(false, false, Some(4500)), (true, true, Some(4502)), (true, false, None)]
        {
            let shard = Shard::new(0, node_on(chat(has_session, is_disabled)));
            tokio::task::spawn_local(dispatcher::run(Rc::clone(&shard)));
            let admission = Admission::SignedIn(Box::new(ann()), shard.node.connections.closings());
            // The control log is obeyed now, and finds no connection yet.
            assert_eq!(shard.node.connections.to_close(ann().user.id()), []);
            let mut client = connect_admitted(&shard, admission).await;
            client.send(Message::text(r#"{"type":"ping"}"#)).await.unwrap();
            let code = loop {
                match tokio::time::timeout(DEADLINE, client.next()).await.unwrap() {
                    Some(Ok(Message::Close(frame))) => break frame.map(|frame| u16::from(frame.code)),
                    Some(Ok(Message::Text(pong))) if close.is_none() => {
                        assert!(pong.contains("pong"));
                        break None;
                    }
                    Some(Ok(_)) => {}
                    other => panic!("{other:?} instead of a close or an answer"),
                }
            };
            assert_eq!(code, close);
        }
    });
}

/// A store that holds every command back.
#[derive(Default)]
struct Held(Arc<Mutex<Vec<Ticket>>>);

impl StoreAccess for Held {
    fn submit(&self, _: Command, ticket: Ticket) -> Result<(), Failure> {
        self.0.lock().unwrap().push(ticket);
        Ok(())
    }

    fn read(&self, _: ReadWork) -> Result<(), Failure> {
        Err(Failure::overloaded())
    }

    fn waiting(&self) -> Waiting {
        Waiting::default()
    }

    fn stop(&self) {}
}

fn acknowledge(ticket: Ticket) -> (u64, Result<Ack, Failure>) {
    match ticket {
        Ticket::Request { request, .. } => (request, Ok(Ack::default())),
        other => panic!("{other:?} instead of a request"),
    }
}

#[test]
fn nothing_more_is_taken_of_who_has_too_many_sends_under_way() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let held = Held::default();
        let tickets = Arc::clone(&held.0);
        let shard = Shard::new(0, node_on(Box::new(held)));
        tokio::task::spawn_local(dispatcher::run(Rc::clone(&shard)));
        let mut client = connect(&shard).await;
        let max = usize::try_from(IN_FLIGHT_MAX).unwrap();
        for n in 0..2 * max {
            let send =
                format!(r#"{{"type":"send_message","id":"{n}","room":"general","body":"hi","key":"{n}"}}"#);
            client.send(Message::text(send)).await.unwrap();
        }
        let submitted = || tickets.lock().unwrap().len();
        let all_taken = async || {
            while submitted() < max {
                tokio::time::sleep(SETTLED).await;
            }
            tokio::time::sleep(SETTLED).await;
            assert_eq!(submitted(), max);
        };
        tokio::time::timeout(DEADLINE, all_taken()).await.unwrap();

        // As many more are taken as are answered.
        let answers: Vec<_> = tickets.lock().unwrap().drain(..max / 2).map(acknowledge).collect();
        let (rounds, credit) = (Vec::new(), Vec::new());
        shard.node.inboxes[0].post(ShardEvent::Committed { rounds, answers, credit });
        tokio::time::timeout(DEADLINE, all_taken()).await.unwrap();
    });
}
