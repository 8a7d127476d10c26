//! The batching writer: what waits is committed together, nothing is told before the commit.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use chat_domain::{Command, CommandError, Outcome, RepositoryError, RoomId, Timestamp};
use chat_store::{
    Audience, CommitSink, Completed, Credit, CreditShare, Refused, Store, Writer, WriterOptions, commit,
};

use crate::chat::{NOW, bodies, join, room, room_with_member, sending};
use crate::database::{Database, on_each_backend};

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) type Batches = Receiver<Vec<Completed<u32>>>;

/// Passes each batch on, and a share of its credit where somebody wants to hold it.
struct Told {
    batches: SyncSender<Vec<Completed<u32>>>,
    shares: Option<SyncSender<CreditShare>>,
    /// The room that many hear.
    large: Option<RoomId>,
    /// Where the sink looks whether the batch is really there.
    store: Store,
}

impl CommitSink<u32> for Told {
    fn committed(&mut self, batch: Vec<Completed<u32>>, now: Timestamp, credit: Credit) {
        for completed in &batch {
            if let Ok(Outcome::MessageSent(sent)) = &completed.result {
                let room = self.store.read(|r| r.find_room(sent.message.room_id)).unwrap().unwrap();
                assert!(room.last_seq >= sent.message.seq, "told before the commit");
                assert!(!sent.is_new || sent.message.created_at == now);
            }
        }
        if let Some(shares) = &self.shares {
            let is_large = |completed: &Completed<u32>| completed.command.room_id() == self.large;
            let audience = if batch.iter().any(is_large) { Audience::Many } else { Audience::Few };
            let _ = shares.send(credit.share(audience));
        }
        let _ = self.batches.send(batch);
    }
}

pub(crate) fn writer(store: &Store, options: WriterOptions) -> (Writer<u32>, Batches) {
    let (batches, received) = sync_channel(10_000);
    let sink = Told { batches, shares: None, large: None, store: store.clone() };
    (Writer::start(store.clone(), options, || NOW, |_| Audience::Few, sink).unwrap(), received)
}

/// A writer that commits only what the shares of its batches allow.
struct HeldWriter {
    writer: Writer<u32>,
    batches: Batches,
    shares: Receiver<CreditShare>,
    /// The share of the first batch, which was this message, with the ticket 0.
    first: Option<CreditShare>,
}

impl HeldWriter {
    fn new(store: &Store, options: WriterOptions, first: Command, large: Option<RoomId>) -> Self {
        let (batches, received) = sync_channel(10_000);
        let (give, shares) = sync_channel(10_000);
        let sink = Told { batches, shares: Some(give), large, store: store.clone() };
        let audience = move |room_id| if Some(room_id) == large { Audience::Many } else { Audience::Few };
        let writer = Writer::start(store.clone(), options, || NOW, audience, sink).unwrap();
        writer.submit(first, 0).unwrap();
        let share = shares.recv_timeout(DEADLINE).unwrap();
        let held = Self { writer, batches: received, shares, first: Some(share) };
        assert_eq!(held.next(), [0]);
        held
    }

    /// The tickets of the next batch.
    fn next(&self) -> Vec<u32> {
        tickets(&self.batches.recv_timeout(DEADLINE).unwrap())
    }
}

fn tickets(batch: &[Completed<u32>]) -> Vec<u32> {
    batch.iter().map(|completed| completed.ticket).collect()
}

#[test]
fn sixty_four_sends_that_wait_while_a_batch_is_written_out_are_one_commit() {
    on_each_backend(|database| {
        let store = database.migrated();
        let (room_id, user_id) = room_with_member(&store);
        let message = |number: u32| {
            let text = number.to_string();
            sending(room_id, user_id, &text, &text)
        };
        let held = HeldWriter::new(&store, WriterOptions::default(), message(0), None);
        for number in 1..=64 {
            held.writer.submit(message(number), number).unwrap();
        }
        assert_eq!(held.writer.queued(), 64);
        let commits = database.commits();
        drop(held.first);
        let batch = held.batches.recv_timeout(DEADLINE).unwrap();
        assert_eq!(tickets(&batch), (1..=64).collect::<Vec<_>>());
        assert_eq!(database.commits() - commits, 1);
        held.writer.stop();
        let expected: Vec<String> = (0..=64).map(|number| number.to_string()).collect();
        assert_eq!(bodies(&store, room_id), expected);
    });
}

