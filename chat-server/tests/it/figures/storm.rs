//! A reconnect storm: everybody comes back in the same moment, and misses something.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use chat_domain::Seq;
use chat_protocol::client::{Position, Times};
use futures_util::future::join_all;

use crate::outage::server::ChatServer;
use crate::support::line::Line;
use crate::support::{Database, LENIENCE, crowd, left_out, on_each_backend, run, spread};

/// Clients that come back at once.
const CLIENTS: usize = 2_000;
/// In so many rooms.
const ROOMS: usize = 50;
/// Messages that each of them has, and has missed, in its room.
const HELD: usize = 20;
const MISSED: usize = 30;
/// Within which all of them have caught up.
const CAUGHT_UP: Duration = Duration::from_secs(10);

#[test]
fn two_thousand_clients_that_come_back_at_once_have_soon_caught_up() {
    chat_server::raise_open_files(CLIENTS);
    on_each_backend(|database| {
        let store = crowd::open(&database.url);
        let people = crowd::people(&store, (0..CLIENTS).map(|n| format!("person{n}")));
        let rooms = crowd::rooms(&store, (0..ROOMS).map(|n| format!("room{n}")));
        let groups: Vec<_> = rooms.iter().zip(people.chunks(CLIENTS / ROOMS)).collect();
        for (n, (room, members)) in groups.iter().enumerate() {
            crowd::join(&store, members, room);
            crowd::say(
                &store,
                &members[0],
                room,
                (0..HELD + MISSED).map(|m| format!("message {m} in room {n}")),
            );
        }
        let epoch = store.read(|repository| repository.database_state()).unwrap().epoch;
        drop(store);
        let server = ChatServer::start(&database.url);
        run(async {
            let since = Instant::now();
            let clients =
                groups.iter().flat_map(|(room, members)| members.iter().map(move |member| (room, member)));
            let come_back = clients.enumerate().map(|(n, (room, member))| {
                let seed = u64::try_from(n).unwrap();
                let mut line = Line::to(server.process.address, &member.token, Times::default(), seed);
                let seq = Seq::new(i64::try_from(HELD).unwrap());
                line.follow(&room.name, Some(Position { epoch: epoch.clone(), seq }));
                async move {
                    let top = i64::try_from(HELD + MISSED).unwrap();
                    line.live_until_it(CAUGHT_UP * LENIENCE, |line| line.seq(&room.name) == top).await;
                    (since.elapsed(), line)
                }
            });
            let lines = join_all(come_back).await;
            let (times, lines): (Vec<_>, Vec<_>) = lines.into_iter().unzip();
            let dials: usize = lines.iter().map(|line| line.opened).sum();
            let all = times.iter().max().copied().unwrap();
            let figures = format!(
                "{CLIENTS} clients come back and have missed {MISSED} messages; caught up after: {}",
                spread(times)
            );
            println!(
                "{figures}; {dials} connections, {:?} of the server's processor time",
                server.processor_time()
            );
            for view in lines.iter().flat_map(|line| line.views.values()) {
                let held: Vec<i64> = view.messages().map(|message| message.seq.get()).collect();
                let missed = HELD + 1..=HELD + MISSED;
                assert_eq!(held, missed.map(|seq| i64::try_from(seq).unwrap()).collect::<Vec<_>>());
            }
            assert!(all < CAUGHT_UP * LENIENCE, "{figures}");
        });
    });
}

/// Connections that come while the server can't accept any, and within which each is there all the same.
const WAITING: usize = 1_000;
const CONNECTED: Duration = Duration::from_millis(900);

#[test]
fn a_thousand_connections_that_come_while_the_server_is_busy_are_not_turned_away() {
    let waiting_max = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    if waiting_max.trim().parse::<usize>().unwrap() < WAITING {
        return left_out("connections that wait", "the system lets few of them wait: net.core.somaxconn");
    }
    chat_server::raise_open_files(WAITING);
    let database = Database::sqlite();
    let server = ChatServer::start(&database.url);
    // As busy as can be: it does nothing at all.
    server.process.signal("-STOP");
    let connect = |_| TcpStream::connect_timeout(&server.process.address, CONNECTED);
    let connected: Vec<_> = (0..WAITING).map(connect).take_while(Result::is_ok).collect();
    server.process.signal("-CONT");
    assert_eq!(connected.len(), WAITING, "who is let wait tries again only after a second");
    run(async { assert_eq!(server.readiness().await.0, 200) });
}
