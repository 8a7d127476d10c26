//! The end at a signal: nothing acknowledged is lost, whoever doesn't read holds nobody up, and it is over in time.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::durability::pages;
use crate::process::{END, Process, chat_server, sign_in, sign_up};
use crate::support::proxy::Proxy;
use crate::support::{Client, DEADLINE, Database, TestServer, eventually, on_each_backend, run};

/// Connections that send all the time, and take what comes.
const SENDERS: usize = 20;
/// Sends that each of them has under way.
const UNDER_WAY: usize = 3;
/// Connections that only take what comes.
const READERS: usize = 100;
/// Connections that are in the room and never read.
const SILENT: usize = 80;

fn start(database: &Database) -> Process {
    let mut command = chat_server();
    command.current_dir(database.folder.path());
    command.env("DATABASE_URL", &database.url).env("SECRET_KEY", "a secret of the tests");
    for limit in ["MESSAGES_PER_SECOND", "JOINS_PER_SECOND", "LOGINS_PER_MINUTE", "CONNECTIONS_PER_USER"] {
        command.env(format!("CHAT_LIMIT_{limit}"), "0");
    }
    Process::start(&mut command)
}

/// Sends until the connection ends; gives back the acks by key, and the code of the close.
async fn send_to_the_end(mut client: Client, sender: usize) -> (BTreeMap<String, i64>, Option<u16>) {
    let (mut acks, mut keys) = (BTreeMap::new(), BTreeMap::new());
    for n in 0.. {
        let key = format!("{sender}-{n}");
        let send = json!({"type": "send_message", "room": "general", "body": key, "key": key});
        if let Ok(id) = client.try_send(send).await {
            keys.insert(id, key);
        }
        // A few are always under way.
        if n < UNDER_WAY {
            continue;
        }
        let ack = loop {
            match client.next().await {
                Err(code) => return (acks, code),
                Ok(event) if event["type"] == "ack" => break event,
                Ok(_) => {}
            }
        };
        let key: &String = &keys[ack["re"].as_str().unwrap()];
        acks.insert(key.clone(), ack["seq"].as_i64().unwrap());
    }
    unreachable!("the connection ends")
}

/// Takes what comes until the connection ends; gives back the code, and whether a warning came before.
async fn read_to_the_end(mut client: Client) -> (Option<u16>, bool) {
    let mut is_warned = false;
    loop {
        match client.next().await {
            Ok(event) => is_warned |= event["status"] == "closing",
            Err(code) => return (code, is_warned),
        }
    }
}

#[test]
fn two_hundred_connections_end_in_time_and_no_ack_is_lost() {
    on_each_backend(|database| {
        let process = start(&database);
        let address = process.address;
        let mut ledger: BTreeMap<String, i64> = BTreeMap::new();
        run(async {
            let token = sign_up(address, "ann").await;
            let mut clients = Vec::new();
            for _ in 0..SENDERS + READERS + SILENT {
                let mut client = Client::with_bearer(address, &token).await;
                client.join("general").await;
                clients.push(client);
            }
            let silent = clients.split_off(SENDERS + READERS);
            let readers = clients.split_off(SENDERS);
            let readers = futures_util::future::join_all(readers.into_iter().map(read_to_the_end));
            let senders = clients.into_iter().enumerate().map(|(n, client)| send_to_the_end(client, n));
            let senders = futures_util::future::join_all(senders);
            let ends = async {
                // In the middle of it all: some hundred messages are stored.
                let mut witness = Client::with_bearer(address, &token).await;
                witness.join("general").await;
                witness
                    .find("much traffic", |event| event["seq"].as_u64().is_some_and(|seq| seq > 300))
                    .await;
                let since = Instant::now();
                process.signal("-TERM");
                let ended = tokio::task::spawn_blocking(move || process.ended());
                (read_to_the_end(witness).await, ended.await.unwrap(), since.elapsed())
            };
            let (sent, read, ((code, is_warned), (status, log), took)) = tokio::join!(senders, readers, ends);
            assert_eq!(status, Some(0), "{log}");
            assert!(took < END, "{took:?}");
            assert_eq!((code, is_warned), (Some(1012), true));
            for (code, is_warned) in read {
                assert_eq!((code, is_warned), (Some(1012), true));
            }
            for (acks, code) in sent {
                assert_eq!(code, Some(1012));
                ledger.extend(acks);
            }
            drop(silent);
        });
        assert!(ledger.len() > 200, "{}", ledger.len());
        let process = start(&database);
        run(async {
            let token = sign_in(process.address, "ann").await;
            pages::check(&mut Client::with_bearer(process.address, &token).await, &ledger).await;
        });
    });
}

