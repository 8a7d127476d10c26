//! Memory under what costs most: many sign-ins at once, and clients that never read.

use std::time::{Duration, Instant};

use chat_domain::{Command, DisplayName, RegisterUser, Timestamp, Username};
use chat_store::password::{PasswordHasher, PasswordParams};
use chat_store::{Store, StoreOptions, commit, migrations};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::server::ChatServer;
use crate::process::sign_in;
use crate::support::server::credentials;
use crate::support::{Client, LENIENCE, http, run, spread};

/// Sign-ins at once.
const SIGN_INS: usize = 64;
/// By how much they may raise the memory of the process, in KiB, on two cores. Each further pair of cores hashes
/// one more password at a time.
const SIGN_INS_KIB_MAX: u64 = 60 * 1024;
/// What one hash takes while it is made, in KiB.
const HASH_KIB: u64 = 19_456;
/// Messages whose way is timed, alone and beside the sign-ins.
const TIMED: usize = 200;

#[test]
fn sixty_four_sign_ins_at_once_take_little_memory_while_others_chat() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("chat.db").display());
    register(&url, &people());
    let server = ChatServer::start(&url);
    let before = server.process.memory_kib("VmRSS");
    run(async {
        let address = server.process.address;
        let mut chatters = Vec::new();
        for name in ["ann", "bob"] {
            let mut client = Client::with_bearer(address, &sign_in(address, name).await).await;
            client.join("general").await;
            chatters.push(client);
        }
        let [ann, bob] = &mut chatters[..] else { panic!("two clients") };
        let alone = chat(ann, bob, "alone").await;
        let sign_ins = (0..SIGN_INS).map(|n| async move {
            let answer = http::post(address, "/api/v1/login", &credentials(&format!("user{n}")), &[]).await;
            answer.status
        });
        let (statuses, beside) = tokio::join!(join_all(sign_ins), chat(ann, bob, "beside"));
        let signed_in = statuses.iter().filter(|&&status| status == 200).count();
        assert!(statuses.iter().all(|status| matches!(status, 200 | 503)), "{statuses:?}");
        let rise = server.process.memory_kib("VmHWM") - before;
        let cores = u64::try_from(std::thread::available_parallelism().unwrap().get()).unwrap();
        let rise_max = (SIGN_INS_KIB_MAX + (cores.div_ceil(2) - 1) * HASH_KIB) * 3 / 2;
        let figures = format!(
            "{SIGN_INS} sign-ins at once: {signed_in} signed in, the rest told to try again; memory from {before} KiB \
             up by {rise} KiB at most, {} KiB after; a message's way alone: {alone}; beside them: {beside}; \
             {cores} cores",
            server.process.memory_kib("VmRSS"),
        );
        println!("{figures}");
        assert!(signed_in > 0 && rise <= rise_max, "{figures}");
    });
}

/// The times from a send to its arrival at somebody else.
async fn chat(ann: &mut Client, bob: &mut Client, what: &str) -> String {
    let mut times = Vec::new();
    for n in 0..TIMED {
        let key = format!("{what}{n}");
        let since = Instant::now();
        ann.say("general", &key, &key).await;
        bob.hear(&key).await;
        times.push(since.elapsed());
    }
    spread(times)
}

fn people() -> Vec<String> {
    let numbered = (0..SIGN_INS).map(|n| format!("user{n}"));
    ["ann", "bob"].map(str::to_owned).into_iter().chain(numbered).collect()
}

/// Registers people before the server starts, so that its memory has seen no hash yet.
fn register(url: &str, names: &[String]) {
    let (url, options) = (url.parse().unwrap(), StoreOptions::default());
    migrations::up(&url, &options).unwrap();
    let store = Store::open(&url, &options).unwrap();
    let hasher = PasswordHasher::new(PasswordParams::default());
    let command = |name: &String| {
        let username = Username::new(name.clone()).unwrap();
        let password_hash = Some(hasher.hash(&format!("password of {name}")).unwrap());
        let display_name = DisplayName::from(&username);
        (Command::RegisterUser(RegisterUser { username, display_name, password_hash }), ())
    };
    let registered = commit(&store, Timestamp::from_unix_ms(0), names.iter().map(command).collect());
    assert!(registered.iter().all(|completed| completed.result.is_ok()));
}

/// Clients that never read: half of them are only there, the others ask and ask.
const SILENT: usize = 10;
/// Messages before they are there: as many as fill the writer's cache.
const MESSAGES_BEFORE: usize = 2_400;
/// Messages beside them.
const MESSAGES_BESIDE: usize = 1_200;
/// Messages that are under way at the same time.
const AT_ONCE: usize = 20;
/// What a client that doesn't read may cost in the process, in KiB: a queue of live events or of answers.
const SILENT_KIB_MAX: u64 = 256;

#[test]
fn clients_that_never_read_take_little_memory_while_others_chat() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("chat.db").display());
    let server = ChatServer::start(&url);
    run(async {
        let (mut ann, mut bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
        let (mut asking, mut silent) = (Vec::new(), Vec::new());
        for n in 0..SILENT {
            asking.push(server.sign_up(&format!("asking{n}")).await);
            silent.push(server.sign_up(&format!("silent{n}")).await);
        }
        ann.join("general").await;
        bob.join("general").await;
        pour(&mut ann, &mut bob, MESSAGES_BEFORE, "before").await;
        join_all(asking.iter_mut().map(ask_and_read)).await;

        let before = server.process.memory_kib("VmRSS");
        server.forget_memory_peak();
        for (n, client) in silent.iter_mut().enumerate() {
            client.send(json!({"type": "join_room", "room": "general"})).await;
            if n % 2 == 1 {
                ask_without_reading(client).await;
            }
        }
        let asked = server.process.memory_kib("VmHWM");
        pour(&mut ann, &mut bob, MESSAGES_BESIDE, "beside").await;
        let at_most = server.process.memory_kib("VmHWM");
        let figures = format!(
            "{SILENT} clients that never read: {before} KiB before, {asked} KiB when half of them had asked, {at_most} \
             KiB at most beside {MESSAGES_BESIDE} messages of 8 KB"
        );
        println!("{figures}");
        let rise_max = u64::try_from(SILENT).unwrap() * SILENT_KIB_MAX * u64::from(LENIENCE);
        assert!(at_most.saturating_sub(before) <= rise_max, "{figures}");
    });
}

/// Sends long messages from one to the other.
async fn pour(ann: &mut Client, bob: &mut Client, messages: usize, what: &str) {
    let body = "x".repeat(8_000);
    for round in 0..messages / AT_ONCE {
        for n in 0..AT_ONCE {
            let key = format!("{what}{round}-{n}");
            ann.send(json!({"type": "send_message", "room": "general", "body": body, "key": key})).await;
        }
        for _ in 0..AT_ONCE {
            ann.hear(&body).await;
            ann.find("an ack", |event| event["type"] == "ack").await;
            bob.hear(&body).await;
        }
    }
}

fn question() -> Value {
    json!({"type": "get_history", "room": "general", "before": 1_000_000, "limit": 100})
}

/// Asks for history, and goes away.
async fn ask_and_read(client: &mut Client) {
    client.join("general").await;
    for _ in 0..4 {
        client.ask(question()).await;
    }
    client.ask(json!({"type": "leave_room", "room": "general"})).await;
}

/// Asks for history until the server reads no more.
async fn ask_without_reading(client: &mut Client) {
    while tokio::time::timeout(Duration::from_millis(500), client.send(question())).await.is_ok() {}
}
