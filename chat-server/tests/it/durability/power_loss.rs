//! The power fails: the file system under the data is shut down in the middle of sends, and what was not synced is gone.
//! After the restart every acknowledged message is there.
//!
//! The server stands still in that moment, as it would without power. If it ran on, a sync that spans the shutdown of
//! XFS might return success and have written nothing (so it does for any program, once in 60 shutdowns on Linux 6.18).

use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;

use tempfile::TempDir;

use super::senders::Crowd;
use crate::outage::server::ChatServer;
use crate::outage::until;
use crate::support::{eventually, left_out, random, run};

/// How often the power fails; `CHAT_TEST_POWER_FAILURES` says otherwise.
const FAILURES: usize = 6;
/// Whose power it is.
const KINDS: [PowerOf; 2] = [PowerOf::Machine, PowerOf::Disk];
/// Acks after which it fails; the number is drawn for each failure.
const ACKS: std::ops::Range<u64> = 20..600;

/// What loses its power.
#[derive(Debug, Clone, Copy)]
enum PowerOf {
    /// The server and its disk, also in the middle of a write or a sync.
    Machine,
    /// The disk alone, between two calls: the server lives on without it.
    Disk,
}

#[test]
fn acknowledged_messages_survive_a_power_failure_once_and_in_order() {
    let failures = std::env::var("CHAT_TEST_POWER_FAILURES").map_or(FAILURES, |count| count.parse().unwrap());
    let Some(disk) = Disk::mount("a power failure") else { return };
    let mut random = random::seeded("power failure");
    let url = format!("sqlite:{}", disk.folder().join("chat.db").display());
    let mut server = ChatServer::start(&url);
    let mut crowd = run(Crowd::sign_up(&server));
    let (mut stored, mut not_stored) = (0, 0);
    for power in KINDS.into_iter().cycle().take(failures) {
        let acks = random.u64(ACKS);
        run(send_until_the_power_fails(power, &server, &mut crowd, &disk, acks));
        server.process.kill();
        disk.mount_again();
        crowd.scene.is_disk_gone.set(false);
        server = ChatServer::start(&url);
        let mut ledger = crowd.scene.ledger.borrow_mut();
        ledger.check_new(&url);
        let found = crowd.in_doubt().filter(|key| ledger.is_stored(key)).count();
        stored += found;
        not_stored += crowd.in_doubt().count() - found;
    }
    run(crowd.settle(server.process.address));
    let ledger = crowd.scene.ledger.borrow();
    ledger.check(&url);
    let (refusals, retries) = (crowd.scene.refusals.get(), crowd.scene.retries.get());
    println!(
        "{failures} power failures: {} acks, {refusals} refusals, {retries} retries; of the sends in doubt {stored} were \
         stored, {not_stored} were not",
        ledger.acks()
    );
    assert!(refusals > 0, "the server lived on without its disk, and refused");
}

/// Lets everybody send, and shuts the file system down. A server that lives on can only refuse then.
async fn send_until_the_power_fails(
    power: PowerOf,
    server: &ChatServer,
    crowd: &mut Crowd,
    disk: &Disk,
    acks: u64,
) {
    let scene = Rc::clone(&crowd.scene);
    let enough = scene.ledger.borrow().acks() + usize::try_from(acks).unwrap();
    let failure = async {
        until("acks", || scene.ledger.borrow().acks() >= enough).await;
        server.process.signal("-STOP");
        eventually("standing still", || stands_still(power, &server.thread_states()).then_some(()));
        disk.fail();
        scene.is_disk_gone.set(true);
        server.process.signal(match power {
            PowerOf::Machine => "-KILL",
            PowerOf::Disk => "-CONT",
        });
    };
    tokio::join!(crowd.send_until_it_ends(server.process.address), failure);
}

/// Whether no thread of a server runs any more that was told to stop.
fn stands_still(power: PowerOf, threads: &[char]) -> bool {
    threads.iter().all(|state| match state {
        'T' => true,
        // In a call into the disk; it stops when that returns.
        'D' => matches!(power, PowerOf::Machine),
        _ => false,
    })
}

/// Bytes of the file system: the smallest that `mkfs.xfs` makes. The file that it lies in has holes.
const DISK_BYTES: u64 = 300 * 1024 * 1024;
/// A file that is written and not synced before the power fails.
const UNSYNCED: &str = "unsynced";

/// A file system of its own in a file; unmounted when it is dropped, which frees its loop device as well.
struct Disk(TempDir);

impl Disk {
    /// `None`, said loudly, where this process may not mount one or lacks the programs.
    fn mount(test: &str) -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(disk.folder()).unwrap();
        std::fs::File::create(disk.image()).unwrap().set_len(DISK_BYTES).unwrap();
        let made = succeed(Command::new("mkfs.xfs").arg("-q").arg(disk.image()))
            .and_then(|()| succeed(Command::new("xfs_io").arg("-V")))
            .and_then(|()| disk.try_mount());
        if let Err(why) = &made {
            left_out(test, &format!("it takes root, xfsprogs and a loop device ({why})"));
        }
        made.is_ok().then_some(disk)
    }

    /// The folder under which it is mounted.
    fn folder(&self) -> PathBuf {
        self.0.path().join("mounted")
    }

    fn image(&self) -> PathBuf {
        self.0.path().join("image")
    }

    fn try_mount(&self) -> Result<(), String> {
        succeed(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.folder()))
    }

    /// From now on nothing more gets there, and what has not got there is lost: the log of the file system, too, is not
    /// written down.
    fn fail(&self) {
        std::fs::write(self.folder().join(UNSYNCED), "lost").unwrap();
        succeed(Command::new("xfs_io").args(["-x", "-c", "shutdown"]).arg(self.folder())).unwrap();
    }

    /// The power is back.
    fn mount_again(&self) {
        eventually("unmounting", || succeed(Command::new("umount").arg(self.folder())).ok());
        self.try_mount().unwrap();
        let unsynced = std::fs::read_to_string(self.folder().join(UNSYNCED)).unwrap_or_default();
        assert_eq!(unsynced, "", "what was not synced is gone, or this was no failure of the power");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.folder()).output();
    }
}

/// Runs a command; what it says is told if it fails.
fn succeed(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(text) }
}
