//! A throw-away PostgreSQL cluster of a test's own, which it may break.

use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::support::{cluster, left_out};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

/// A running cluster; stopped and removed when it is dropped.
pub(super) struct Cluster {
    cluster: cluster::Cluster,
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
        let Some(programs) = cluster::programs() else {
            left_out(test, "there are no PostgreSQL programs in /usr/lib/postgresql/*/bin");
            return None;
        };
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let launch = Box::new(|program: &_| Command::new(program));
        let cluster = cluster::Cluster::make(&programs, launch, tempfile::tempdir().unwrap()).unwrap();
        let cluster = Self { cluster, _turn: turn };
        cluster.bring_up();
        Some(cluster)
    }

    /// Its one database.
    pub(super) fn url(&self) -> String {
        self.cluster.url("postgres")
    }

    /// Starts it again, and waits until it takes connections.
    pub(super) fn bring_up(&self) {
        self.cluster.control(&["-w", "start"]).unwrap();
    }

    /// Starts it again, and doesn't wait.
    pub(super) fn begin_to_start(&self) {
        self.cluster.control(&["-W", "start"]).unwrap();
    }

    pub(super) fn stop(&self, how: Stop) {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        self.cluster.control(&["-w", "-m", mode, "stop"]).unwrap();
    }

    /// Halts all its processes where they are, or lets them go on.
    pub(super) fn signal(&self, signal: &str) {
        let postmaster = self.cluster.postmaster().unwrap().to_string();
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
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.cluster.postmaster().is_ok() {
            self.signal("CONT");
        }
    }
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
