//! The disk refuses to sync: nothing is acknowledged until the database was opened anew, and what was acknowledged is
//! there after a kill.

use super::ledger::Ledger;
use super::server::{ChatServer, assert_refused, message};
use super::strace::{Traced, under_strace};
use crate::support::run;

/// The first sync of a thread that fails. The one that starts makes fewer; the writer makes one for each commit.
const FIRST_FAILURE: usize = 40;
const LAST_FAILURE: usize = FIRST_FAILURE + 4;
/// Messages that are sent: more than there are syncs before the last failure.
const SENDS: usize = LAST_FAILURE + 20;

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_until_the_database_was_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (database, trace) = (folder.path().join("chat.db"), folder.path().join("trace"));
    let url = format!("sqlite:{}", database.display());
    let failing = format!("inject=fsync,fdatasync:error=EIO:when={FIRST_FAILURE}..{LAST_FAILURE}");
    let arguments = ["-e", "trace=fsync,fdatasync,openat", "-e", &failing];
    let Some(command) = under_strace("a failed sync", &trace, &arguments) else { return };
    let server = ChatServer::start_as(&url, command);
    let traced = Traced::of(&server);
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
