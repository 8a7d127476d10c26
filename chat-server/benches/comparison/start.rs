//! From starting the server until it says that it listens, on databases of several sizes; and what it takes then.

use std::fmt::{self, Write};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::arguments::Arguments;
use crate::chat_cli::{self, Storage};
use crate::disk;
use crate::full_room;
use crate::process::Process;
use crate::report::median;
use crate::target::{CHAT_SERVER, set_up};

/// Starts in a round; memory is read after the last one.
pub(crate) const STARTS: usize = 5;
/// Messages in the larger database.
const MESSAGES: u32 = 1_000_000;
/// How long the server is left alone before its memory is read.
const REST: Duration = Duration::from_secs(1);
const HEAD: &str = "\
| database | start to listening, ms | slowest, ms | memory with nobody connected, MiB |
|---|--:|--:|--:|
";
const KIB_PER_MIB: f64 = 1_024.0;
const BYTES_PER_MIB: f64 = 1_048_576.0;

/// What the server finds in its data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Nothing: it makes the database and its key.
    Nothing,
    /// A database without messages.
    Empty,
    /// A database with a million of them.
    Full,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Nothing => "none yet: the server makes it",
            Self::Empty => "without messages",
            Self::Full => "1,000,000 messages",
        })
    }
}

/// A data folder, and what was measured on it.
struct Subject {
    found: Found,
    folder: TempDir,
    start_ms: Vec<f64>,
    resident_mib: Vec<f64>,
}

/// Starts the server on each database in turn, round after round. It is on no CPU of its own, as with its users.
pub(crate) fn measure(arguments: &Arguments) -> io::Result<String> {
    let found = [Found::Nothing, Found::Empty, Found::Full];
    let mut subjects = found.into_iter().map(Subject::new).collect::<io::Result<Vec<_>>>()?;
    for number in 1..=arguments.rounds {
        for subject in &mut subjects {
            subject.round()?;
            let last = subject.start_ms.last().copied().unwrap_or(f64::NAN);
            eprintln!("round {number}, {}: {last:.1} ms", subject.found);
        }
    }
    let mut text = HEAD.to_owned();
    for Subject { found, start_ms, resident_mib, .. } in subjects {
        let slowest = start_ms.iter().copied().fold(0.0, f64::max);
        let (start_ms, resident_mib) = (median(start_ms), median(resident_mib));
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {found} | {start_ms:.1} | {slowest:.1} | {resident_mib:.1} |");
    }
    text.push_str(&binary()?);
    Ok(text)
}

impl Subject {
    fn new(found: Found) -> io::Result<Self> {
        let folder = tempfile::tempdir_in(disk::FOLDER)?;
        match found {
            Found::Nothing => {}
            Found::Empty => chat_cli::migrate(folder.path())?,
            Found::Full => full_room::make(folder.path(), MESSAGES)?,
        }
        let subject = Self { found, folder, start_ms: Vec::new(), resident_mib: Vec::new() };
        if found != Found::Nothing {
            // Once before it is timed: now the server's key is there, and the file in memory.
            start(subject.folder.path())?.stop()?;
        }
        Ok(subject)
    }

    fn round(&mut self) -> io::Result<()> {
        for number in 1..=STARTS {
            if self.found == Found::Nothing {
                self.folder = tempfile::tempdir_in(disk::FOLDER)?;
            }
            let server = start(self.folder.path())?;
            self.start_ms.push(server.started_after.as_secs_f64() * 1_000.0);
            if number == STARTS {
                rest();
                self.resident_mib.push(server.resident_kib()? / KIB_PER_MIB);
            }
            server.stop()?;
        }
        Ok(())
    }
}

fn start(data_dir: &Path) -> io::Result<Process> {
    let mut command = Command::new(CHAT_SERVER);
    set_up(&mut command, Storage::Folder(data_dir), data_dir);
    Process::start(command)
}

#[expect(clippy::disallowed_methods, reason = "there is no condition: it is left alone")]
fn rest() {
    std::thread::sleep(REST);
}

/// How large the program is, as it was built and without its symbols.
fn binary() -> io::Result<String> {
    let mib = |path: &Path| -> io::Result<f64> {
        let bytes = std::fs::metadata(path)?.len();
        Ok(f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / BYTES_PER_MIB)
    };
    let built = mib(CHAT_SERVER.as_ref())?;
    let stripped = tempfile::NamedTempFile::new_in(disk::FOLDER)?;
    let mut command = Command::new("strip");
    command.arg("-o").arg(stripped.path()).arg(CHAT_SERVER).stderr(Stdio::null());
    Ok(if command.status().is_ok_and(|status| status.success()) {
        format!("\nThe program takes {built:.1} MiB, stripped {:.1} MiB.\n", mib(stripped.path())?)
    } else {
        format!("\nThe program takes {built:.1} MiB; there is no `strip`.\n")
    })
}
