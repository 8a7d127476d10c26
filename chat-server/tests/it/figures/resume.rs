//! Catching up: 500 missed changes in one answer, 10,000 by a reset and paging back; both equal to a fresh fetch, to the
//! byte.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::outage::server::ChatServer;
use crate::support::{Client, DEADLINE, LENIENCE, crowd, on_each_backend, run};

/// Changes that are caught up with in one answer, and how long that may take.
const MISSED: usize = 500;
const CAUGHT_UP: Duration = Duration::from_millis(200);
/// Changes that are paged back to, and how long it may take until all are held.
const MISSED_LONG: usize = 10_000;
const ALL_HELD: Duration = Duration::from_secs(1);
/// How often each is measured. The best counts: what a busy machine adds is not the server's.
const TRIES: usize = 5;

#[test]
fn five_hundred_missed_changes_come_in_one_answer_and_ten_thousand_by_paging_back_equal_to_a_fresh_fetch() {
    on_each_backend(|database| {
        let store = crowd::open(&database.url);
        let ann = crowd::people(&store, ["ann".to_owned()]).remove(0);
        let room = crowd::rooms(&store, ["general".to_owned()]).remove(0);
        crowd::join(&store, std::slice::from_ref(&ann), &room);
        crowd::say(&store, &ann, &room, (0..MISSED_LONG + MISSED).map(text));
        drop(store);
        let server = ChatServer::start(&database.url);
        run(async {
            let mut reader = Reader(Client::with_bearer(server.process.address, &ann.token).await);
            let mut times = (Vec::new(), Vec::new());
            for _ in 0..TRIES {
                times.0.push(reader.catch_up().await);
                times.1.push(reader.page_back().await);
            }
            let best = |times: &[Duration]| *times.iter().min().unwrap();
            let (caught_up, all_held) = (best(&times.0), best(&times.1));
            let figures = format!(
                "{MISSED} missed changes: {caught_up:?} ({:?}); {MISSED_LONG} of them: all held after {all_held:?} ({:?})",
                times.0, times.1
            );
            println!("{figures}");
            assert!(caught_up < CAUGHT_UP * LENIENCE && all_held < ALL_HELD * LENIENCE, "{figures}");
        });
    });
}

fn text(n: usize) -> String {
    format!("message {n} of a long talk")
}

/// A client that keeps the messages of an answer as they came.
struct Reader(Client);

impl Reader {
    /// Catches up with the last changes, and compares them with the pages that hold the same.
    async fn catch_up(&mut self) -> Duration {
        let (top, epoch) = self.top().await;
        let after = top - i64::try_from(MISSED).unwrap();
        let since = Instant::now();
        let join = json!({"type": "join_room", "room": "general", "after": after, "epoch": epoch});
        let (joined, resumed) = self.ask(join).await;
        let took = since.elapsed();
        assert_eq!((&joined["reset"], &joined["last_seq"]), (&json!(false), &json!(top)));
        assert_eq!(joined["messages"].as_array().unwrap().len(), MISSED);
        assert!(
            self.pages_back_to(after, top + 1).await == resumed,
            "what was caught up with is what is fetched"
        );
        took
    }

    /// Comes back after too much, is told so, and pages back to the beginning.
    async fn page_back(&mut self) -> Duration {
        let (top, epoch) = self.top().await;
        let after = top - i64::try_from(MISSED_LONG).unwrap();
        let since = Instant::now();
        let join = json!({"type": "join_room", "room": "general", "after": after, "epoch": epoch});
        let (joined, last) = self.ask(join).await;
        assert_eq!((&joined["reset"], &joined["has_more"]), (&json!(true), &json!(true)));
        let begins = joined["messages"][0]["seq"].as_i64().unwrap();
        let held = format!("{},{last}", self.pages_back_to(after, begins).await);
        let took = since.elapsed();
        assert!(self.pages_back_to(after, top + 1).await == held, "what is held is what is fetched afresh");
        took
    }

    /// The messages above a number and below another, in the bytes in which they come.
    async fn pages_back_to(&mut self, after: i64, mut before: i64) -> String {
        let mut pages = Vec::new();
        while before > after + 1 {
            let limit = (before - after - 1).min(100);
            let ask = json!({"type": "get_history", "room": "general", "before": before, "limit": limit});
            let (page, messages) = self.ask(ask).await;
            before = page["messages"][0]["seq"].as_i64().unwrap();
            pages.push(messages);
        }
        pages.reverse();
        pages.join(",")
    }

    /// The last number of the room, and the epoch.
    async fn top(&mut self) -> (i64, Value) {
        let (joined, _) = self.ask(json!({"type": "join_room", "room": "general"})).await;
        (joined["last_seq"].as_i64().unwrap(), joined["epoch"].clone())
    }

    /// Asks; gives back the answer, and its messages as they came.
    async fn ask(&mut self, request: Value) -> (Value, String) {
        let id = self.0.send(request).await;
        let answer = async {
            loop {
                let Some(Ok(Message::Text(text))) = self.0.socket.next().await else { continue };
                if text.contains(&format!(r#""re":"{id}""#)) {
                    return text.to_string();
                }
            }
        };
        let text = tokio::time::timeout(DEADLINE, answer).await.expect("an answer");
        let (_, rest) = text.split_once(r#""messages":["#).unwrap_or_else(|| panic!("{text}"));
        let (messages, _) = rest.split_once(r#"],"has_more""#).unwrap_or_else(|| panic!("{text}"));
        (serde_json::from_str(&text).unwrap(), messages.to_owned())
    }
}
