//! `chat-cli send` and `tail`, against the real server.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use chat_domain::repository::RoomCounters;
use serde_json::{Value, json};

use crate::chat::{Chat, run};
use crate::server::{Server, server_binary};

/// How long a test waits for something that must come.
const DEADLINE: Duration = Duration::from_secs(60);
/// Lines that wait to be looked at, at most.
const LINES_MAX: usize = 1_000;

/// A running `tail`, whose lines are read as they come.
struct Tail {
    child: Child,
    lines: Receiver<Value>,
    /// What stands on standard error.
    notices: Receiver<Value>,
}

/// The lines of a stream, as they come.
fn lines_of(stream: impl Read + Send + 'static) -> Receiver<Value> {
    let (sender, lines) = sync_channel(LINES_MAX);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let _ = sender.send(serde_json::from_str(&line).unwrap());
        }
    });
    lines
}

impl Tail {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        let notices = lines_of(child.stderr.take().unwrap());
        Self { child, lines, notices }
    }

    /// Waits for a message of that text; gives back all texts up to it.
    fn until(&mut self, body: &str) -> Vec<String> {
        let mut bodies = Vec::new();
        while bodies.last().is_none_or(|last| last != body) {
            let line =
                self.lines.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("{body:?} after {bodies:?}"));
            if line["message"]["kind"] == "text" {
                bodies.push(line["message"]["body"].as_str().unwrap().to_owned());
            }
        }
        bodies
    }
}

