//! Clients that keep the contract over a bad network: in the end everybody holds every message once, in one order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chat_domain::RoomName;
use futures_util::future::join_all;

use super::ledger::Ledger;
use super::server::ChatServer;
use crate::support::bad_network::BadNetwork;
use crate::support::crowd;
use crate::support::line::{Line, QUICK};
use crate::support::{DEADLINE, Database, http, run};

/// People who talk.
const PEOPLE: usize = 5;
/// In which rooms.
const ROOMS: [&str; 2] = ["general", "nutrition"];
/// For how long the network is bad.
const STORM: Duration = Duration::from_secs(14);
/// The longest time between two messages of one of them.
const PAUSE_MS_MAX: u64 = 250;
/// Messages that may wait in one client; nobody says more then.
const WAITING_MAX: usize = 100;
/// Another one makes other things happen.
const SEED: u64 = 1;

#[test]
fn over_a_bad_network_everybody_holds_every_message_once_and_in_one_order() {
    std::thread::scope(|scope| {
        for database in [Some(Database::sqlite()), Database::postgres()].into_iter().flatten() {
            scope.spawn(move || weather(&database));
        }
    });
}

fn weather(database: &Database) {
    let store = crowd::open(&database.url);
    let people = crowd::people(&store, (0..=PEOPLE).map(|n| format!("person{n}")));
    drop(store);
    let server = ChatServer::start(&database.url);
    let rooms = ROOMS.map(|room| RoomName::new(room).unwrap());
    let mut ledger = Ledger::default();
    run(async {
        let address = server.process.address;
        let network = BadNetwork::before(address, SEED).await;
        let talks = people.iter().take(PEOPLE).enumerate().map(|(n, person)| {
            let seed = SEED.wrapping_mul(1_000).wrapping_add(u64::try_from(n).unwrap());
            talk(Line::new(network.address, &person.token, &rooms, QUICK, seed), n, &rooms, seed)
        });
        let talks = join_all(talks).await;
        network.clear_up();
        let cleared = Instant::now();
        let settled = join_all(talks.into_iter().map(|(mut line, said)| async {
            line.live_until_it(DEADLINE, Line::is_settled).await;
            (line, said)
        }));
        let mut talks = settled.await;
        let mut fresh = Line::new(address, &people[PEOPLE].token, &rooms, QUICK, SEED);
        fresh.live_until_it(DEADLINE, Line::is_settled).await;
        fresh.fetch_all(DEADLINE).await;
        let caught_up = join_all(talks.iter_mut().map(|(line, _)| async {
            let holds_all = |line: &Line| rooms.iter().all(|room| line.seq(room) >= fresh.seq(room));
            line.live_until_it(DEADLINE, holds_all).await;
            line.fetch_all(DEADLINE).await;
        }));
        caught_up.await;
        println!("{}; all settled {:?} after the storm", network.toll(), cleared.elapsed());
        for (n, (line, said)) in talks.iter().enumerate() {
            check(line, said, &fresh, n);
            line.acks.iter().for_each(|(key, ack)| ledger.note(key, ack));
        }
        let open = format!("chat_connections{{state=\"signed_in\"}} {}", PEOPLE + 1);
        let metrics = async || http::get(address, "/metrics", &[]).await.body;
        let none_is_left = async { while !metrics().await.lines().any(|line| line == open) {} };
        tokio::time::timeout(DEADLINE, none_is_left).await.expect("the connections that were cut are gone");
    });
    ledger.check(&database.url);
    assert!(!server.log().contains(" ERROR "), "{}", server.log());
}

/// Somebody talks in all rooms while the network is bad; gives back what was said in each.
async fn talk(
    mut line: Line,
    n: usize,
    rooms: &[RoomName],
    seed: u64,
) -> (Line, BTreeMap<RoomName, Vec<String>>) {
    let (mut random, end) = (fastrand::Rng::with_seed(seed), Instant::now() + STORM);
    let mut said: BTreeMap<RoomName, Vec<String>> = BTreeMap::new();
    for number in 0.. {
        let pause = Duration::from_millis(random.u64(..PAUSE_MS_MAX));
        line.live_until((Instant::now() + pause).min(end)).await;
        if Instant::now() >= end {
            break;
        }
        if line.client.outbox().count() < WAITING_MAX {
            let room = &rooms[random.usize(..2)];
            let key = format!("{n}-{number}");
            line.say(room, &key).await;
            said.entry(room.clone()).or_default().push(key);
        }
    }
    (line, said)
}

/// What somebody holds equals what is fetched afresh, and what they said is there once, in the order in which they
/// said it.
fn check(line: &Line, said: &BTreeMap<RoomName, Vec<String>>, fresh: &Line, n: usize) {
    for (room, view) in &line.views {
        let held: Vec<_> = view.messages().collect();
        let wanted: Vec<_> = fresh.views[room].messages().collect();
        assert_eq!(held, wanted, "what person{n} holds of {room:?}");
        let seqs: Vec<i64> = held.iter().map(|message| message.seq.get()).collect();
        assert_eq!(seqs, (1..=fresh.seq(room)).collect::<Vec<_>>());
        let own: Vec<&str> = held
            .iter()
            .filter(|message| {
                message.user.as_ref().is_some_and(|user| user.username.as_str() == format!("person{n}"))
            })
            .filter_map(|message| message.key.as_ref().map(|key| key.as_str()))
            .collect();
        assert_eq!(own, said[room], "what person{n} said in {room:?}");
    }
    let mut told = line.sent.clone();
    told.sort();
    let mut all: Vec<String> = said.values().flatten().cloned().collect();
    all.sort();
    assert_eq!(told, all, "each was told once to be stored");
    println!(
        "person{n}: {} messages, {} acks, {} connections, {} resets",
        all.len(),
        line.acks.len(),
        line.opened,
        line.resets
    );
}
