//! The batching writer: what waits is committed together, nothing is told before the commit.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use chat_domain::{Command, CommandError, Outcome, RepositoryError, Timestamp};
use chat_store::{CommitSink, Completed, Refused, Store, Writer, WriterOptions, commit};

use crate::chat::{NOW, bodies, room_with_member, sending};
use crate::database::on_each_backend;

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) type Batches = Receiver<Vec<Completed<u32>>>;

/// Passes each batch on, and waits for credit where it is given by hand.
pub(crate) struct Told {
    batches: SyncSender<Vec<Completed<u32>>>,
    credit: Option<Receiver<()>>,
    /// Where the sink looks whether the batch is really there.
    store: Store,
}

impl CommitSink<u32> for Told {
    fn committed(&mut self, batch: Vec<Completed<u32>>, now: Timestamp) {
        for completed in &batch {
            if let Ok(Outcome::MessageSent(sent)) = &completed.result {
                let room = self.store.read(|r| r.find_room(sent.message.room_id)).unwrap().unwrap();
                assert!(room.last_seq >= sent.message.seq, "told before the commit");
                assert!(!sent.is_new || sent.message.created_at == now);
            }
        }
        let _ = self.batches.send(batch);
    }

    fn wait_for_credit(&mut self) {
        if let Some(credit) = &self.credit {
            let _ = credit.recv();
        }
    }
}

pub(crate) fn writer(store: &Store, options: WriterOptions) -> (Writer<u32>, Batches) {
    let (batches, received) = sync_channel(10_000);
    let sink = Told { batches, credit: None, store: store.clone() };
    (Writer::start(store.clone(), options, || NOW, sink).unwrap(), received)
}

fn writer_on_credit(store: &Store, options: WriterOptions) -> (Writer<u32>, Batches, SyncSender<()>) {
    let (batches, received) = sync_channel(10_000);
    let (give, credit) = sync_channel(100);
    let sink = Told { batches, credit: Some(credit), store: store.clone() };
    (Writer::start(store.clone(), options, || NOW, sink).unwrap(), received, give)
}

fn tickets(batch: &[Completed<u32>]) -> Vec<u32> {
    batch.iter().map(|completed| completed.ticket).collect()
}

#[test]
fn sixty_four_sends_that_wait_while_a_batch_is_written_out_are_one_commit() {
    on_each_backend(|database| {
        let store = database.migrated();
        let (room_id, user_id) = room_with_member(&store);
        let (writer, batches, credit) = writer_on_credit(&store, WriterOptions::default());
        let send = |number: u32| {
            let text = number.to_string();
            writer.submit(sending(room_id, user_id, &text, &text), number).unwrap();
        };
        credit.send(()).unwrap();
        send(0);
        assert_eq!(tickets(&batches.recv_timeout(DEADLINE).unwrap()), [0]);
        (1..=64).for_each(send);
        assert_eq!(writer.queued(), 64);
        let commits = database.commits();
        credit.send(()).unwrap();
        assert_eq!(tickets(&batches.recv_timeout(DEADLINE).unwrap()), (1..=64).collect::<Vec<_>>());
        assert_eq!(database.commits() - commits, 1);
        drop(credit);
        writer.stop();
        let expected: Vec<String> = (0..=64).map(|number| number.to_string()).collect();
        assert_eq!(bodies(&store, room_id), expected);
    });
}

#[test]
fn a_batch_ends_at_its_limits() {
    on_each_backend(|database| {
        let store = database.migrated();
        let (room_id, user_id) = room_with_member(&store);
        let options = WriterOptions { queue_max: 100, batch_max: 3, batch_bytes_max: 1_000 };
        let (writer, batches, credit) = writer_on_credit(&store, options);
        let long = "x".repeat(900);
        for (number, body) in (0..).zip(["a", "b", "c", "d", &long, &long, "e"]) {
            writer.submit(sending(room_id, user_id, body, &format!("k{number}")), number).unwrap();
        }
        drop(credit);
        writer.stop();
        let sizes: Vec<Vec<u32>> = batches.iter().map(|batch| tickets(&batch)).collect();
        assert_eq!(sizes, [vec![0, 1, 2], vec![3, 4], vec![5, 6]]);
    });
}

#[test]
fn a_full_queue_refuses_and_stopping_commits_what_is_queued() {
    on_each_backend(|database| {
        let store = database.migrated();
        let (room_id, user_id) = room_with_member(&store);
        let options = WriterOptions { queue_max: 2, ..WriterOptions::default() };
        let (writer, batches, credit) = writer_on_credit(&store, options);
        let send = |number: u32| {
            let text = number.to_string();
            writer.submit(sending(room_id, user_id, &text, &text), number)
        };
        send(1).unwrap();
        send(2).unwrap();
        assert_eq!(send(3), Err(Refused::Full(3)));
        assert_eq!(send(3).unwrap_err().into_ticket(), 3);
        drop(credit);
        writer.stop();
        assert_eq!(batches.iter().map(|batch| batch.len()).sum::<usize>(), 2);
        assert_eq!(bodies(&store, room_id), ["1", "2"]);
    });
}

#[test]
fn a_sink_that_panics_stops_the_writer_and_nobody_waits_in_vain() {
    struct Panics;
    impl CommitSink<u32> for Panics {
        fn committed(&mut self, _batch: Vec<Completed<u32>>, _now: Timestamp) {
            panic!("on purpose")
        }
    }
    on_each_backend(|database| {
        let store = database.migrated();
        let (room_id, user_id) = room_with_member(&store);
        let writer = Writer::start(store, WriterOptions::default(), || NOW, Panics).unwrap();
        writer.submit(sending(room_id, user_id, "hi", "k"), 1).unwrap();
        let since = std::time::Instant::now();
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
