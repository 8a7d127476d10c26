//! Under strace: what a message to a large room costs in system calls.

use std::collections::HashSet;

use serde_json::json;

use crate::outage::server::ChatServer;
use crate::outage::strace::{Traced, under_strace};
use crate::support::{Client, crowd, run};

/// Connections in the room. They are one person's, so that nobody has to be told who else comes.
const CONNECTIONS: usize = 200;
/// Connections that are made before all of them say again that they are there, as they do between the messages: strace
/// slows the server, and on a busy machine they would be pinged.
const CONNECTIONS_AT_ONCE: usize = 20;
/// Messages, each of which is heard by all before the next is sent.
const MESSAGES: usize = 10;
/// What is counted stands in the trace between the two.
const BEGIN: &str = "what-counts-begins";
const END: &str = "what-counts-ends";
/// Calls for 100 deliveries, at most.
const CALLS_PER_100_MAX: usize = 105;
/// Calls that a message costs each thread with connections, however many there are: to be woken, and to read it. Five on
/// an idle machine, twice as many on a very busy one, where each step is a wait of its own.
const CALLS_PER_MESSAGE_MAX: usize = 16;

#[test]
fn a_message_costs_one_system_call_for_each_connection_that_hears_it_and_a_few_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    // As much of each write as says that it is a message.
    let Some(command) = under_strace("the calls of a delivery", &trace, &["-s", "64"]) else { return };
    chat_server::raise_open_files(CONNECTIONS);
    let url = format!("sqlite:{}", folder.path().join("chat.db").display());
    let store = crowd::open(&url);
    let ann = crowd::people(&store, ["ann".to_owned()]).remove(0);
    let room = crowd::rooms(&store, ["general".to_owned()]).remove(0);
    crowd::join(&store, std::slice::from_ref(&ann), &room);
    drop(store);
    let server = ChatServer::start_as(&url, command);
    let traced = Traced::of(&server);
    run(async {
        let address = server.process.address;
        let mut clients = Vec::new();
        while clients.len() < CONNECTIONS {
            for _ in 0..CONNECTIONS_AT_ONCE {
                let mut client = Client::with_bearer(address, &ann.token).await;
                client.join("general").await;
                clients.push(client);
            }
            say_that_they_are_there(&mut clients).await;
        }
        for n in 0..MESSAGES {
            let text = format!("message {n}");
            mark(&mut clients, BEGIN).await;
            clients[0].say("general", &text, &text).await;
            for client in &mut clients {
                client.hear(&text).await;
            }
            mark(&mut clients, END).await;
            say_that_they_are_there(&mut clients).await;
        }
    });
    drop(traced);
    // What strace has seen is written down once it has ended.
    server.process.ended();
    let counts = Counts::of(&std::fs::read_to_string(&trace).unwrap());
    println!("strace: {counts:?}");
    assert_eq!(counts.deliveries, MESSAGES * CONNECTIONS, "each is one write");
    let fixed = MESSAGES * counts.threads * CALLS_PER_MESSAGE_MAX;
    assert!(counts.calls <= counts.deliveries * CALLS_PER_100_MAX / 100 + fixed, "{counts:?}");
}

async fn say_that_they_are_there(clients: &mut [Client]) {
    for client in clients {
        client.everything().await;
    }
}

/// Has the server write a mark, which shows in the trace.
async fn mark(clients: &mut [Client], mark: &str) {
    let client = &mut clients[0];
    client.send_text(&json!({"type": "ping", "id": mark}).to_string()).await;
    client.answer_to(mark).await;
}

/// What the threads do that write to connections. What the others do is for the database, for new connections and for
/// the time, and has nothing to do with how many hear a message.
#[derive(Debug)]
struct Counts {
    threads: usize,
    /// Writes that begin with a message, or with an answer and a message behind it.
    deliveries: usize,
    /// All calls, but for waits in which nothing happened: those are the more the slower the machine is.
    calls: usize,
}

impl Counts {
    fn of(trace: &str) -> Self {
        let mut is_counted = false;
        let counted = trace.lines().filter(|line| {
            is_counted = line.contains(BEGIN) || is_counted && !line.contains(END);
            is_counted
        });
        let calls: Vec<(&str, &str)> =
            counted.map(|line| line.trim_start().split_once(' ').unwrap()).collect();
        let is_delivery = |call: &&(&str, &str)| call.1.contains("new_message");
        let threads: HashSet<&str> = calls.iter().filter(is_delivery).map(|(thread, _)| *thread).collect();
        let theirs =
            || calls.iter().filter(|(thread, _)| threads.contains(thread)).map(|(_, call)| call.trim_start());
        let begun = theirs().filter(|call| !call.starts_with(['<', '-', '+'])).count();
        let deliveries = calls.iter().filter(is_delivery).count();
        let waits_in_vain = theirs().filter(|call| is_wait_in_vain(call)).count();
        Self { threads: threads.len(), deliveries, calls: begun - waits_in_vain }
    }
}

/// Whether a line is the end of a wait for events that had some time, and came to none.
fn is_wait_in_vain(line: &str) -> bool {
    let is_wait = line.starts_with("epoll_") || line.starts_with("<... epoll_");
    let Some((wait, "0")) = line.rsplit_once(" = ") else { return false };
    let arguments = wait.trim_end();
    is_wait && arguments.contains("[], ") && !arguments.ends_with(", 0)")
}

#[test]
fn a_look_for_events_is_told_from_a_wait_in_vain() {
    for (line, is_in_vain) in [
        ("epoll_wait(3, [], 1024, 97)     = 0", true),
        ("<... epoll_wait resumed>[], 1024, 97) = 0", true),
        ("epoll_wait(3, [], 1024, 0)      = 0", false),
        ("epoll_wait(3, [{events=EPOLLIN, data=0x7f}], 1024, 97) = 1", false),
        ("epoll_wait(3,  <unfinished ...>", false),
        ("epoll_ctl(3, EPOLL_CTL_DEL, 9, NULL) = 0", false),
        ("sendto(9, \"[], \", 4, MSG_NOSIGNAL, NULL, 5) = 0", false),
    ] {
        assert_eq!(is_wait_in_vain(line), is_in_vain, "{line}");
    }
}
