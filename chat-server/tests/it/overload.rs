//! Ten times the load that the server can carry: it refuses by name or reads no further, keeps its memory bound, tells
//! nothing untrue, and serves again as soon as it is over.
//!
//! What it carries is measured first, by senders that wait for their answers. Then ten times as much is offered by
//! senders that don't wait, beside joins, history, sign-ins and clients that never read.

mod beside;
mod flood;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chat_domain::RoomName;
use futures_util::future::join_all;
use serde_json::json;
use tokio::task::LocalSet;

use crate::outage::ledger::Ledger;
use crate::outage::server::{ChatServer, message, until_acknowledged};
use crate::support::line::{Line, QUICK};
use crate::support::{Client, Database, LENIENCE, TestServer, crowd, exposition, http, on_each_backend, run};
use flood::{Pace, Tally, flood};

/// How many times what is carried is offered.
const TIMES: usize = 10;
/// Senders: together they may have twice as much under way (64 sends each) as the writer's queue holds (4,096).
const SENDERS: usize = 128;
/// Rooms in which they send; as many others while it is measured what is carried.
const ROOMS: usize = 8;
/// Sends that each has under way while it is measured what is carried.
const WINDOW: usize = 4;
/// How long that is measured, and how long the overload lasts.
const MEASURED: Duration = Duration::from_secs(1);
const OVERLOAD: Duration = Duration::from_secs(3);
/// Within which somebody's message is through once it is over.
const SERVES_AGAIN: Duration = Duration::from_secs(3);
/// Of how much of what is carried there are still acks under overload, at least: one part in so many.
const CARRIED_PART: usize = 40;
/// Requests of somebody who doesn't wait: about thirty above what is refused at once.
const EAGER: usize = 140;
/// How a refusal may be named.
const REFUSALS: [&str; 3] = ["overloaded", "rate_limited", "unavailable"];

/// What the process may take beside what it took before, in KiB.
///
/// - The writer's queue: 4,096 commands of 1 KB each, and the batch that is being committed, whose 512 KiB of texts are
///   in it three times (commands, messages, frames).
/// - Each sender: 64 KiB of answers that may wait, 16 KiB for the answers to its sends under way, and 8 KiB of buffers.
/// - Each client that never reads: 256 KiB of live events, 64 KiB of answers, one page of 128 KiB behind them.
/// - Each that asks for pages: three times 128 KiB, as rows, as an event and as a frame, beside the 64 KiB that wait.
/// - The sign-ins: a hash of 19 MiB for every two cores, and 32 KiB for each HTTP connection.
/// - SQLite: 16 MiB of the writer's cache, and 2 MiB for each of four readers.
///
/// The allocator keeps some of what it was given back: a quarter more.
fn growth_kib_max() -> u64 {
    let cores = std::thread::available_parallelism().unwrap().get();
    let queue = 4_096 * 2 + 3 * 512;
    let senders = SENDERS * (64 + 16 + 8);
    let silent = beside::SILENT * (256 + 64 + 128);
    let askers = beside::ASKERS * (3 * 128 + 64);
    let sign_ins = cores.div_ceil(2) * 19 * 1_024 + beside::SIGN_INS * 32;
    let sqlite = (16 + 4 * 2) * 1_024;
    u64::try_from((queue + senders + silent + askers + sign_ins + sqlite) * 5 / 4).unwrap()
}

#[test]
fn ten_times_the_load_that_it_carries_is_refused_by_name_within_bounded_memory_and_nothing_is_lost() {
    on_each_backend(|database| {
        let store = crowd::open(&database.url);
        let people = crowd::people(&store, (0..SENDERS).map(|n| format!("person{n}")));
        let rooms = crowd::rooms(&store, (0..2 * ROOMS).map(|n| format!("room{n}")));
        rooms.iter().for_each(|room| crowd::join(&store, &people, room));
        drop(store);
        let names: Vec<RoomName> = rooms.iter().map(|room| room.name.clone()).collect();
        let (full, fresh) = names.split_at(ROOMS);
        let tokens: Vec<&str> = people.iter().map(|person| person.token.as_str()).collect();
        let server = ChatServer::start(&database.url);
        let mut ledger = Ledger::default();
        run(LocalSet::new().run_until(async {
            beside::register_signer(server.process.address).await;
            let measured = measure(&server, &tokens, full).await;
            let carried = measured.acks.len() / usize::try_from(MEASURED.as_secs()).unwrap();
            note(&measured, &mut ledger);
            overload(&server, &tokens, (full, fresh), carried, &mut ledger).await;
        }));
        ledger.check(&database.url);
        let (code, log) = server.process.terminate();
        assert_eq!(code, Some(0), "{log}");
        assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
    });
}

/// What senders get through that wait for their answers.
async fn measure(server: &ChatServer, tokens: &[&str], rooms: &[RoomName]) -> Tally {
    let senders = connect(server, tokens).await;
    let until = Instant::now() + MEASURED;
    send_all(senders, rooms, "measured", &Pace::Waiting { window: WINDOW }, until).await
}

async fn connect(server: &ChatServer, tokens: &[&str]) -> Vec<Client> {
    join_all(tokens.iter().map(|token| Client::with_bearer(server.process.address, token))).await
}

