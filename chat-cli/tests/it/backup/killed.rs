//! A program that ends in the middle leaves the old state or the new one, and the next one works.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::{backup_of, epoch, last_seqs, talked};
use crate::chat::{Chat, on_every_database};

/// Moments at which each command is killed.
const MOMENTS: u32 = 10;
/// The signal of a file that grows beyond its limit.
const SIGXFSZ: i32 = 25;
const SIGKILL: i32 = 9;

/// The program with a limit for the files that it writes, in KiB; it dies there, or is told with `trap ''`.
fn limited(chat: &Chat, kib: u64, before: &str, args: &[&str]) -> Output {
    let plain = chat.command(args);
    let mut command = Command::new("bash");
    command.arg("-c").arg(format!("{before} ulimit -f {kib}; exec \"$@\"")).arg("bash");
    command.arg(plain.get_program()).args(args).current_dir(chat.folder());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.output().unwrap()
}

/// File sizes in KiB between nothing and all of a file.
fn sizes(file: &str) -> impl Iterator<Item = u64> {
    let whole = Path::new(file).metadata().unwrap().len() / 1_024;
    (0..5).map(move |part| whole * part / 5 + 8)
}

#[test]
fn a_backup_that_dies_while_it_writes_makes_no_file_and_spoils_none() {
    on_every_database(|chat| {
        let old = backup_of(talked(chat, 1_000));
        let before = std::fs::read(&old).unwrap();
        let new = chat.folder().join("new.backup");
        let new = new.to_str().unwrap();
        for kib in sizes(&old) {
            for args in [&["backup", "create", "--force", &old][..], &["backup", "create", new]] {
                let died = limited(chat, kib, "", args);
                assert_eq!(died.status.signal(), Some(SIGXFSZ), "{kib} KiB: {died:?}");
                let failed = limited(chat, kib, "trap '' XFSZ;", args);
                assert_eq!(failed.status.code(), Some(1), "{kib} KiB: {failed:?}");
            }
            assert_eq!(std::fs::read(&old).unwrap(), before);
            assert!(!Path::new(new).exists());
        }
        chat.must(&["backup", "create", "--force", &old]);
        chat.must(&["backup", "verify", &old]);
        chat.must(&["backup", "create", new]);
        assert_eq!(chat.folder().read_dir().unwrap().filter(is_partial).count(), 0);
    });
}

fn is_partial(file: &std::io::Result<std::fs::DirEntry>) -> bool {
    file.as_ref().unwrap().file_name().to_string_lossy().ends_with(".partial")
}

#[test]
fn a_restore_that_dies_while_it_writes_leaves_the_old_database() {
    let chat = Chat::on_sqlite();
    let file = backup_of(talked(&chat, 1_000));
    chat.must(&["seed", "--users", "3", "--messages", "1100"]);
    let (old_epoch, old) = (epoch(&chat), last_seqs(&chat));
    for kib in sizes(&file) {
        let died = limited(&chat, kib, "", &["restore", &file]);
        assert_eq!(died.status.signal(), Some(SIGXFSZ), "{kib} KiB: {died:?}");
        let failed = limited(&chat, kib, "trap '' XFSZ;", &["restore", &file]);
        assert_eq!(failed.status.code(), Some(1), "{kib} KiB: {failed:?}");
        assert_eq!((epoch(&chat), last_seqs(&chat)), (old_epoch.clone(), old.clone()));
    }
    chat.must(&["restore", &file]);
    assert!(last_seqs(&chat) < old);
}

/// Runs the program and kills it after a time, unless it has ended by then. Says whether it was killed.
fn killed_after(chat: &Chat, args: &[&str], time: Duration) -> bool {
    let mut child = chat.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let (_never_sends, never) = mpsc::sync_channel::<()>(0);
    let _ = never.recv_timeout(time);
    let _ = child.kill();
    let status = child.wait().unwrap();
    assert!(status.success() || status.signal() == Some(SIGKILL), "{status}");
    !status.success()
}

/// Times from the start of a program to its end.
fn moments(whole: Duration) -> impl Iterator<Item = Duration> {
    (0..MOMENTS).map(move |moment| whole * moment / (MOMENTS - 2))
}

#[test]
fn a_backup_killed_at_any_moment_is_whole_or_not_there() {
    on_every_database(|chat| {
        talked(chat, 3_000);
        let begun = Instant::now();
        let file = backup_of(chat);
        for moment in moments(begun.elapsed()) {
            std::fs::remove_file(&file).unwrap();
            killed_after(chat, &["backup", "create", &file], moment);
            if Path::new(&file).exists() {
                chat.must(&["backup", "verify", &file]);
            } else {
                chat.must(&["backup", "create", &file]);
            }
        }
    });
}

#[test]
fn a_restore_killed_at_any_moment_leaves_the_old_chat_or_the_new_one() {
    let source = Chat::on_sqlite();
    let file = backup_of(talked(&source, 3_000));
    let new = last_seqs(&source);

    let chat = Chat::on_sqlite();
    talked(&chat, 10);
    let (old_epoch, old) = (epoch(&chat), last_seqs(&chat));
    let old_file = chat.folder().join("old.backup").to_str().unwrap().to_owned();
    chat.must(&["backup", "create", &old_file]);
    let begun = Instant::now();
    chat.must(&["restore", &file]);
    for moment in moments(begun.elapsed()) {
        chat.must(&["restore", "--replace", &old_file]);
        let before = epoch(&chat);
        assert_ne!(before, old_epoch);
        killed_after(&chat, &["restore", "--replace", &file], moment);
        match last_seqs(&chat) {
            held if held == old => assert_eq!(epoch(&chat), before),
            held => {
                assert_eq!(held, new);
                assert_ne!(epoch(&chat), before);
            }
        }
        chat.must(&["backup", "verify", &backup_of(&chat)]);
    }

    let Some(first) = Chat::on_postgres() else { return };
    let begun = Instant::now();
    first.must(&["restore", &file]);
    let whole = begun.elapsed();
    for moment in moments(whole) {
        let chat = Chat::on_postgres().unwrap();
        killed_after(&chat, &["restore", &file], moment);
        // The server needs a moment to notice that the program is gone; until then its locks are held.
        chat.must(&["migrate", "up"]);
        if last_seqs(&chat).is_empty() {
            chat.must(&["restore", &file]);
        }
        assert_eq!(last_seqs(&chat), new);
        chat.must(&["backup", "verify", &backup_of(&chat)]);
    }
}
