//! What a client that comes back costs the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chat_domain::repository::Rooms;
use chat_domain::{
    Body, DEFAULT_ROOMS, JoinRoom, MessageKey, RegisterUser, SendMessage, add_default_rooms, join_room,
    register_user, send_message,
};
use chat_store::secret_key::SecretKey;
use chat_store::tokens::Tokens;
use serde_json::{Value, json};

use super::*;
use crate::defect::SECRET;

const TOKEN: &str = "a-token-of-ann-............................";

/// When everything is made: later than any test runs.
const NOW: Timestamp = Timestamp::from_unix_ms(8_000_000_000_000);

/// A store that is only read, and counts how often.
struct Counting {
    chat: Memory,
    reads: Arc<AtomicUsize>,
}

impl StoreAccess for Counting {
    fn submit(&self, command: Command, _: Ticket) -> Result<(), Failure> {
        panic!("{command:?} is to be written")
    }

    fn read(&self, work: ReadWork) -> Result<(), Failure> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.chat.read(work)
    }

    fn waiting(&self) -> Waiting {
        Waiting::default()
    }

    fn stop(&self) {}
}

/// A chat in which ann is signed in, is a member of every room, and has said something there.
fn talk() -> MemoryRepository {
    let mut chat = MemoryRepository::new("epoch");
    let UserSummary { username, display_name, .. } = ann().user.summary;
    let register = RegisterUser { username, display_name, password_hash: None };
    let user_id = register_user(&mut chat, NOW, &register).unwrap().id();
    let tokens = Tokens::new(SecretKey::new(SECRET).unwrap());
    let request = OpenSession {
        user_id,
        verified: None,
        token_hash: tokens.hash(TOKEN).unwrap(),
        device: None,
        seen_at: NOW,
        lifetime_ms: 1,
        idle_ms: 1,
    };
    open_session(&mut chat, NOW, &request).unwrap();
    for room in add_default_rooms(&mut chat, NOW).unwrap() {
        join_room(&mut chat, NOW, JoinRoom { user_id, room_id: room.id }).unwrap();
        let (body, key) = (Body::new("hi").unwrap(), MessageKey::new(room.name.as_str()).unwrap());
        send_message(&mut chat, NOW, SendMessage { user_id, room_id: room.id, body, key }).unwrap();
    }
    chat
}

/// Asks, and takes what comes as the answer.
async fn ask(client: &mut WebSocketStream<TcpStream>, request: Value) -> Value {
    client.send(Message::text(request.to_string())).await.unwrap();
    let answer = tokio::time::timeout(DEADLINE, client.next()).await.unwrap().unwrap().unwrap();
    serde_json::from_str(answer.to_text().unwrap()).unwrap()
}

#[test]
fn a_client_that_comes_back_costs_one_read_for_itself_and_one_for_each_room_and_no_write() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut chat = talk();
        let rooms = chat.list_rooms(10).unwrap();
        assert_eq!(rooms.len(), DEFAULT_ROOMS.len());
        let reads = Arc::<AtomicUsize>::default();
        let store = Counting { chat: Memory(Mutex::new(chat)), reads: Arc::clone(&reads) };
        let shard = Shard::new(0, node_on(Box::new(store)));
        shard.node.directory.replace(rooms.clone());
        tokio::task::spawn_local(dispatcher::run(Rc::clone(&shard)));
        // The first time nothing is known of the rooms, the second time everything.
        for time in ["first", "second"] {
            reads.store(0, Ordering::Relaxed);
            let mut client = open(&shard, Admission::FirstFrame).await;
            let connected = ask(&mut client, json!({"type": "connect", "token": TOKEN})).await;
            assert_eq!(connected["status"], "connected", "{connected}");
            for room in &rooms {
                let (name, after) = (room.name.as_str(), room.last_seq.get());
                let join = json!({"type": "join_room", "room": name, "after": after, "epoch": "epoch"});
                let joined = ask(&mut client, join).await;
                assert_eq!((&joined["reset"], &joined["messages"]), (&json!(false), &json!([])), "{joined}");
            }
            assert_eq!(reads.load(Ordering::Relaxed), 1 + rooms.len(), "the {time} time");
        }
    });
}
