//! The disk refuses to sync: nothing is acknowledged until the database was opened anew, and what was acknowledged is
//! there after a kill.

use std::path::Path;
use std::process::Command;

use super::cluster::{children, kill};
use super::ledger::Ledger;
use super::left_out;
use super::server::{ChatServer, assert_refused, message};
use crate::process::chat_server;
use crate::support::{eventually, run};

/// The first sync of a thread that fails. The one that starts makes fewer; the writer makes one for each commit.
const FIRST_FAILURE: usize = 40;
const LAST_FAILURE: usize = FIRST_FAILURE + 4;
/// Messages that are sent: more than there are syncs before the last failure.
const SENDS: usize = LAST_FAILURE + 20;

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_until_the_database_was_opened_anew() {
    if !Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .status()
        .is_ok_and(|status| status.success())
    {
        return left_out("a failed sync", "strace is not installed, or may not trace");
    }
    let folder = tempfile::tempdir().unwrap();
    let (database, trace) = (folder.path().join("chat.db"), folder.path().join("trace"));
    let url = format!("sqlite:{}", database.display());
    let server = ChatServer::start_as(&url, failing(&trace));
    let traced = Traced(children(&server.process.id().to_string()));
    let mut ledger = Ledger::default();
    let mut refusals = 0;
    run(async {
        let mut ann = server.sign_up("ann").await;
        ann.join("general").await;
        for n in 0..SENDS {
            let key = format!("k{n}");
            let mut answer = ann.ask(message("general", &key)).await;
            while answer["type"] == "error" {
                assert_refused("unavailable", &answer);
                refusals += 1;
                answer = ann.ask(message("general", &key)).await;
            }
            ledger.note(&key, &answer);
        }
    });
    let failures = opened_anew_after_each_failure(&std::fs::read_to_string(&trace).unwrap());
    println!("failed syncs: {failures}, refusals {refusals}, acks {}", ledger.len());
    assert_eq!(
        (failures, refusals),
        (LAST_FAILURE - FIRST_FAILURE + 1, failures),
        "each failed sync is a refusal"
    );

    drop(traced);
    let server = ChatServer::start(&url);
    ledger.check(&url);
    assert_eq!(ledger.len(), SENDS);
    run(async { drop(server.sign_up("bob").await.join("general").await) });
}

/// What strace started; it outlives strace, and is killed when this is dropped.
struct Traced(Vec<String>);

impl Drop for Traced {
    fn drop(&mut self) {
        kill("KILL", &self.0);
        let is_gone = || self.0.iter().all(|id| !is_alive(id)).then_some(());
        eventually("the end of the server", is_gone);
    }
}

/// The binary under strace, which lets some syncs of each thread fail.
fn failing(trace: &Path) -> Command {
    let plain = chat_server();
    let mut command = Command::new("strace");
    command.args(["-f", "-o"]).arg(trace);
    command.args(["-e", "trace=fsync,fdatasync,openat", "-e"]);
    command.arg(format!("inject=fsync,fdatasync:error=EIO:when={FIRST_FAILURE}..{LAST_FAILURE}"));
    command.arg(plain.get_program()).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

/// Looks in the trace at the thread whose syncs failed: it must open the log before it syncs again. (SQLite keeps the
/// descriptor of the database file itself as long as other connections have locks on it.)
fn opened_anew_after_each_failure(trace: &str) -> usize {
    let (mut failures, mut is_open) = (0, true);
    let thread =
        trace.lines().find(|line| line.contains("(INJECTED)")).and_then(|line| line.split(' ').next());
    let thread = thread.expect("a failed sync");
    for line in trace.lines().filter(|line| line.starts_with(&format!("{thread} "))) {
        if line.contains("chat.db-wal\"") {
            is_open = true;
        } else if line.contains("sync(") {
            assert!(is_open, "a sync after a failed one, on the same connection:\n{trace}");
            if line.contains("(INJECTED)") {
                (failures, is_open) = (failures + 1, false);
            }
        }
    }
    failures
}

fn is_alive(id: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains("zombie"))
}
