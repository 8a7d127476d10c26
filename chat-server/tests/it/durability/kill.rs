//! kill -9 in the middle of sends: every acknowledged message is there after the restart, once and in order.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::pages;
use super::senders::{Crowd, Scene};
use crate::outage::ledger::Ledger;
use crate::outage::server::ChatServer;
use crate::outage::until;
use crate::support::{Database, on_each_backend, random, run};

/// How often the server is killed, on each database; `CHAT_TEST_KILL_CYCLES` says otherwise.
const CYCLES: usize = 25;
/// Acks after which the server is killed, at most; the number is drawn for each cycle, and may be none.
const ACKS_MAX: usize = 400;
/// How much later it is killed, at most.
const LATER_MAX: Duration = Duration::from_millis(5);
/// Of so many restarts one is killed itself before it is done.
const STARTS_PER_KILL: u32 = 4;
/// When in its start, at most.
const START_MAX: Duration = Duration::from_millis(150);
/// Cycles between two looks at everything from the first number on.
const FULL_CHECK_CYCLES: usize = 100;

/// What happened to the sends.
#[derive(Debug, Default)]
struct Tally {
    /// Restarts that were killed as well.
    starts_killed: usize,
    /// Sends without an ack at a kill that were found in the tables afterwards.
    stored: usize,
    /// And those that were not.
    not_stored: usize,
}

#[test]
fn acknowledged_messages_survive_kill_9_once_and_in_order() {
    let cycles = std::env::var("CHAT_TEST_KILL_CYCLES").map_or(CYCLES, |cycles| cycles.parse().unwrap());
    on_each_backend(|database| {
        let began = Instant::now();
        let (mut random, mut tally) = (random::seeded("kill -9"), Tally::default());
        let mut server = ChatServer::start(&database.url);
        let mut crowd = run(Crowd::sign_up(&server));
        for cycle in 1..=cycles {
            run(send_until_killed(server, &mut crowd, &mut random));
            server = restart(&database, &mut random, &mut tally);
            compare(&database, &crowd, &mut tally);
            if cycle % FULL_CHECK_CYCLES == 0 {
                crowd.scene.ledger.borrow().check(&database.url);
                println!("{cycle} cycles in {:?}: {tally:?}", began.elapsed());
            }
        }
        run(crowd.settle(server.process.address));
        let Scene { ledger, retries, .. } = &*crowd.scene;
        let (ledger, retries) = (ledger.borrow(), retries.get());
        ledger.check(&database.url);
        run(check_pages(&server, &ledger));
        let figures = format!(
            "kill -9, {cycles} cycles in {:?}: {} messages, {} acks, {retries} retries, {tally:?}",
            began.elapsed(),
            ledger.len(),
            ledger.acks(),
        );
        println!("{figures}");
        assert!(tally.stored + tally.not_stored >= cycles, "sends were under way: {figures}");
        assert!(tally.stored > 0 && tally.not_stored > 0, "killed before commits and after them: {figures}");
    });
}

/// Lets everybody send, and kills the server at a moment that is drawn.
async fn send_until_killed(server: ChatServer, crowd: &mut Crowd, random: &mut fastrand::Rng) {
    let address = server.process.address;
    let (scene, later) = (Rc::clone(&crowd.scene), random::time_below(random, LATER_MAX));
    let enough = scene.ledger.borrow().acks() + random.usize(..ACKS_MAX);
    let kill = async {
        until("acks", || scene.ledger.borrow().acks() >= enough).await;
        tokio::time::sleep(later).await;
        server.process.kill();
    };
    tokio::join!(crowd.send_until_it_ends(address), kill);
}

/// Starts the server, now and then at the second try.
fn restart(database: &Database, random: &mut fastrand::Rng, tally: &mut Tally) -> ChatServer {
    if random.u32(..STARTS_PER_KILL) == 0 {
        ChatServer::kill_while_it_starts(&database.url, random::time_below(random, START_MAX));
        tally.starts_killed += 1;
    }
    ChatServer::start(&database.url)
}

/// Compares the tables with all that was told since the last time.
fn compare(database: &Database, crowd: &Crowd, tally: &mut Tally) {
    let mut ledger = crowd.scene.ledger.borrow_mut();
    ledger.check_new(&database.url);
    let (in_doubt, stored) =
        (crowd.in_doubt().count(), crowd.in_doubt().filter(|key| ledger.is_stored(key)).count());
    tally.stored += stored;
    tally.not_stored += in_doubt - stored;
}

/// What the server shows of a room is the same.
async fn check_pages(server: &ChatServer, ledger: &Ledger) {
    let of_room = ledger.told().filter(|(_, told)| told.room == "general");
    let ledger = of_room.map(|(key, told)| (key.to_owned(), told.seq)).collect();
    let mut zoe = server.sign_up("zoe").await;
    pages::check(&mut zoe, &ledger).await;
}
