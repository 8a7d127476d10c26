//! What the operating system says of this process, and allows it: its memory and its open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::node::visitors::VISITORS_MAX;

/// Files that the server opens besides sockets, at most: databases, logs, and what the libraries keep.
const OTHER_FILES_MAX: usize = 128;

/// Raises the number of files and sockets that this process may open as far as the system allows, and logs it; with a
/// warning if so many WebSockets and what else is needed don't fit.
pub fn raise_open_files(connections: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, "the number of open files could not be raised");
    }
    let Some(open_files_max) = open_files_max() else {
        return tracing::info!("any number of files may be open");
    };
    let wanted = connections.saturating_add(VISITORS_MAX).saturating_add(OTHER_FILES_MAX);
    if u64::try_from(wanted).is_ok_and(|wanted| open_files_max < wanted) {
        let text = "fewer files may be open than the connections need: raise the hard limit, or lower CHAT_LIMIT_CONNECTIONS";
        tracing::warn!(open_files_max, wanted, "{text}");
    } else {
        tracing::info!(open_files_max, wanted, "so many files may be open");
    }
}

/// The process's memory that is in RAM, in bytes. `None` where the system doesn't say.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix("kB")?;
    Some(kib.trim().parse::<u64>().ok()? * 1024)
}

/// Files and sockets that are open. `None` where the system doesn't say.
pub(crate) fn open_files() -> Option<u64> {
    const FOLDER: &str = "/proc/self/fd";
    // Since Linux 6.2 the size of the folder is the number; before that it is nothing, and counting takes longer.
    match std::fs::metadata(FOLDER).ok()?.len() {
        0 => u64::try_from(std::fs::read_dir(FOLDER).ok()?.count()).ok(),
        open => Some(open),
    }
}

/// How many files and sockets may be open. `None` is no limit.
pub(crate) fn open_files_max() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_says_what_this_process_uses() {
        assert!(resident_bytes().unwrap() > 1024 * 1024);
        let before = open_files().unwrap();
        let _files: Vec<_> = (0..100).map(|_| std::fs::File::open("/proc/self/status").unwrap()).collect();
        assert!(open_files().unwrap() >= before + 50, "other tests open and close files meanwhile");
    }
}