#[test]
fn what_few_hear_does_not_wait_until_what_many_hear_is_written_out() {
    on_each_backend(|database| {
        let store = database.migrated();
        let (large, user_id) = room_with_member(&store);
        let small = room(&store, "small");
        join(&store, small, user_id);
        let first = sending(large, user_id, "0", "0");
        let mut held = HeldWriter::new(&store, WriterOptions::default(), first, Some(large));
        let first = held.first.take();
        let send = |room_id, number: u32| {
            let text = number.to_string();
            held.writer.submit(sending(room_id, user_id, &text, &text), number).unwrap();
        };
        [1, 3].into_iter().for_each(|number| send(large, number));
        send(small, 2);
        assert_eq!(held.next(), [2], "the large room is still being told");
        // The share of the small room's batch holds everything back.
        [(large, 4), (small, 5), (large, 6), (small, 7)]
            .into_iter()
            .for_each(|(id, number)| send(id, number));
        drop(held.shares.recv_timeout(DEADLINE).unwrap());
        assert_eq!(held.next(), [5, 7]);
        drop((first, held.shares.recv_timeout(DEADLINE).unwrap()));
        assert_eq!(held.next(), [1, 3, 4, 6]);
        held.writer.stop();
    });
}

#[test]
fn one_full_batch_more_is_taken_while_many_are_told_and_no_third() {
    on_each_backend(|database| {
        let store = database.migrated();
        let (large, user_id) = room_with_member(&store);
        let small = room(&store, "small");
        join(&store, small, user_id);
        let first = sending(large, user_id, "0", "0");
        let held = HeldWriter::new(&store, WriterOptions::default(), first, Some(large));
        let send = |room_id, numbers: std::ops::RangeInclusive<u32>| {
            for number in numbers {
                let text = number.to_string();
                held.writer.submit(sending(room_id, user_id, &text, &text), number).unwrap();
            }
        };
        send(large, 1..=62);
        send(small, 1_000..=1_000);
        assert_eq!(held.next(), [1_000], "63 wait, which is no full batch");
        drop(held.shares.recv_timeout(DEADLINE).unwrap());
        send(large, 63..=64);
        assert_eq!(held.next(), (1..=64).collect::<Vec<_>>());
        let second = held.shares.recv_timeout(DEADLINE).unwrap();
        send(large, 65..=128);
        send(small, 1_001..=1_001);
        assert_eq!(held.next(), [1_001], "two batches are being written out");
        drop((second, held.shares.recv_timeout(DEADLINE).unwrap()));
        assert_eq!(held.next(), (65..=128).collect::<Vec<_>>());
        held.writer.stop();
    });
}

#[test]
fn commits_go_on_where_nobody_gives_credit_back() {
    on_each_backend(|database| {
        let store = database.migrated();
        let (room_id, user_id) = room_with_member(&store);
        let message = |text| sending(room_id, user_id, text, text);
        let held = HeldWriter::new(&store, WriterOptions::default(), message("first"), None);
        held.writer.submit(message("second"), 1).unwrap();
        assert_eq!(held.next(), [1]);
        held.writer.submit(message("third"), 2).unwrap();
        assert_eq!(held.next(), [2]);
        held.writer.stop();
        drop((held.first, held.shares));
    });
}

#[test]
fn what_was_committed_soon_stands_in_the_file_of_sqlite_and_not_only_in_its_log() {
    let database = Database::sqlite();
    let store = database.migrated();
    let (room_id, user_id) = room_with_member(&store);
    let (writer, batches) = writer(&store, WriterOptions::default());
    // Eight pages of the log for each: an eighth of that after which a commit copies it.
    for number in 0..64 {
        let text = number.to_string();
        writer.submit(sending(room_id, user_id, &text, &text), number).unwrap();
        assert_eq!(tickets(&batches.recv_timeout(DEADLINE).unwrap()), [number]);
    }
    let begun = Instant::now();
    while database.messages_without_log() < Some(64) {
        assert!(begun.elapsed() < DEADLINE, "nobody copied the log");
        std::thread::yield_now();
    }
    writer.stop();
}

#[test]
fn the_log_of_sqlite_has_a_bound_also_where_nobody_copies_it_beside_commits() {
    const LOG_BYTES_MAX: usize = 4_096 * (4_096 + 24) + 32;
    let database = Database::sqlite();
    let store = database.migrated();
    let (room_id, user_id) = room_with_member(&store);
    let body = "x".repeat(8_000);
    let send = |number: usize| (sending(room_id, user_id, &body, &number.to_string()), number);
    let mut commit_bytes_max = 0;
    for batch in 0..12 {
        let before = database.log_bytes();
        let completed = commit(&store, NOW, (0..256).map(|number| send(batch * 256 + number)).collect());
        assert!(completed.iter().all(|completed| completed.result.is_ok()));
        commit_bytes_max = commit_bytes_max.max(database.log_bytes() - before);
    }
    assert!(12 * commit_bytes_max > LOG_BYTES_MAX * 3 / 2, "it could have grown beyond its bound");
    assert!(database.log_bytes() <= LOG_BYTES_MAX + commit_bytes_max, "{}", database.log_bytes());
}

