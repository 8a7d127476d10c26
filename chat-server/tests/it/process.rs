//! The real binary: how it starts with nothing, refuses, drains, and what it logs.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::NamedTempFile;

use crate::support::server::credentials;
use crate::support::{Client, eventually, http, run};

/// How long an orderly end may take: three times what is promised.
pub(crate) const END: Duration = Duration::from_secs(30);

/// A running `chat-server`; killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    /// A file: a pipe that nobody reads holds 64 KiB, and then blocks the process.
    log: NamedTempFile,
    pub(crate) address: std::net::SocketAddr,
}

impl Process {
    /// Starts the binary and waits until it says where it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::try_start(command).unwrap_or_else(|(code, log)| panic!("it did not start: {code:?} {log}"))
    }

    /// The same; an error is the exit code and the log of a process that ended without listening.
    pub(crate) fn try_start(command: &mut Command) -> Result<Self, (Option<i32>, String)> {
        let log = NamedTempFile::new().unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log.reopen().unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        match line.trim().strip_prefix("listening on http://") {
            Some(address) => Ok(Self { address: address.parse().unwrap(), child, log }),
            None => Err((child.wait().unwrap().code(), std::fs::read_to_string(log.path()).unwrap())),
        }
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.id().to_string()]).status().unwrap().success());
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    /// Waits for its end; gives back the exit code and the log.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), self.log());
            }
            assert!(since.elapsed() < END, "it does not end: {}", self.log());
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Kills it without a warning.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// A figure of its memory in KiB: `VmRSS` now, `VmHWM` at most.
    pub(crate) fn memory_kib(&self, figure: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Asks it to end; gives back the exit code and the log.
    pub(crate) fn terminate(self) -> (Option<i32>, String) {
        self.signal("-TERM");
        self.ended()
    }
}

/// Looks for secrets in a log: the passwords of the tests, and whatever has the length of a token.
fn assert_discreet(log: &str) {
    assert!(!log.contains("password of"), "a password is in the log: {log}");
    let is_of_token = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
    let token = log.split(|char: char| !is_of_token(char)).find(|word| word.len() == 43);
    assert_eq!(token, None, "a token is in the log: {log}");
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            assert_discreet(&self.log());
        }
    }
}

/// The binary on a free port, with nothing of this machine's environment.
pub(crate) fn chat_server() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-server"));
    command.env_clear().env("CHAT_BIND", "127.0.0.1:0").env("CHAT_LOG", "debug");
    command
}

#[test]
fn started_with_nothing_it_makes_all_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(chat_server().current_dir(folder.path()));
    let data = folder.path().join("data");
    assert!(data.join("chat.db").is_file());
    for private in ["secret_key", "chat.db"] {
        let mode = std::fs::metadata(data.join(private)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "only the owner reads {private}");
    }
    let second = chat_server().current_dir(folder.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let text = String::from_utf8(second.stderr).unwrap();
    assert!(text.contains("in use") && text.contains(&format!("process {}", process.id())), "{text}");
    let (code, _) = process.terminate();
    assert_eq!(code, Some(0));
    drop(Process::start(chat_server().current_dir(folder.path())));
}

#[test]
fn a_variable_that_is_set_to_nothing_counts_as_not_set() {
    let folder = tempfile::tempdir().unwrap();
    let names = [
        "DATABASE_URL",
        "CHAT_PUBLIC_URL",
        "CHAT_ALLOWED_ORIGINS",
        "CHAT_REGISTRATION",
        "CHAT_TRUSTED_PROXIES",
    ];
    drop(Process::start(chat_server().current_dir(folder.path()).envs(names.map(|name| (name, "")))));
    assert!(folder.path().join("data/chat.db").is_file());
}

