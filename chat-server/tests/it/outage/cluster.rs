//! A throw-away PostgreSQL cluster of a test's own, which it may break.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::support::left_out;
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use tempfile::TempDir;

/// A running cluster; stopped and removed when it is dropped.
pub(super) struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    /// Tests with a cluster run one after the other, to spare the machine.
    _turn: MutexGuard<'static, ()>,
}

/// How a cluster is stopped.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stop {
    /// Its sessions are ended, and everything is written down.
    Fast,
    /// As in a crash: it ends at once, and recovers at the next start.
    Immediate,
}

impl Cluster {
    /// Makes a cluster and starts it. `None`, said loudly, on a machine without PostgreSQL's programs.
    pub(super) fn start(test: &str) -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        let Some(programs) = programs() else {
            left_out(test, "there are no PostgreSQL programs in /usr/lib/postgresql/*/bin");
            return None;
        };
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        if let Some((user, group)) = postgres_user() {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { programs, folder, port, _turn: turn };
        let data = cluster.data();
        cluster
            .run("initdb", &["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]);
        cluster.bring_up();
        Some(cluster)
    }

    /// Its one database.
    pub(super) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it again, and waits until it takes connections.
    pub(super) fn bring_up(&self) {
        self.control(&["-w", "start"]);
    }

    /// Starts it again, and doesn't wait.
    pub(super) fn begin_to_start(&self) {
        self.control(&["-W", "start"]);
    }

    pub(super) fn stop(&self, how: Stop) {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        self.control(&["-w", "-m", mode, "stop"]);
    }

    /// Halts all its processes where they are, or lets them go on.
    pub(super) fn signal(&self, signal: &str) {
        let file = std::fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap();
        let postmaster = file.lines().next().unwrap().to_owned();
        // The one that starts the others first; of the others one may just have ended.
        kill(signal, std::slice::from_ref(&postmaster));
        kill(signal, &children(&postmaster));
    }

    /// Whether it takes connections.
    pub(super) fn is_up(&self) -> bool {
        self.connect().is_some()
    }

    pub(super) fn execute(&self, statement: &str) {
        self.connect().expect("a connection").batch_execute(statement).unwrap();
    }

    #[expect(clippy::disallowed_methods, reason = "a connection of a fixed backend, past the store")]
    fn connect(&self) -> Option<PgConnection> {
        PgConnection::establish(&self.url()).ok()
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn control(&self, arguments: &[&str]) {
        let (data, log) = (self.data(), self.folder.path().join("log").display().to_string());
        let folder = self.folder.path().display();
        let options = format!("-p {} -c listen_addresses=127.0.0.1 -k {folder}", self.port);
        self.run("pg_ctl", &[&["-s", "-D", &data, "-l", &log, "-o", &options], arguments].concat());
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.programs.join(program));
        command.args(arguments).current_dir("/");
        // PostgreSQL refuses to run as root.
        if let Some((user, group)) = postgres_user() {
            command.uid(user).gid(group);
        }
        // Not `output`: the server keeps the ends of the pipes.
        let errors = self.folder.path().join("errors");
        let file = std::fs::File::create(&errors).unwrap();
        let status = command.stdout(Stdio::null()).stderr(file).status().unwrap();
        assert!(status.success(), "{program}: {}", std::fs::read_to_string(errors).unwrap());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.folder.path().join("data/postmaster.pid").exists() {
            self.signal("CONT");
            self.stop(Stop::Immediate);
        }
    }
}

/// The programs of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let with_number = versions.filter_map(|entry| {
        let path = entry.ok()?.path();
        let number: u32 = path.file_name()?.to_str()?.parse().ok()?;
        let programs = path.join("bin");
        programs.join("initdb").exists().then_some((number, programs))
    });
    with_number.max().map(|(_, programs)| programs)
}

/// Who runs PostgreSQL in the place of root; `None` if this process isn't root.
fn postgres_user() -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let user = users.lines().find(|line| line.starts_with("postgres:")).expect("a user postgres");
    let mut fields = user.split(':').skip(2).map(|id| id.parse().unwrap());
    Some((fields.next().unwrap(), fields.next().unwrap()))
}

/// The ids of a process's children.
pub(super) fn children(parent: &str) -> Vec<String> {
    let processes =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_child = |id: &String| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|found| found.trim() == parent))
    };
    processes.filter(is_child).collect()
}

/// Sends a signal to those of the processes that are there.
pub(super) fn kill(signal: &str, processes: &[String]) {
    for process in processes {
        let _ = Command::new("kill").arg(format!("-{signal}")).arg(process).stderr(Stdio::null()).status();
    }
}