#[test]
fn a_batch_ends_at_its_limits() {
    on_each_backend(|database| {
        let store = database.migrated();
        let (room_id, user_id) = room_with_member(&store);
        let options = WriterOptions { queue_max: 100, batch_max: 3, batch_bytes_max: 1_000 };
        let held = HeldWriter::new(&store, options, sending(room_id, user_id, "first", "k"), None);
        let long = "x".repeat(900);
        for (number, body) in (0..).zip(["a", "b", "c", "d", &long, &long, "e"]) {
            held.writer.submit(sending(room_id, user_id, body, &format!("k{number}")), number).unwrap();
        }
        drop((held.first, held.shares));
        held.writer.stop();
        let sizes: Vec<Vec<u32>> = held.batches.iter().map(|batch| tickets(&batch)).collect();
        assert_eq!(sizes, [vec![0, 1, 2], vec![3, 4], vec![5, 6]]);
    });
}

#[test]
fn a_full_queue_refuses_and_stopping_commits_what_is_queued() {
    on_each_backend(|database| {
        let store = database.migrated();
        let (room_id, user_id) = room_with_member(&store);
        let options = WriterOptions { queue_max: 2, ..WriterOptions::default() };
        let held = HeldWriter::new(&store, options, sending(room_id, user_id, "0", "0"), None);
        let send = |number: u32| {
            let text = number.to_string();
            held.writer.submit(sending(room_id, user_id, &text, &text), number)
        };
        send(1).unwrap();
        send(2).unwrap();
        assert_eq!(send(3), Err(Refused::Full(3)));
        assert_eq!(send(3).unwrap_err().into_ticket(), 3);
        // Nobody gives the credit back any more.
        held.writer.stop();
        assert_eq!(held.batches.iter().map(|batch| batch.len()).sum::<usize>(), 2);
        assert_eq!(bodies(&store, room_id), ["0", "1", "2"]);
        drop(held.first);
    });
}

#[test]
fn a_sink_that_panics_stops_the_writer_and_nobody_waits_in_vain() {
    struct Panics;
    impl CommitSink<u32> for Panics {
        fn committed(&mut self, _batch: Vec<Completed<u32>>, _now: Timestamp, _: Credit) {
            panic!("on purpose")
        }
    }
    on_each_backend(|database| {
        let store = database.migrated();
        let (room_id, user_id) = room_with_member(&store);
        let writer =
            Writer::start(store, WriterOptions::default(), || NOW, |_| Audience::Few, Panics).unwrap();
        writer.submit(sending(room_id, user_id, "hi", "k"), 1).unwrap();
        let since = Instant::now();
        while !matches!(writer.submit(sending(room_id, user_id, "hi", "k"), 2), Err(Refused::Stopped(2))) {
            assert!(since.elapsed() < DEADLINE);
            std::thread::yield_now();
        }
    });
}

#[test]
fn a_command_that_meets_a_corrupt_row_fails_alone() {
    on_each_backend(|database| {
        let store = database.migrated();
        let (room_id, user_id) = room_with_member(&store);
        let run = |commands: Vec<Command>| {
            let batch: Vec<(Command, u32)> = commands.into_iter().zip(0..).collect();
            commit(&store, NOW, batch)
        };
        run(vec![sending(room_id, user_id, "spoilt", "k")]);
        database.execute("UPDATE chat_message SET message_type = 'song'");
        let completed = run(vec![
            sending(room_id, user_id, "one", "1"),
            sending(room_id, user_id, "spoilt", "k"),
            sending(room_id, user_id, "two", "2"),
        ]);
        assert!(completed[0].result.is_ok() && completed[2].result.is_ok(), "{completed:?}");
        assert!(
            matches!(&completed[1].result, Err(CommandError::Repository(RepositoryError::Corrupt(_)))),
            "{completed:?}"
        );
        assert!(matches!(&completed[1].command, Command::SendMessage(send) if send.user_id == user_id));
        assert_eq!(tickets(&completed), [0, 1, 2]);
        database.execute("UPDATE chat_message SET message_type = 'text'");
        assert_eq!(bodies(&store, room_id), ["spoilt", "one", "two"]);
    });
}
