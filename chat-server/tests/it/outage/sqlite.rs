//! The SQLite file is locked from outside, or its disk is full: refusals in time, reading goes on, no restart.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::ledger::Ledger;
use super::server::{ChatServer, message, refused, until_acknowledged};
use super::{ANSWER, RECOVERY, timed};
use crate::support::{Client, LENIENCE, left_out, run};

#[test]
fn a_sqlite_file_that_is_locked_from_outside_refuses_sends_in_time_and_is_still_read() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("chat.db").display());
    let server = ChatServer::start(&url);
    run(async {
        let mut ledger = Ledger::default();
        let (mut ann, mut bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
        let (mut cleo, mut dora) = (server.sign_up("cleo").await, server.sign_up("dora").await);
        cleo.join("general").await;
        dora.join("general").await;
        ann.join("general").await;
        ledger.note("before", &ann.say("general", "before", "before").await);

        let mut other = connect(&folder.path().join("chat.db"));
        other.batch_execute("BEGIN IMMEDIATE").unwrap();
        let (send, join, (read, page), (pinged, _)) = tokio::join!(
            refused("unavailable", &mut ann, message("general", "during")),
            refused("unavailable", &mut bob, json!({"type": "join_room", "room": "general"})),
            timed(cleo.ask(json!({"type": "get_history", "room": "general", "before": 100}))),
            timed(dora.ask(json!({"type": "ping"}))),
        );
        assert_eq!(page["type"], "history", "reading goes on: {page}");
        let again = refused("unavailable", &mut ann, message("general", "during")).await;
        other.batch_execute("COMMIT").unwrap();

        let returned = Instant::now();
        ledger.note("during", &until_acknowledged(&mut ann, &message("general", "during")).await);
        let recovery = returned.elapsed();
        let figures = format!(
            "SQLite locked: send refused after {send:?}, again {again:?}, join {join:?}; history after {read:?}, \
             ping {pinged:?}; sends work {recovery:?} after the lock, {} lines of log",
            server.log().lines().count()
        );
        println!("{figures}");
        assert!(recovery < RECOVERY * LENIENCE && read < ANSWER, "{figures}");
        bob.join("general").await;
        cleo.hear("during").await;
        ledger.check(&url);
    });
}

#[expect(clippy::disallowed_methods, reason = "a connection of a fixed backend, past the store")]
pub(super) fn connect(path: &Path) -> SqliteConnection {
    SqliteConnection::establish(path.to_str().unwrap()).unwrap()
}

/// Bytes of the small file system. The write-ahead log alone grows to four million.
const DISK_BYTES: u32 = 8 * 1024 * 1024;
/// Messages after which a full disk must have shown.
const SENDS_MAX: usize = 2_000;

#[test]
fn a_full_disk_refuses_sends_by_name_and_needs_no_restart() {
    let Some(disk) = SmallDisk::mount("a full disk") else { return };
    let url = format!("sqlite:{}", disk.path().join("chat.db").display());
    let server = ChatServer::start(&url);
    run(async {
        let mut ledger = Ledger::default();
        let mut clients = Vec::new();
        for name in ["ann", "bob", "cleo", "dora", "eve", "finn"] {
            let mut client = server.sign_up(name).await;
            client.join("general").await;
            clients.push(client);
        }
        let mut newcomer = server.sign_up("gina").await;
        let filler = disk.fill();
        let (ann, others) = clients.split_first_mut().unwrap();
        let (key, took) = send_until_full(ann, &mut ledger).await;
        let again = refused("storage_full", ann, long_message(&key)).await;
        let join =
            refused("storage_full", &mut newcomer, json!({"type": "join_room", "room": "general"})).await;
        // As many at once as there are readers, so that each of them is opened by now.
        let pages = others
            .iter_mut()
            .map(|client| client.ask(json!({"type": "get_history", "room": "general", "before": 100_000})));
        for page in futures_util::future::join_all(pages).await {
            assert!(
                page["messages"].as_array().is_some_and(|page| !page.is_empty()),
                "reading goes on: {page}"
            );
        }
        ledger.check(&url);

        std::fs::remove_file(filler).unwrap();
        let returned = Instant::now();
        ledger.note(&key, &until_acknowledged(ann, &long_message(&key)).await);
        let recovery = returned.elapsed();
        let figures = format!(
            "disk full: after {} sends refused after {took:?}, again {again:?}, join {join:?}; sends work \
             {recovery:?} after there is room, {} lines of log",
            ledger.len(),
            server.log().lines().count()
        );
        println!("{figures}");
        assert!(took < ANSWER * LENIENCE && recovery < RECOVERY * LENIENCE, "{figures}");
        newcomer.join("general").await;
        for client in others {
            client.ask(json!({"type": "ping"})).await;
        }
        ledger.check(&url);
    });
}

/// Sends until the disk is full; gives back the key of the first send that was refused, and how long that took.
async fn send_until_full(ann: &mut Client, ledger: &mut Ledger) -> (String, Duration) {
    for n in 0..SENDS_MAX {
        let key = format!("k{n}");
        let (took, answer) = timed(ann.ask(long_message(&key))).await;
        if answer["type"] == "error" {
            assert_eq!(answer["code"], "storage_full", "{answer}");
            return (key, took);
        }
        ledger.note(&key, &answer);
    }
    panic!("{SENDS_MAX} messages fitted on a full disk");
}

fn long_message(key: &str) -> Value {
    json!({"type": "send_message", "room": "general", "body": "x".repeat(8_000), "key": key})
}

/// A small file system in memory; unmounted when it is dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None`, said loudly, where this process may not mount one.
    fn mount(test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={DISK_BYTES},mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            left_out(test, "only root may mount a small file system");
        }
        mounted.then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills it; gives back the file that takes the room.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