#[test]
fn bad_settings_are_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let table: [(&str, &str, &str); 6] = [
        ("CHAT_LIMIT_MESSAGES_PER_SECOND", "3000000000", "3000000000"),
        ("DATABASE_URL", "mysql://localhost/chat", "mysql"),
        ("DATABASE_URL", "chat.db", "sqlite:"),
        ("CHAT_PUBLIC_URL", "chat.example", "https://"),
        ("CHAT_BIND", "nowhere", "nowhere"),
        ("CHAT_TRUSTED_PROXIES", "10.0.0.0/99", "10.0.0.0/99"),
    ];
    for (name, value, named) in table {
        let output = chat_server().current_dir(folder.path()).env(name, value).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}={value}: {text}");
        assert!(text.contains(named), "{text}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn a_termination_drains_and_loses_no_ack() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(chat_server().current_dir(folder.path()));
    let address = process.address;
    run(async {
        let token = sign_up(address, "ann").await;
        let mut ann = Client::with_bearer(address, &token).await;
        ann.join("general").await;
        for n in 0..20 {
            let key = n.to_string();
            ann.send(json!({"type": "send_message", "room": "general", "body": key, "key": key})).await;
        }
        ann.answer_to("2").await;
        let ended = std::thread::spawn(move || process.terminate());
        let is_closing = |event: &serde_json::Value| event["status"] == "closing";
        let closing = ann.find("a warning", is_closing).await;
        assert!(closing["reconnect_after_ms"].as_u64().unwrap() <= 2_000);
        assert_eq!(ann.closed().await, Some(1012));
        let (code, log) = ended.join().unwrap();
        assert_eq!(code, Some(0), "{log}");
    });
    let process = Process::start(chat_server().current_dir(folder.path()));
    run(async {
        let token = sign_in(process.address, "ann").await;
        let mut ann = Client::with_bearer(process.address, &token).await;
        let joined = ann.join("general").await;
        assert_eq!(joined["last_seq"], 21, "every send that the server had read is stored");
    });
}

#[test]
fn the_log_holds_no_text_password_or_token() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(chat_server().current_dir(folder.path()).env("CHAT_LOG", "trace"));
    let address = process.address;
    let token = std::cell::RefCell::new(String::new());
    run(async {
        *token.borrow_mut() = sign_up(address, "ann").await;
        let bearer = token.borrow().clone();
        let mut ann = Client::with_bearer(address, &bearer).await;
        ann.join("general").await;
        ann.say("general", "a very private sentence", "k").await;
        ann.refused(json!({"type": "send_message", "room": "a very private room", "body": "x", "key": "k"}))
            .await;
        let wrong = json!({"username": "ann", "password": "a very private guess"});
        assert_eq!(http::post(address, "/api/v1/login", &wrong, &[]).await.status, 401);
    });
    let (_, log) = process.terminate();
    assert!(log.contains("registered"), "the log is there: {log}");
    for secret in ["very private", "password of ann", token.borrow().as_str()] {
        assert!(!log.contains(secret), "the log holds {secret:?}");
    }
}

/// Registers somebody on a process and signs them in; gives back the token.
pub(crate) async fn sign_up(address: std::net::SocketAddr, name: &str) -> String {
    let registered = http::post(address, "/api/v1/register", &credentials(name), &[]).await;
    assert_eq!(registered.status, 201, "{}", registered.body);
    sign_in(address, name).await
}

pub(crate) async fn sign_in(address: std::net::SocketAddr, name: &str) -> String {
    let signed_in = http::post(address, "/api/v1/login", &credentials(name), &[]).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.body);
    signed_in.json()["token"].as_str().unwrap().to_owned()
}

#[test]
fn the_port_is_free_again_after_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(chat_server().current_dir(folder.path()));
    let address = process.address;
    process.terminate();
    eventually("the port", || std::net::TcpListener::bind(address).ok());
}

/// The fields of the line that says how many files may be open, where the system allows so many at most.
fn open_files_where_at_most(hard: u32) -> serde_json::Value {
    let folder = tempfile::tempdir().unwrap();
    let limits = format!("ulimit -Sn 64 && ulimit -Hn {hard} && exec {}", env!("CARGO_BIN_EXE_chat-server"));
    let mut command = Command::new("sh");
    command.args(["-c", &limits]).current_dir(folder.path()).env_clear();
    command
        .env("CHAT_BIND", "127.0.0.1:0")
        .env("CHAT_LOG_FORMAT", "json")
        .env("CHAT_LIMIT_CONNECTIONS", "100");
    let process = Process::start(&mut command);
    let limit = std::fs::read_to_string(format!("/proc/{}/limits", process.child.id())).unwrap();
    let limit = limit.lines().find(|line| line.starts_with("Max open files")).unwrap().to_owned();
    assert_eq!(limit.split_whitespace().nth(3), Some(hard.to_string().as_str()), "{limit}");
    let (_, log) = process.terminate();
    let mut lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.find(|line| !line["fields"]["open_files_max"].is_null()).unwrap_or_else(|| panic!("{log}"))
}

#[test]
fn as_many_files_may_be_open_as_the_system_allows_and_too_few_are_told() {
    let few = open_files_where_at_most(512);
    assert_eq!((&few["level"], &few["fields"]["open_files_max"]), (&json!("WARN"), &json!(512)));
    assert_eq!(few["fields"]["wanted"], 100 + 4_096 + 128);
    let enough = open_files_where_at_most(4_500);
    assert_eq!((&enough["level"], &enough["fields"]["open_files_max"]), (&json!("INFO"), &json!(4_500)));
}
