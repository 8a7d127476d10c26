//! What happens when the server's own code panics: the work in hand ends, the process and everybody else live on.

use std::panic::{AssertUnwindSafe, PanicHookInfo};

use futures_util::FutureExt;

/// Runs something; `None` if it panicked. Locks that it held recover, and state behind a `RefCell` is given back.
pub(crate) fn survive<T>(
    what: &'static str,
    work: impl Future<Output = T>,
) -> impl Future<Output = Option<T>> {
    // No `async`: it would keep the work twice, and this stays allocated for each connection.
    AssertUnwindSafe(work).catch_unwind().map(move |done| {
        if done.is_err() {
            tracing::error!(what, "ended by a panic");
        }
        done.ok()
    })
}

/// The same for work that doesn't wait.
pub(crate) fn survive_now<T>(what: &'static str, work: impl FnOnce() -> T) -> Option<T> {
    match std::panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(_) => {
            tracing::error!(what, "ended by a panic");
            None
        }
    }
}

/// Logs where a panic happened, and not what it says: that may hold what somebody wrote.
pub fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current().name().unwrap_or("").to_owned();
    tracing::error!(location, thread, "panicked");
}
