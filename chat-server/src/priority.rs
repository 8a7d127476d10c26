//! Which threads stand behind which: those that carry messages go first. Only Linux has priorities per thread.

/// How far the readers of the database stand behind the threads that carry messages, in steps of `nice`. Where there are
/// more questions than CPU, those that come next gather meanwhile, and the joins of a room share a read.
pub(crate) const READERS: i32 = 10;
/// How far the password threads stand behind all others.
pub(crate) const PASSWORDS: i32 = 19;

/// Makes this thread wait behind others, once.
#[cfg(target_os = "linux")]
pub(crate) fn stand_back(niceness: i32) {
    thread_local! {
        static IS_DONE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }
    if !IS_DONE.replace(true) {
        let thread = rustix::thread::gettid();
        if let Err(error) = rustix::process::setpriority_process(Some(thread), niceness) {
            tracing::warn!(%error, "a thread keeps its priority");
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) const fn stand_back(_niceness: i32) {}
