//! The binary with its log in a file, and what the system knows of its process.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ANSWER, timed};
use crate::process::{Process, chat_server, sign_up};
use crate::support::crowd::SECRET;
use crate::support::{Client, DEADLINE, LENIENCE, http};

/// Between two tries of a send that is refused.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// The unit of processor time in `/proc`: Linux tells hundredths of a second.
const MS_PER_TICK: u64 = 10;

/// Limits that are switched off, because what is tested here is not refused by them.
const LIMITS: [&str; 7] = [
    "MESSAGES_PER_SECOND",
    "JOINS_PER_SECOND",
    "HISTORY_PER_SECOND",
    "LOGINS_PER_MINUTE",
    "LOGIN_FAILURES",
    "REGISTRATIONS_PER_MINUTE",
    "CONNECTIONS_PER_USER",
];

/// A running binary with its limits off.
pub(crate) struct ChatServer {
    pub(crate) process: Process,
    _folder: TempDir,
}

impl ChatServer {
    /// Starts it on a database.
    pub(crate) fn start(url: &str) -> Self {
        Self::start_as(url, chat_server())
    }

    /// Starts it on a database that may be too damaged; an error is the exit code and the log.
    pub(crate) fn try_start(url: &str) -> Result<Self, (Option<i32>, String)> {
        let mut command = chat_server();
        let folder = prepare(url, &mut command);
        Ok(Self { process: Process::try_start(&mut command)?, _folder: folder })
    }

    /// Starts it by another command.
    pub(crate) fn start_as(url: &str, mut command: Command) -> Self {
        let folder = prepare(url, &mut command);
        Self { process: Process::start(&mut command), _folder: folder }
    }

    /// Starts it, and kills it some time later, wherever it is by then.
    pub(crate) fn kill_while_it_starts(url: &str, after: Duration) {
        let mut command = chat_server();
        let _folder = prepare(url, &mut command);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::park_timeout(after);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Registers somebody, and connects.
    pub(crate) async fn sign_up(&self, name: &str) -> Client {
        let token = sign_up(self.process.address, name).await;
        Client::with_bearer(self.process.address, &token).await
    }

    /// Whether it says of itself that it can serve.
    pub(crate) async fn readiness(&self) -> (u16, Value) {
        let answer = http::get(self.process.address, "/readyz", &[]).await;
        (answer.status, answer.json())
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// How many file descriptors it holds.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(self.proc("fd")).unwrap().count()
    }

    /// The processor time that it has taken.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(self.proc("stat")).unwrap();
        let fields = fields(&stat);
        // User and system time.
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * MS_PER_TICK)
    }

    /// The states of its threads, as `ps` shows them: `R` runs, `S` waits, `D` waits for a disk, `T` is stopped.
    pub(crate) fn thread_states(&self) -> Vec<char> {
        let threads = std::fs::read_dir(self.proc("task")).unwrap();
        // A thread may end meanwhile.
        let stats =
            threads.filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("stat")).ok());
        stats.map(|stat| fields(&stat)[0].parse().unwrap()).collect()
    }

    /// Lets the greatest memory count from now on.
    pub(crate) fn forget_memory_peak(&self) {
        std::fs::write(self.proc("clear_refs"), "5").unwrap();
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.process.id())
    }
}

/// The fields of a `stat` in `/proc` behind the name, which stands in brackets; the state is the first.
fn fields(stat: &str) -> Vec<&str> {
    stat.rsplit_once(')').unwrap().1.split_whitespace().collect()
}

/// Gives a command all that it needs; gives back the folder that it runs in.
fn prepare(url: &str, command: &mut Command) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    command.envs(LIMITS.map(|name| (format!("CHAT_LIMIT_{name}"), "0")));
    command
        .current_dir(folder.path())
        .env("DATABASE_URL", url)
        .env("SECRET_KEY", SECRET)
        .env("CHAT_LOG", "info");
    folder
}

/// A send; the body is the key.
pub(crate) fn message(room: &str, key: &str) -> Value {
    json!({"type": "send_message", "room": room, "body": key, "key": key})
}

/// Tries a send again until it is acknowledged; anything but a refusal that asks for it is wrong.
pub(crate) async fn until_acknowledged(client: &mut Client, send: &Value) -> Value {
    let acknowledged = async {
        loop {
            let answer = client.ask(send.clone()).await;
            if answer["type"] == "ack" {
                return answer;
            }
            assert!(answer["retry_after_ms"].is_u64(), "{answer}");
            // Sooner than the server asks for: what is looked for is when it works, not when a client would try.
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    };
    tokio::time::timeout(DEADLINE, acknowledged).await.expect("the send is acknowledged at last")
}

/// Asks, and wants to be refused in time, by that name and with a time to try again; says how long it took.
pub(crate) async fn refused(code: &str, client: &mut Client, request: Value) -> Duration {
    let (took, answer) = timed(client.ask(request)).await;
    assert_refused(code, &answer);
    assert!(took < ANSWER * LENIENCE, "after {took:?}: {answer}");
    took
}

pub(crate) fn assert_refused(code: &str, answer: &Value) {
    assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!(code)), "{answer}");
    assert!(answer["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0), "{answer}");
}