/// All senders at once, until a moment.
async fn send_all(
    senders: Vec<Client>,
    rooms: &[RoomName],
    what: &str,
    pace: &Pace,
    until: Instant,
) -> Tally {
    let senders = senders.into_iter().zip(rooms.iter().cycle()).enumerate();
    let floods = senders.map(|(n, (sender, room))| async move {
        flood(sender, room, &format!("{what}-{n}"), pace, until).await
    });
    join_all(floods).await.into_iter().sum()
}

fn note(tally: &Tally, ledger: &mut Ledger) {
    for (key, ack) in &tally.acks {
        ledger.note(key, &serde_json::from_str(ack).unwrap());
    }
}

async fn overload(
    server: &ChatServer,
    tokens: &[&str],
    (full, rooms): (&[RoomName], &[RoomName]),
    carried: usize,
    ledger: &mut Ledger,
) {
    let address = server.process.address;
    let before = server.process.memory_kib("VmRSS");
    server.forget_memory_peak();
    let silent = beside::connect_silent(address, tokens[0], &full[0], rooms).await;
    let mut follower = Line::new(address, tokens[1], &rooms[..1], QUICK, 1);
    follower.live_until_it(SERVES_AGAIN * LENIENCE, Line::is_settled).await;

    let senders = connect(server, tokens).await;
    let until = Instant::now() + OVERLOAD;
    let pace = Pace::Regardless { per_second: (carried * TIMES).div_ceil(SENDERS) };
    let (tally, asked, sign_ins, ()) = tokio::join!(
        send_all(senders, rooms, "offered", &pace, until),
        beside::ask(address, tokens[2], full, until),
        beside::sign_in(address, until),
        follower.live_until(until),
    );
    let over = Instant::now();
    let mut ann = Client::with_bearer(address, tokens[3]).await;
    let ack = until_acknowledged(&mut ann, &message(rooms[0].as_str(), "after")).await;
    let served_after = over.elapsed();
    ledger.note("after", &ack);
    note(&tally, ledger);

    let grown = server.process.memory_kib("VmHWM").saturating_sub(before);
    let grown_max = growth_kib_max();
    let slow = closes(server, "4000").await;
    let figures = format!(
        "carried {carried} messages a second; offered {} in {OVERLOAD:?}, of which {} were taken, {} acknowledged, \
         refused {:?}; beside them {asked:?} answers to questions, sign-ins {sign_ins:?}; {slow} closed as slow \
         readers, {} of whom never read; memory up by {grown} KiB of {grown_max} KiB; served again after {served_after:?}",
        tally.due,
        tally.written,
        tally.acks.len(),
        tally.refused,
        beside::SILENT,
    );
    println!("{figures}");
    check(&tally, carried, &figures);
    check_refusals(&asked.refused, &figures);
    assert!(sign_ins.keys().all(|status| matches!(status, 200 | 503)), "{figures}");
    assert!(sign_ins.contains_key(&503), "the queue of the sign-ins is full: {figures}");
    assert!(grown <= grown_max, "{figures}");
    assert!(served_after < SERVES_AGAIN * LENIENCE, "{figures}");
    assert!(slow >= beside::SILENT, "who never reads is closed: {figures}");
    beside::have_ended(silent).await;
    follower.live_until_it(SERVES_AGAIN * LENIENCE, |line| line.seq(&rooms[0]) >= seq(&ack)).await;
}

#[test]
fn who_goes_on_asking_above_the_own_rate_is_read_more_slowly() {
    run(async {
        let server =
            TestServer::start_with(Database::sqlite(), |config| config.limits.typing_per_second = Some(1));
        let mut ann = Client::sign_up(&server, "ann").await;
        ann.join("general").await;
        let since = Instant::now();
        for _ in 0..EAGER {
            ann.send(json!({"type": "typing_start", "room": "general"})).await;
        }
        let refused = ann.everything().await.iter().filter(|event| event["code"] == "rate_limited").count();
        let took = since.elapsed();
        // The first hundred refusals come at once, and then ten in a second.
        let late = u32::try_from(refused.saturating_sub(100)).unwrap();
        assert!(late > 0 && took >= Duration::from_millis(100) * late / 2, "{refused} refused in {took:?}");
    });
}

/// Ten times as much was offered; what was not acknowledged was refused by name, or not taken; and there were acks.
fn check(tally: &Tally, carried: usize, figures: &str) {
    let seconds = usize::try_from(OVERLOAD.as_secs()).unwrap();
    assert!(tally.due >= TIMES * carried * seconds * 9 / 10, "{figures}");
    assert!(tally.written < tally.due, "the server stops reading: {figures}");
    check_refusals(&tally.refused, figures);
    assert!(tally.acks.len() >= carried * seconds / CARRIED_PART, "it goes on working: {figures}");
}

fn check_refusals(refused: &BTreeMap<String, usize>, figures: &str) {
    assert!(refused.keys().all(|code| REFUSALS.contains(&code.as_str())), "{figures}");
}

fn seq(ack: &serde_json::Value) -> i64 {
    ack["seq"].as_i64().unwrap()
}

/// How many connections the server has closed with a code.
async fn closes(server: &ChatServer, code: &str) -> usize {
    let answer = http::get(server.process.address, "/metrics", &[]).await;
    let families = exposition::parse(&answer.body);
    let closes = families["chat_closes"].samples.iter();
    let of_code = closes.filter(|((_, labels), _)| labels.values().any(|value| value == code));
    format!("{}", of_code.map(|(_, count)| count).sum::<f64>()).parse().unwrap()
}
