//! A throw-away PostgreSQL cluster, for tests and benchmarks.

use std::ffi::OsStr;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A cluster in a folder of its own; stopped and removed when it is dropped.
pub(crate) struct Cluster {
    programs: PathBuf,
    launch: Launch,
    folder: TempDir,
    port: u16,
}

/// What runs a program: as it is, or on a CPU of its own.
type Launch = Box<dyn Fn(&OsStr) -> Command>;

impl Cluster {
    /// Makes a cluster in an empty folder; it is not started yet.
    pub(crate) fn make(programs: &Path, launch: Launch, folder: TempDir) -> io::Result<Self> {
        if let Some((user, group)) = postgres_user()? {
            chown(folder.path(), Some(user), Some(group))?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let cluster = Self { programs: programs.to_owned(), launch, folder, port };
        let data = cluster.data().display().to_string();
        let arguments = ["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"];
        cluster.run("initdb", &arguments)?;
        Ok(cluster)
    }

    /// Runs `pg_ctl` on it.
    pub(crate) fn control(&self, arguments: &[&str]) -> io::Result<()> {
        let (data, log) = (self.data().display().to_string(), self.folder.path().join("log"));
        // Without a socket: its path may be too long for one.
        let options = format!("-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''", self.port);
        let log = log.display().to_string();
        self.run("pg_ctl", &[&["-s", "-D", &data, "-l", &log, "-o", &options], arguments].concat())
    }

    /// One of its databases.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The process that starts all the others, while it runs.
    pub(crate) fn postmaster(&self) -> io::Result<u32> {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid"))?;
        file.lines().next().unwrap_or_default().parse().map_err(io::Error::other)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<()> {
        let mut command = (self.launch)(self.programs.join(program).as_os_str());
        command.args(arguments).current_dir("/");
        // PostgreSQL refuses to run as root.
        if let Some((user, group)) = postgres_user()? {
            command.uid(user).gid(group);
        }
        // Not `output`: the server keeps the ends of the pipes.
        let errors = self.folder.path().join("errors");
        let file = std::fs::File::create(&errors)?;
        let status = command.stdout(Stdio::null()).stderr(file).status()?;
        if status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!("{program}: {status}\n{}", std::fs::read_to_string(errors)?)))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.postmaster().is_ok() {
            let _ = self.control(&["-w", "-m", "immediate", "stop"]);
        }
    }
}

/// The programs of the newest version that is installed.
pub(crate) fn programs() -> Option<PathBuf> {
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
fn postgres_user() -> io::Result<Option<(u32, u32)>> {
    if std::fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    let user = users.lines().find_map(|line| line.strip_prefix("postgres:"));
    let mut ids = user.unwrap_or_default().split(':').skip(1).map_while(|id| id.parse().ok());
    match (ids.next(), ids.next()) {
        (Some(user), Some(group)) => Ok(Some((user, group))),
        _ => Err(io::Error::other("there is no user postgres, and PostgreSQL doesn't run as root")),
    }
}