#[test]
fn a_request_that_is_under_way_is_answered() {
    run(async {
        let database = Database::sqlite();
        let process = start(&database);
        let body = json!({"username": "nobody", "password": "password of nobody"}).to_string();
        let mut stream = TcpStream::connect(process.address).await.unwrap();
        let head = format!(
            "POST /api/v1/login HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n",
            process.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // The server asks for the body: the request is under way.
        let mut answer = vec![0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut answer).await.unwrap();
        process.signal("-TERM");
        eventually("the drain", || process.log().contains("draining").then_some(()));
        stream.write_all(body.as_bytes()).await.unwrap();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains("HTTP/1.1 401"), "{answer}");
        assert_eq!(process.ended().0, Some(0));
    });
}

#[test]
fn another_signal_ends_it_at_once_and_says_so_in_its_exit_code() {
    for name in ["-TERM", "-INT"] {
        let database = Database::sqlite();
        let process = start(&database);
        run(async {
            let token = sign_up(process.address, "ann").await;
            // Whoever doesn't answer the close is waited for.
            let _silent = Client::with_bearer(process.address, &token).await;
            process.signal("-TERM");
            eventually("the drain", || process.log().contains("draining").then_some(()));
            process.signal(name);
            let (code, log) = process.ended();
            assert_eq!(code, Some(1), "{log}");
            assert!(log.contains("ended at once by another signal") && !log.contains("stopped"), "{log}");
        });
    }
}

#[test]
fn a_database_that_says_nothing_does_not_keep_the_server_from_ending_in_time() {
    let Some(mut database) = Database::postgres() else { return };
    let proxy = Proxy::in_front_of(&mut database.url);
    let process = start(&database);
    let mut ledger = BTreeMap::new();
    run(async {
        let token = sign_up(process.address, "ann").await;
        let mut ann = Client::with_bearer(process.address, &token).await;
        ann.join("general").await;
        ledger.insert("k".to_owned(), ann.say("general", "k", "k").await["seq"].as_i64().unwrap());
        let hold = proxy.hold();
        let id =
            ann.send(json!({"type": "send_message", "room": "general", "body": "late", "key": "late"})).await;
        let since = Instant::now();
        process.signal("-TERM");
        let ended = tokio::task::spawn_blocking(move || process.ended());
        let unknown = ann.answer_to(&id).await;
        assert_eq!(unknown["code"], "unavailable", "{unknown}");
        assert_eq!(ann.closed().await, Some(1012));
        let (code, log) = ended.await.unwrap();
        assert!(since.elapsed() < END, "{:?}", since.elapsed());
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains("before all was done"), "{log}");
        drop(hold);
    });
    // What was acknowledged is there; what was not, is there once or not at all.
    let process = start(&database);
    run(async {
        let token = sign_in(process.address, "ann").await;
        let mut ann = Client::with_bearer(process.address, &token).await;
        let joined = ann.join("general").await;
        let messages: Vec<&Value> = joined["messages"].as_array().unwrap().iter().collect();
        let of = |key: &str| messages.iter().filter(|message| message["key"] == key).count();
        assert!(of("k") == 1 && of("late") <= 1, "{joined}");
    });
}

#[test]
fn a_client_that_never_stops_sending_is_told_and_closed_too() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        let mut ann = Client::sign_up(&server, "ann").await;
        ann.join("general").await;
        let (mut sink, mut stream) = ann.socket.split();
        let send = async {
            for n in 0.. {
                let send =
                    json!({"type": "send_message", "room": "general", "body": "more", "key": n.to_string()});
                if sink.send(Message::text(send.to_string())).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        let mut server = Some(server);
        let read = async {
            loop {
                match stream.next().await {
                    Some(Ok(Message::Close(frame))) => return frame.map(|frame| u16::from(frame.code)),
                    Some(Ok(_)) => {
                        // The first answers are there: sends are under way now, and stay so.
                        if let Some(server) = server.take() {
                            tokio::task::spawn_blocking(move || drop(server));
                        }
                    }
                    Some(Err(_)) | None => return None,
                }
            }
        };
        let ended = async {
            tokio::select! { code = read => code, () = send => None }
        };
        assert_eq!(tokio::time::timeout(DEADLINE, ended).await.unwrap(), Some(1012));
    });
}
