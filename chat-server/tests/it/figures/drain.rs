//! A restart under load: the server ends in time, everybody is soon back, and no ack was lost.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chat_domain::RoomName;
use chat_protocol::client::Times;
use futures_util::future::join_all;

use crate::outage::ledger::Ledger;
use crate::outage::server::ChatServer;
use crate::process::chat_server;
use crate::support::line::Line;
use crate::support::{LENIENCE, crowd, on_each_backend, run, spread};

/// Clients, all of whom talk.
const CLIENTS: usize = 1_000;
/// In so many rooms.
const ROOMS: usize = 50;
/// The time between two messages of one of them.
const PAUSE_MS: std::ops::Range<u64> = 4_000..12_000;
/// Messages that are stored before the end.
const ACKS_BEFORE: usize = 300;
/// How often each of them looks whether all are back.
const LOOK: Duration = Duration::from_millis(500);
/// Within which the server has ended, and everybody is back.
const ENDED: Duration = Duration::from_secs(10);
const BACK: Duration = Duration::from_secs(15);
/// Within which all have come in the first time, and have been told that all they said is stored.
const SETTLED: Duration = Duration::from_secs(60);

#[test]
fn a_thousand_active_clients_are_soon_back_after_a_restart_and_no_ack_is_lost() {
    chat_server::raise_open_files(CLIENTS);
    on_each_backend(|database| {
        let store = crowd::open(&database.url);
        let people = crowd::people(&store, (0..CLIENTS).map(|n| format!("person{n}")));
        let rooms = crowd::rooms(&store, (0..ROOMS).map(|n| format!("room{n}")));
        drop(store);
        let server = start(&database.url, "127.0.0.1:0");
        let address = server.process.address;
        let scene = Scene::default();
        run(async {
            let lines = people.iter().enumerate().map(|(n, person)| {
                let room = &rooms[n % ROOMS].name;
                let seed = u64::try_from(n).unwrap();
                let line =
                    Line::new(address, &person.token, std::slice::from_ref(room), Times::default(), seed);
                talk(line, n, room, &scene)
            });
            let (lines, (ended, server)) =
                tokio::join!(join_all(lines), restart(&scene, server, &database.url, address));
            let back: Vec<Duration> = lines.iter().map(|(_, back)| *back).collect();
            let all_back = back.iter().max().copied().unwrap();
            let mut ledger = Ledger::default();
            let mut said = 0;
            for (line, _) in &lines {
                line.acks.iter().for_each(|(key, ack)| ledger.note(key, ack));
                said += line.sent.len();
            }
            let figures = format!(
                "{CLIENTS} active clients: ended {ended:?} after SIGTERM; back after: {}; {said} messages, {} acks",
                spread(back),
                ledger.len()
            );
            println!("{figures}");
            ledger.check(&database.url);
            assert!(ended < ENDED * LENIENCE && all_back < BACK * LENIENCE, "{figures}");
            drop(server);
        });
    });
}

fn start(url: &str, bind: &str) -> ChatServer {
    let mut command = chat_server();
    command.env("CHAT_BIND", bind);
    ChatServer::start_as(url, command)
}

/// What the clients share with who restarts the server.
#[derive(Default)]
struct Scene {
    acks: Cell<usize>,
    /// When the server was asked to end.
    asked: Cell<Option<Instant>>,
    /// How many are back.
    back: Cell<usize>,
}

/// Ends the server in the middle of it all, and starts it again at the same place. How long the end took.
async fn restart(
    scene: &Scene,
    server: ChatServer,
    url: &str,
    address: SocketAddr,
) -> (Duration, ChatServer) {
    while scene.acks.get() < ACKS_BEFORE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let asked = Instant::now();
    scene.asked.set(Some(asked));
    let ended = tokio::task::spawn_blocking(move || server.process.terminate());
    let (code, log) = ended.await.unwrap();
    let ended = asked.elapsed();
    assert_eq!(code, Some(0), "{log}");
    let url = url.to_owned();
    let started = tokio::task::spawn_blocking(move || start(&url, &address.to_string()));
    (ended, started.await.unwrap())
}

/// Talks until everybody is back. How long after the server was asked to end it was live again in its room.
async fn talk(mut line: Line, n: usize, room: &RoomName, scene: &Scene) -> (Line, Duration) {
    let mut random = fastrand::Rng::with_seed(u64::try_from(n).unwrap());
    line.live_until_it(SETTLED, Line::is_settled).await;
    let (mut back, mut noted, mut number) = (None, 0, 0);
    let mut speaks_at = Instant::now() + Duration::from_millis(random.u64(..PAUSE_MS.end));
    while scene.back.get() < CLIENTS {
        let is_late = scene.asked.get().is_some_and(|asked| asked.elapsed() > BACK * LENIENCE);
        assert!(
            !is_late || back.is_some(),
            "{} of {CLIENTS} are back; this one is not: {line:?}",
            scene.back.get()
        );
        line.live_until(speaks_at.min(Instant::now() + LOOK)).await;
        scene.acks.set(scene.acks.get() + line.acks.len() - noted);
        noted = line.acks.len();
        if let Some(asked) = scene.asked.get()
            && back.is_none()
            && line.opened > 1
            && line.client.is_live(room)
        {
            back = Some(asked.elapsed());
            scene.back.set(scene.back.get() + 1);
        }
        if Instant::now() >= speaks_at {
            line.say(room, &format!("{n}-{number}")).await;
            number += 1;
            speaks_at = Instant::now() + Duration::from_millis(random.u64(PAUSE_MS));
        }
    }
    line.live_until_it(SETTLED, Line::is_settled).await;
    assert_eq!(line.sent.len(), number, "all that was said is stored");
    (line, back.unwrap())
}
