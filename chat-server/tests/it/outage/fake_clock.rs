//! A wall clock that a test sets while the server runs. What has passed since the start goes on as ever, as it does when
//! an administrator or a time server sets a machine's clock.

use std::path::PathBuf;
use std::process::Command;

use crate::support::left_out;
use tempfile::TempDir;

/// The wall clock of the processes that wear it, by libfaketime.
pub(super) struct FakeClock {
    library: PathBuf,
    folder: TempDir,
}

impl FakeClock {
    /// The right time. `None`, said loudly, on a machine without the library.
    pub(super) fn right(test: &str) -> Option<Self> {
        let folders = std::fs::read_dir("/usr/lib").into_iter().flatten();
        let libraries = folders.map(|entry| entry.unwrap().path().join("faketime/libfaketimeMT.so.1"));
        let Some(library) = libraries.into_iter().find(|library| library.exists()) else {
            left_out(test, "libfaketime is not in /usr/lib/*/faketime");
            return None;
        };
        let clock = Self { library, folder: tempfile::tempdir().unwrap() };
        clock.set("+0");
        Some(clock)
    }

    /// Sets the clock so far from the right time, for instance `-3h`.
    pub(super) fn set(&self, offset: &str) {
        // The library reads the file whenever the program asks for the time; it must always be whole.
        let draft = self.folder.path().join("draft");
        std::fs::write(&draft, format!("{offset}\n")).unwrap();
        std::fs::rename(draft, self.file()).unwrap();
    }

    /// A program whose clock this is.
    pub(super) fn worn_by(&self, mut command: Command) -> Command {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", self.file())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }
}
