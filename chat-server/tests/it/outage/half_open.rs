//! Peers that vanish without a word, on a real network whose cable is pulled, with the times that everybody runs with.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::namespace::Namespace;
use super::server::{ChatServer, message};
use crate::process::chat_server;
use crate::support::crowd::{self, Person};
use crate::support::{Client, run};

/// After how long the server has let go of a connection whose peer vanished.
const GONE: Duration = Duration::from_secs(40);
/// After how long the others see that somebody vanished.
const OFFLINE: Duration = Duration::from_secs(45);
/// How much later a busy machine may be with either. The times are the server's timers, not its work.
const LATENESS: Duration = Duration::from_secs(10);
/// For how long a cable is out that is put back.
const UNPLUGGED: Duration = Duration::from_secs(20);
/// Messages to somebody who vanished: more than the system's buffers take, fewer than make a reader slow.
const UNSENT: usize = 36;
/// Messages to somebody else who vanished: more than make a reader slow.
const TOO_MANY: usize = 120;
/// Messages while a cable is out that is put back.
const MISSED: usize = 10;

#[test]
fn a_peer_that_vanished_is_gone_in_time_and_one_whose_network_comes_back_goes_on() {
    let test = "a vanished peer";
    let (Some(cut), Some(interrupted)) = (Namespace::make(test), Namespace::make(test)) else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("chat.db").display());
    let names = ["ann", "amy", "abe", "silent", "unsent", "slow", "bob", "eve"].map(str::to_owned);
    let people = crowd::people(&crowd::open(&url), names.clone());
    let mut command = chat_server();
    command.env("CHAT_BIND", "0.0.0.0:0");
    let server = ChatServer::start_as(&url, command);
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, server.process.address.port()));
    let scene = Scene { here, people: names.into_iter().zip(people).collect() };
    run(async {
        tokio::join!(vanish(&scene, &cut), come_back(&scene, &interrupted));
    });
}

/// The server, reached from this side past every cable, and who is signed in there.
struct Scene {
    here: SocketAddr,
    people: HashMap<String, Person>,
}

impl Scene {
    /// Somebody on this side.
    async fn near(&self, name: &str, room: &str) -> Client {
        let mut client = Client::with_bearer(self.here, &self.people[name].token).await;
        client.join(room).await;
        client
    }

    /// Somebody beyond a cable, whom `watcher` sees come.
    async fn far(&self, network: &Namespace, name: &str, room: &str, watcher: &mut Client) -> Far {
        let stream = network.dial(self.here.port());
        let own = stream.local_addr().unwrap();
        let bearer = format!("Bearer {}", self.people[name].token);
        let mut client = Client::over(stream, &[("authorization", &bearer)]).await.unwrap();
        client.expect("status").await;
        client.join(room).await;
        watcher.expect("user_joined").await;
        Far { client, own }
    }
}

/// A client beyond a cable, and its address.
struct Far {
    client: Client,
    own: SocketAddr,
}

