//! A SQLite file that was damaged while no server ran: what lies there is named by whoever reads it, everybody else goes
//! on, and nothing ends the process.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::bad_rows::{assert_internal, history};
use crate::outage::server::ChatServer;
use crate::process::sign_up;
use crate::support::{Client, random, run};

/// Bytes of a page of the file.
const PAGE_BYTES: usize = 4096;
/// Messages in each room of the file that is damaged: more than fit on a few pages.
const MESSAGES: usize = 100;
const BODY_BYTES: usize = 1_000;

#[test]
fn an_overwritten_page_is_named_by_whoever_reads_it_and_everybody_else_goes_on() {
    let stopped = Stopped::new();
    // Of what was said in `general` before anything in `nutrition`, and not of the page that a join shows.
    let page = stopped.page_with("general 20 ");
    stopped.overwrite(page * PAGE_BYTES, &[0x5a; PAGE_BYTES]);
    let server = ChatServer::start(&stopped.url());
    run(async {
        let (mut ann, mut cleo) = (stopped.ann(&server).await, server.sign_up("cleo").await);
        assert_internal(&history(&mut ann).await, "the page");
        let log = server.log();
        assert!(log.contains("ERROR") && log.contains("database disk image is malformed"), "{log}");
        assert!(!log.contains("panicked"), "{log}");
        let newest = ann.join("general").await["last_seq"].as_i64().unwrap();
        let old = json!({"type": "get_history", "room": "general", "before": 10, "limit": 5});
        assert_eq!(numbers(&ann.ask(old).await), [5, 6, 7, 8, 9], "what lies on other pages is there");
        assert_eq!(ann.say("general", "goes on", "new").await["seq"], newest + 1);
        let joined = cleo.join("nutrition").await;
        assert_eq!(joined["messages"].as_array().unwrap().len(), 50, "another room is whole");
        cleo.say("nutrition", "goes on", "new").await;
    });
}

#[test]
fn a_file_that_is_no_database_is_named_and_no_server_starts_on_it() {
    let stopped = Stopped::new();
    stopped.overwrite(0, &[0x5a; PAGE_BYTES]);
    let before = std::fs::read(stopped.path()).unwrap();
    let Err((code, log)) = ChatServer::try_start(&stopped.url()) else { panic!("it started") };
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("file is not a database"), "{log}");
    assert_eq!(std::fs::read(stopped.path()).unwrap(), before, "the file is left as it is");
}

/// How often a part of the file is overwritten; `CHAT_TEST_DAMAGES` says otherwise.
const DAMAGES: usize = 10;
/// Bytes that are overwritten, at most: a part of a page, or several.
const DAMAGED_BYTES_MAX: [usize; 2] = [256, 10_000];

#[test]
fn whatever_is_overwritten_the_server_answers_or_says_that_it_failed_and_never_panics() {
    let damages = std::env::var("CHAT_TEST_DAMAGES").map_or(DAMAGES, |count| count.parse().unwrap());
    let (mut random, mut tally) = (random::seeded("damage"), Tally::default());
    let stopped = Stopped::new();
    let whole = std::fs::read(stopped.path()).unwrap();
    for round in 0..damages {
        std::fs::write(stopped.path(), &whole).unwrap();
        let length = random.usize(1..=DAMAGED_BYTES_MAX[round % 2]);
        let bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
        let at = random.usize(..whole.len() - length);
        stopped.overwrite(at, &bytes);
        match ChatServer::try_start(&stopped.url()) {
            Ok(server) => {
                run(look_around(&server, &stopped.token, &mut tally));
                let (_, log) = server.process.terminate();
                assert!(!log.contains("panicked"), "{length} bytes at {at}: {log}");
            }
            Err((code, log)) => {
                assert_eq!(code, Some(1), "{length} bytes at {at}: {log}");
                assert!(log.contains("chat-server: ") && !log.contains("panicked"), "{log}");
                tally.not_started += 1;
            }
        }
    }
    println!("{damages} damages: {tally:?}");
}

/// What became of the damages.
#[derive(Debug, Default)]
struct Tally {
    not_started: usize,
    not_let_in: usize,
    answers: usize,
    failures: usize,
}

/// Asks for everything. Each question has an answer, or is told that the server failed, and the connection lives.
async fn look_around(server: &ChatServer, token: &str, tally: &mut Tally) {
    let bearer = format!("Bearer {token}");
    let Ok(mut ann) = Client::open(server.process.address, &[("authorization", &bearer)]).await else {
        tally.not_let_in += 1;
        return;
    };
    let mut requests = vec![json!({"type": "get_rooms"})];
    for room in ["general", "nutrition"] {
        let key = format!("new in {room}");
        requests.push(json!({"type": "join_room", "room": room}));
        requests.push(json!({"type": "send_message", "room": room, "body": "new", "key": key}));
        requests.extend(
            (10..MESSAGES)
                .step_by(10)
                .map(|before| json!({"type": "get_history", "room": room, "before": before, "limit": 10})),
        );
    }
    for request in requests {
        let answer = ann.ask(request.clone()).await;
        if answer["type"] == "error" {
            tally.failures += 1;
        } else {
            tally.answers += 1;
        }
    }
    ann.ask(json!({"type": "ping"})).await;
}

fn numbers(page: &Value) -> Vec<i64> {
    page["messages"].as_array().unwrap().iter().map(|message| message["seq"].as_i64().unwrap()).collect()
}

/// A SQLite file with much in it, on which no server runs.
struct Stopped {
    folder: TempDir,
    token: String,
}

impl Stopped {
    fn new() -> Self {
        let mut stopped = Self { folder: tempfile::tempdir().unwrap(), token: String::new() };
        let server = ChatServer::start(&stopped.url());
        run(async {
            stopped.token = sign_up(server.process.address, "ann").await;
            let mut ann = stopped.ann(&server).await;
            for room in ["general", "nutrition"] {
                ann.join(room).await;
                for n in 0..MESSAGES {
                    let key = format!("{room} {n} ");
                    ann.say(room, &key.repeat(BODY_BYTES / key.len()), &key).await;
                }
            }
        });
        let (code, log) = server.process.terminate();
        assert_eq!(code, Some(0), "{log}");
        stopped
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("chat.db")
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    async fn ann(&self, server: &ChatServer) -> Client {
        Client::with_bearer(server.process.address, &self.token).await
    }

    /// The page whose text begins like that.
    fn page_with(&self, text: &str) -> usize {
        let file = std::fs::read(self.path()).unwrap();
        let twice = text.repeat(2).into_bytes();
        file.chunks(PAGE_BYTES)
            .position(|page| page.windows(twice.len()).any(|bytes| bytes == twice))
            .unwrap()
    }

    fn overwrite(&self, at: usize, bytes: &[u8]) {
        let file = File::options().write(true).open(self.path()).unwrap();
        file.write_all_at(bytes, u64::try_from(at).unwrap()).unwrap();
    }
}
