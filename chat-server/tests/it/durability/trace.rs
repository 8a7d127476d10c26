//! Under strace: no ack and no message leaves before the log was synced that holds its key.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use serde_json::Value;

use super::senders::Crowd;
use super::syscalls::{Call, Moment, moments};
use crate::outage::ledger::Ledger;
use crate::outage::server::ChatServer;
use crate::outage::strace::{Traced, under_strace};
use crate::outage::until;
use crate::support::run;

/// Acks that are looked at.
const ACKS: usize = 3_000;
/// What strace shows of one call: more than the server writes at once.
const BYTES_MAX: &str = "400000";

#[test]
fn no_ack_and_no_message_leaves_before_a_sync_that_follows_the_write_of_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let calls = "trace=write,writev,sendto,sendmsg,sendmmsg,pwrite64,pwritev,fsync,fdatasync";
    let arguments = ["-y", "-s", BYTES_MAX, "-e", calls];
    let Some(command) = under_strace("the order of syncs and acks", &trace, &arguments) else { return };
    let url = format!("sqlite:{}", folder.path().join("chat.db").display());
    let server = ChatServer::start_as(&url, command);
    let traced = Traced::of(&server);
    let ledger = run(async {
        let mut crowd = Crowd::sign_up(&server).await;
        let scene = Rc::clone(&crowd.scene);
        let end = async {
            until("acks", || scene.ledger.borrow().acks() >= ACKS).await;
            scene.is_over.set(true);
        };
        tokio::join!(crowd.send_until_it_ends(server.process.address), end);
        scene.ledger.take()
    });
    drop(traced);
    // What strace has seen is written down once it has ended.
    server.process.ended();
    let proof = Proof::of(&std::fs::read_to_string(&trace).unwrap(), &ledger);
    println!("strace: {}", proof.figures());
    assert_eq!(proof.early.first(), None, "left before it was on disk: {}", proof.figures());
    assert_eq!(proof.acks, ledger.acks(), "the acks that clients got are the ones of the trace");
    assert!(proof.messages >= ledger.len(), "every message was told to somebody; {}", proof.figures());
    assert!(proof.commits.len() < ledger.acks(), "commits of several messages; {}", proof.figures());
}

/// What a trace shows of the log and of the sockets.
#[derive(Default)]
struct Proof<'l> {
    /// The keys of the messages, by room and number.
    keys: HashMap<(&'l str, i64), &'l str>,
    /// What threads are writing into the log, and how many commits stood in it when they began to sync it.
    under_way: HashMap<u32, LogCall>,
    /// Keys in the frames of the log that belong to no commit yet.
    open: Vec<String>,
    /// Whether the page that comes next ends a commit.
    is_last_page: bool,
    /// The keys of each commit that is written whole.
    commits: Vec<Vec<String>>,
    /// How many of the commits are on disk, and the keys in them.
    synced: usize,
    durable: HashSet<String>,
    syncs: usize,
    acks: usize,
    messages: usize,
    /// What left too early.
    early: Vec<String>,
}

enum LogCall {
    Write(Vec<u8>),
    Sync { commits: usize },
}

/// Bytes in front of each page of the log. The second four tell the size of the database after a commit, and are zero
/// where more pages of it follow.
const FRAME_HEADER_BYTES: usize = 24;
/// Bytes at the beginning of the log, which hold no page.
const LOG_HEADER_BYTES: usize = 32;

impl<'l> Proof<'l> {
    fn of(trace: &str, ledger: &'l Ledger) -> Self {
        let keys = ledger.told().map(|(key, told)| ((told.room.as_str(), told.seq), key)).collect();
        let mut proof = Self { keys, ..Self::default() };
        for moment in moments(trace) {
            match moment {
                Moment::Begin(call) if call.file.ends_with("chat.db-wal") => proof.log_call_begins(call),
                Moment::Begin(call) => proof.leaves(&call.bytes),
                Moment::End { thread, result } => proof.log_call_ends(thread, result),
            }
        }
        proof
    }

    fn log_call_begins(&mut self, call: Call) {
        let log_call = match call.name.as_str() {
            // Not `fsync`, which costs the disk another flush; the settings of the build keep SQLite from it.
            "fdatasync" => LogCall::Sync { commits: self.commits.len() },
            "pwrite64" => LogCall::Write(call.bytes),
            other => panic!("{other} on the log is not expected"),
        };
        self.under_way.insert(call.thread, log_call);
    }

    fn log_call_ends(&mut self, thread: u32, result: i64) {
        match self.under_way.remove(&thread) {
            Some(LogCall::Write(bytes)) if usize::try_from(result) == Ok(bytes.len()) => {
                self.is_written(&bytes)
            }
            Some(LogCall::Sync { commits }) if result == 0 => self.is_synced(commits),
            Some(_) => panic!("a call on the log answered {result}"),
            None => {}
        }
    }

    fn is_written(&mut self, bytes: &[u8]) {
        match bytes.len() {
            LOG_HEADER_BYTES => {}
            FRAME_HEADER_BYTES => self.is_last_page = bytes[4..8] != [0; 4],
            _ => {
                self.open.extend(keys_in(bytes));
                if self.is_last_page {
                    self.commits.push(std::mem::take(&mut self.open));
                }
            }
        }
    }

    fn is_synced(&mut self, commits: usize) {
        self.syncs += 1;
        if commits > self.synced {
            self.durable.extend(self.commits[self.synced..commits].iter().flatten().cloned());
            self.synced = commits;
        }
    }

    /// Looks at what a thread begins to write into a socket.
    fn leaves(&mut self, bytes: &[u8]) {
        for ack in events("ack", bytes) {
            // Other answers than those to sends name no number.
            let Some(seq) = ack["seq"].as_i64() else { continue };
            self.acks += 1;
            self.must_be_durable(self.keys[&(ack["room"].as_str().unwrap(), seq)], "the ack");
        }
        for event in events("new_message", bytes) {
            // Joins have no key.
            let Some(key) = event["message"]["key"].as_str() else { continue };
            self.messages += 1;
            self.must_be_durable(key, "the message");
        }
    }

    fn must_be_durable(&mut self, key: &str, what: &str) {
        if !self.durable.contains(key) {
            self.early.push(format!("{what} {key}"));
        }
    }

    fn figures(&self) -> String {
        let Self { syncs, acks, messages, early, commits, .. } = self;
        let commits = commits.iter().filter(|keys| !keys.is_empty()).count();
        format!(
            "{acks} acks and {messages} messages left, {} too early; {commits} commits, {syncs} syncs",
            early.len()
        )
    }
}

/// The keys in a page of the database, which say where they begin and end.
fn keys_in(page: &[u8]) -> impl Iterator<Item = String> {
    page.split(|&byte| byte == b'<').skip(1).filter_map(|rest| {
        let end = rest.iter().position(|&byte| byte == b'>')?;
        std::str::from_utf8(&rest[..end]).ok().map(|key| format!("<{key}>"))
    })
}

/// The events of a type among the frames that a call writes.
fn events(kind: &str, bytes: &[u8]) -> impl Iterator<Item = Value> {
    let begin = format!(r#"{{"type":"{kind}""#).into_bytes();
    let at = (0..bytes.len()).filter(move |&at| bytes[at..].starts_with(&begin));
    at.map(|at| serde_json::Deserializer::from_slice(&bytes[at..]).into_iter().next().unwrap().unwrap())
}