/// Peers of all kinds vanish at the same moment: each is gone in time, and the others are told.
async fn vanish(scene: &Scene, network: &Namespace) {
    let mut ann = scene.near("ann", "general").await;
    let mut amy = scene.near("amy", "nutrition").await;
    let mut abe = scene.near("abe", "progress").await;
    let silent = scene.far(network, "silent", "general", &mut ann).await;
    let unsent = scene.far(network, "unsent", "nutrition", &mut amy).await;
    let slow = scene.far(network, "slow", "progress", &mut abe).await;
    let plain = keep_alive(network, scene.here.port()).await;
    let all = [silent.own, unsent.own, slow.own, plain.local_addr().unwrap()];
    for own in all {
        assert!(is_held(own), "the server has a connection to {own}");
    }
    network.unplug();
    let since = Instant::now();
    pour(&mut amy, "nutrition", UNSENT).await;
    pour(&mut abe, "progress", TOO_MANY).await;
    let gone = async |own: SocketAddr| {
        while is_held(own) {
            assert!(since.elapsed() < GONE + LATENESS, "the connection to {own} is still there");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        since.elapsed()
    };
    let (gone_silent, gone_unsent, gone_slow, gone_plain, offline_silent, offline_unsent, offline_slow) = tokio::join!(
        gone(all[0]),
        gone(all[1]),
        gone(all[2]),
        gone(all[3]),
        seen_offline(&mut ann, "silent", since),
        seen_offline(&mut amy, "unsent", since),
        seen_offline(&mut abe, "slow", since),
    );
    println!(
        "the peer vanished: idle, gone after {gone_silent:?}, offline after {offline_silent:?}; with unsent data, gone \
         after {gone_unsent:?}, offline after {offline_unsent:?}; with too much of it, gone after {gone_slow:?}, offline \
         after {offline_slow:?}; a plain HTTP connection, gone after {gone_plain:?}"
    );
    assert!(gone_slow < GONE / 2, "a reader that is too slow is closed before: {gone_slow:?}");
    // Whoever vanished is still there beyond the cable: nothing was closed but on the server's side.
    drop((silent.client, unsent.client, slow.client, plain));
}

/// A connection whose network is away for less than that misses nothing, and nobody notices.
async fn come_back(scene: &Scene, network: &Namespace) {
    let mut bob = scene.near("bob", "workout-tips").await;
    let mut eve = scene.far(network, "eve", "workout-tips", &mut bob).await;
    network.unplug();
    let since = Instant::now();
    for n in 0..MISSED {
        bob.say("workout-tips", &format!("missed {n}"), &format!("missed{n}")).await;
    }
    // Not a wait for a condition: for so long the network is away.
    tokio::time::sleep_until((since + UNPLUGGED).into()).await;
    network.plug_in();
    // Both sides have waited longer and longer before they try again; the one that speaks first is heard at once.
    let asked = eve.client.send(message("workout-tips", "back")).await;
    let mut seqs = Vec::new();
    let heard = async {
        loop {
            let event = eve.client.next().await.expect("the connection goes on");
            if event["type"] == "new_message" {
                seqs.push(event["seq"].as_i64().unwrap());
                if event["message"]["body"] == "back" {
                    break;
                }
            }
        }
    };
    tokio::time::timeout(GONE, heard).await.expect("all that was missed");
    let heard = since.elapsed();
    assert_eq!(seqs.len(), MISSED + 1, "{seqs:?}");
    assert!(seqs.is_sorted_by(|one, next| one + 1 == *next), "all of it, in order: {seqs:?}");
    bob.hear("back").await;
    // Longer than it takes to be gone: it is as if nothing had been.
    while since.elapsed() < OFFLINE {
        eve.client.ask(json!({"type": "ping"})).await;
        bob.ask(json!({"type": "ping"})).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let told = bob.everything().await;
    let is_presence = |event: &&serde_json::Value| {
        ["user_left", "user_joined"]
            .iter()
            .any(|kind| event["type"] == *kind && event["room"] == "workout-tips")
    };
    assert_eq!(told.iter().find(is_presence), None, "nobody noticed");
    assert!(is_held(eve.own));
    println!(
        "the network was away for {UNPLUGGED:?}: the same connection heard all of it {heard:?} after the cut ({asked})"
    );
}

/// Sends long messages, and waits for their acks.
async fn pour(client: &mut Client, room: &str, messages: usize) {
    let body = "x".repeat(8_000);
    for n in 0..messages {
        client.say(room, &body, &format!("{room}{n}")).await;
    }
}

/// Reads until somebody is told to be offline; says how long after `since` that was.
async fn seen_offline(client: &mut Client, name: &str, since: Instant) -> Duration {
    loop {
        let next = tokio::time::timeout(Duration::from_millis(500), client.next()).await;
        let event = next.map_or(json!({}), |event| event.expect("the connection goes on"));
        if event["type"] == "user_left" && event["user"]["username"] == name {
            assert_eq!(event["reason"], "offline", "{event}");
            return since.elapsed();
        }
        assert!(since.elapsed() < OFFLINE + LATENESS, "{name} is not told to be offline");
    }
}

/// A plain HTTP connection that asked for something and stays open.
async fn keep_alive(network: &Namespace, port: u16) -> TcpStream {
    let mut stream = network.dial(port);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"ok\n") {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
    }
    stream
}

/// Whether a process of this side holds a connection to that address. What the system still tries to send after the
/// process has let go is nobody's.
fn is_held(peer: SocketAddr) -> bool {
    let SocketAddr::V4(peer) = peer else { panic!("{peer}") };
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    table.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[2] == as_in_proc(peer) && fields[9] != "0"
    })
}

/// An address as `/proc/net/tcp` writes it: the bytes of the address in the machine's order, then the port.
fn as_in_proc(address: SocketAddrV4) -> String {
    format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
}