impl Tail {
    /// Waits for a notice with that text.
    fn until_notice(&mut self, text: &str) {
        let mut notices = Vec::new();
        while !notices.last().is_some_and(|last: &String| last.contains(text)) {
            let line =
                self.notices.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("{text:?} after {notices:?}"));
            notices.push(line["notice"].as_str().unwrap_or_default().to_owned());
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command with a server and a token; the token is on no command line.
fn talk(chat: &Chat, address: SocketAddr, token: &str, args: &[&str]) -> Command {
    let mut command = chat.command(args);
    command.env("CHAT_TOKEN", token).env("CHAT_SERVER", format!("http://{address}"));
    command
}

#[test]
fn what_is_sent_while_the_server_is_killed_arrives_once_and_in_order() {
    let Some(binary) = server_binary() else { return };
    let (chat, server, ann) = chat_of_ann(&binary);
    chat.add_user("bob");
    let (address, bob) = (server.address, server.token("bob"));
    let mut tail = Tail::start(talk(&chat, address, &bob, &["--json", "tail", "general"]));
    let first = run(talk(&chat, address, &ann, &["--json", "send", "general", "one", "--key", "k1"]));
    let stored = first.expect_code(0).json();
    assert_eq!((&stored["room"], &stored["key"]), (&json!("general"), &json!("k1")));
    tail.until("one");
    let again = run(talk(&chat, address, &ann, &["--json", "send", "general", "one", "--key", "k1"]));
    assert_eq!(again.expect_code(0).json()["seq"], stored["seq"], "the same message, under its number");
    let other = run(talk(&chat, address, &ann, &["send", "general", "other", "--key", "k1"]));
    other.expect_error(8, "key_conflict");
    drop(server);
    let mut sending =
        talk(&chat, address, &ann, &["send", "general", "two"]).stdout(Stdio::null()).spawn().unwrap();
    let server = Server::start(&chat, &binary, &address.to_string());
    assert!(sending.wait().unwrap().success(), "it waited for the server");
    let third = run(talk(&chat, address, &ann, &["send", "general", "three"]));
    assert!(third.expect_code(0).stdout.starts_with("stored in general as number "));
    assert_eq!(tail.until("three"), ["two", "three"], "the reader came back by itself and got both, once");
    drop(server);
}

#[test]
fn a_server_that_refuses_is_told_in_two_lines() {
    let chat = Chat::on_sqlite();
    chat.run(&["send", "general", "hi"]).expect_error(2, "there is no token");
    chat.run(&["tail", "general", "--token-file", "nowhere"]).expect_error(2, "could not read nowhere");
    let mut tls = chat.command(&["send", "general", "hi", "--server", "https://chat.example"]);
    tls.env("CHAT_TOKEN", "x");
    run(tls).expect_error(2, "does not begin with http://");
    let nobody = "127.0.0.1:1".parse().unwrap();
    let late = run(talk(&chat, nobody, "x", &["send", "general", "hi", "--timeout", "1", "--key", "k1"]));
    let late = late.expect_error(8, "127.0.0.1:1: Connection refused");
    assert!(late.stderr.contains("nothing was sent"), "{late:?}");
    let Some(binary) = server_binary() else { return };
    let server = Server::start(&chat, &binary, "127.0.0.1:0");
    let stranger = run(talk(&chat, server.address, "not-a-token", &["tail", "general"]));
    stranger.expect_error(8, "HTTP 401");
    chat.add_user("ann");
    let token = chat.folder().join("token");
    std::fs::write(&token, format!("{}\n", server.token("ann"))).unwrap();
    let url = format!("http://{}", server.address);
    let args = ["send", "nowhere", "hi", "--server", &url, "--token-file", token.to_str().unwrap()];
    chat.run(&args).expect_error(8, "unknown_room");
}

/// A chat with the default rooms, its server, and the token of Ann.
fn chat_of_ann(binary: &Path) -> (Chat, Server, String) {
    let chat = Chat::on_sqlite();
    chat.must(&["migrate", "up"]);
    chat.must(&["seed"]);
    chat.add_user("ann");
    let server = Server::start(&chat, binary, "127.0.0.1:0");
    let ann = server.token("ann");
    (chat, server, ann)
}

#[test]
fn a_message_that_was_stored_is_said_to_be_also_when_its_room_is_gone() {
    let Some(binary) = server_binary() else { return };
    let (chat, server, ann) = chat_of_ann(&binary);
    let address = server.address;
    let send = |text: &str, key: &str| {
        run(talk(&chat, address, &ann, &["--json", "send", "general", text, "--key", key]))
    };
    let stored = send("one", "k1").expect_code(0).json();
    chat.must(&["room", "archive", "general"]);
    let late = send("two", "k2").expect_code(8);
    assert!(late.stderr.contains("room_archived"), "{late:?}");
    assert_eq!(send("one", "k1").expect_code(0).json()["seq"], stored["seq"]);
}

#[test]
fn who_follows_a_server_that_is_not_there_hears_why() {
    let chat = Chat::on_sqlite();
    let nobody = "127.0.0.1:1".parse().unwrap();
    let mut tail = Tail::start(talk(&chat, nobody, "x", &["--json", "tail", "general"]));
    tail.until_notice("127.0.0.1:1: Connection refused");
}

#[test]
fn what_a_reader_missed_for_too_long_is_named() {
    let Some(binary) = server_binary() else { return };
    let (chat, server, ann) = chat_of_ann(&binary);
    let address = server.address;
    run(talk(&chat, address, &ann, &["send", "general", "before"])).expect_code(0);
    let mut tail = Tail::start(talk(&chat, address, &ann, &["--json", "tail", "general"]));
    tail.until("before");
    drop(server);
    let last = chat.write(|repository| {
        let room = repository.find_room_by_name(&"general".parse().unwrap())?.unwrap();
        let ann = repository.find_user_by_name(&"ann".parse().unwrap())?.unwrap();
        let message = |n: i64| chat_domain::NewMessage {
            room_id: room.id,
            seq: chat_domain::Seq::new(room.last_seq.get() + n),
            user_id: Some(ann.id()),
            body: format!("missed {n}"),
            kind: chat_domain::MessageKind::Text,
            created_at: chat_domain::Timestamp::default(),
            key: None,
        };
        repository.insert_messages(&(1..=600).map(message).collect::<Vec<_>>())?;
        let last_seq = chat_domain::Seq::new(room.last_seq.get() + 600);
        let counters = RoomCounters { id: room.id, last_seq, members: room.members };
        repository.set_room_counters(&[counters])?;
        Ok(room.last_seq.get())
    });
    let _server = Server::start(&chat, &binary, &address.to_string());
    assert_eq!(tail.until("missed 600").len(), 50);
    tail.until_notice(&format!("general: numbers {} to {} are left out", last + 1, last + 550));
}
