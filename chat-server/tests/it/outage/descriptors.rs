//! No file descriptor is left: the server waits instead of spinning, whoever is connected chats on.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::server::{ChatServer, message};
use super::until;
use crate::process::{chat_server, sign_in};
use crate::support::{Client, run};

/// File descriptors of the server: some two dozen for itself, the rest for connections.
const DESCRIPTORS: usize = 80;
/// Connections that are tried: more than fit.
const CONNECTIONS: usize = DESCRIPTORS;
/// For how long the full server is watched.
const WATCHED: Duration = Duration::from_secs(3);
/// Processor time that the full server may take while it is watched. A loop without a pause takes all of it.
const BUSY_MAX: Duration = Duration::from_millis(600);
/// Lines that it may log while it is full.
const LOG_LINES_MAX: usize = 10;
/// Connections that are closed again, to make room.
const CLOSED: usize = 10;

#[test]
fn without_file_descriptors_the_server_waits_and_those_connected_chat_on() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("chat.db").display());
    let server = ChatServer::start_as(&url, with_few_descriptors());
    run(async {
        let mut ann = server.sign_up("ann").await;
        let mut bob = server.sign_up("bob").await;
        for client in [&mut ann, &mut bob] {
            client.join("general").await;
        }
        let token = sign_in(server.process.address, "ann").await;
        let mut waiting: Vec<_> =
            (0..CONNECTIONS).map(|_| tokio::spawn(connect(server.process.address, token.clone()))).collect();
        until("a full server", || server.descriptors() >= DESCRIPTORS).await;

        let (since, busy, lines) = (Instant::now(), server.processor_time(), server.log().lines().count());
        let mut sent = 0;
        while since.elapsed() < WATCHED {
            let key = format!("k{sent}");
            ann.say("general", &key, &key).await;
            bob.hear(&key).await;
            let page = bob.ask(json!({"type": "get_history", "room": "general", "before": 1_000})).await;
            assert_eq!(page["type"], "history", "{page}");
            sent += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let busy = server.processor_time() - busy;
        let lines = server.log().lines().count() - lines;
        let connected = waiting.iter().filter(|task| task.is_finished()).count();
        let figures = format!(
            "{connected} of {CONNECTIONS} connected; while full for {WATCHED:?} {sent} messages, {busy:?} of \
             processor time, {lines} lines of log"
        );
        println!("{figures}");
        assert!(connected < CONNECTIONS && busy < BUSY_MAX && lines < LOG_LINES_MAX, "{figures}");

        // As many as are closed come in.
        let (open, rest): (Vec<_>, Vec<_>) = waiting.drain(..).partition(|task| task.is_finished());
        let mut open = futures_util::future::join_all(open).await;
        open.truncate(connected - CLOSED);
        until("new connections", || rest.iter().filter(|task| task.is_finished()).count() >= CLOSED / 2)
            .await;
        ann.ask(message("general", "the end")).await;
        bob.hear("the end").await;
    });
}

/// The binary with few file descriptors, and no way to allow itself more.
fn with_few_descriptors() -> Command {
    let plain = chat_server();
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -n {DESCRIPTORS}; exec \"$0\"")])
        .arg(plain.get_program())
        .env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

async fn connect(address: SocketAddr, token: String) -> Option<Client> {
    let bearer = format!("Bearer {token}");
    Client::open(address, &[("authorization", &bearer)]).await.ok()
}
