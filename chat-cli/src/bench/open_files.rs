//! Every connection is an open file: raises how many this process may open, and says what is missing.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::CliError;

/// Files that the generator opens besides sockets, at most.
const OTHER_FILES_MAX: u64 = 64;

/// Lets this process open so many connections.
pub(super) fn allow(connections: u64) -> Result<(), CliError> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // If that fails the old limit stands, and is told below where it is too low.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
    let wanted = connections.saturating_add(OTHER_FILES_MAX);
    match getrlimit(Resource::Nofile).current {
        Some(allowed) if allowed < wanted => Err(CliError::failed(
            format!("{connections} connections need {wanted} open files; this process may open {allowed}"),
            "raise the hard limit (`ulimit -Hn`, or LimitNOFILE= of systemd), or take fewer connections",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_open_files_are_counted() {
        allow(10).unwrap();
        let Some(most) = getrlimit(Resource::Nofile).current else { return };
        let told = allow(most).unwrap_err().to_string();
        assert!(told.contains(&format!("need {}", most + OTHER_FILES_MAX)), "{told}");
    }
}
