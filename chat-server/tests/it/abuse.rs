//! Whatever comes over the wire gets its answer: a status, an error or a close code. The process lives on, the others
//! chat on, and the memory stays where it was.

mod events;
mod floods;
mod frames;
mod handshake;
mod http;

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::{Process, chat_server, sign_up};
use crate::support::{Client, DEADLINE, Database, on_each_backend, run};

/// KiB by which the process may grow over all of it.
const GROWTH_KIB_MAX: u64 = 16 * 1024;
/// Bad inputs in all tables, at least.
const CASES_MIN: usize = 60;

/// The server that is abused, and somebody on it.
struct Target {
    address: SocketAddr,
    token: String,
}

#[test]
fn every_bad_input_gets_its_answer_and_the_process_lives_and_does_not_grow() {
    on_each_backend(|database| {
        let process = start(&database);
        run(async {
            let address = process.address;
            let mut bystander = Client::with_bearer(address, &sign_up(address, "bystander").await).await;
            bystander.join("general").await;
            let target = Target { address, token: sign_up(address, "ann").await };
            let before = process.memory_kib("VmRSS");
            let mut cases = http::all(&target).await;
            // On a busy machine all of it takes longer than somebody may be silent.
            bystander.ask(json!({"type": "ping"})).await;
            cases += handshake::all(&target).await;
            bystander.ask(json!({"type": "ping"})).await;
            cases += frames::all(&target).await;
            bystander.ask(json!({"type": "ping"})).await;
            cases += events::all(&target).await;
            bystander.ask(json!({"type": "ping"})).await;
            floods::all(&target).await;
            assert!(cases >= CASES_MIN, "{cases} cases");
            let grown = process.memory_kib("VmRSS").saturating_sub(before);
            assert!(grown <= GROWTH_KIB_MAX, "the process grew by {grown} KiB");
            bystander.say("general", "the others chat on", "k").await;
            let rooms = bystander.ask(json!({"type": "get_rooms"})).await;
            assert_eq!(rooms["rooms"].as_array().unwrap().len(), 4);
        });
        let (code, log) = process.terminate();
        assert_eq!(code, Some(0), "{log}");
        assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
    });
}

/// The real binary, with the rates off that would get in the way.
fn start(database: &Database) -> Process {
    let mut command = chat_server();
    command.current_dir(database.folder.path());
    command.env("DATABASE_URL", &database.url).env("SECRET_KEY", "a secret of the tests");
    command.env("CHAT_LIMIT_LOGINS_PER_MINUTE", "0").env("CHAT_LIMIT_REGISTRATIONS_PER_MINUTE", "0");
    command.env("CHAT_LIMIT_HISTORY_PER_SECOND", "0");
    Process::start(&mut command)
}

/// Sends bytes over a connection of their own, and reads all that comes back until the server ends it.
async fn answer_to(address: SocketAddr, bytes: &[u8]) -> String {
    let work = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The server may answer and end before it has read all.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    tokio::time::timeout(DEADLINE, work).await.unwrap_or_else(|_| {
        panic!("no end of the connection after {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(200)]))
    })
}

/// The status of an answer; 0 if there is none.
fn status(answer: &str) -> u16 {
    let rest = answer.strip_prefix("HTTP/1.1 ").or_else(|| answer.strip_prefix("HTTP/1.0 "));
    rest.and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0)
}
