//! `chat-cli send` and `tail`, against the real server.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

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
}

impl Tail {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = sync_channel(LINES_MAX);
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, lines }
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
    let chat = Chat::on_sqlite();
    chat.must(&["migrate", "up"]);
    chat.must(&["seed"]);
    chat.add_user("ann");
    chat.add_user("bob");
    let server = Server::start(&chat, &binary, "127.0.0.1:0");
    let (address, ann, bob) = (server.address, server.token("ann"), server.token("bob"));
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
    late.expect_error(8, "its key is k1");
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
