//! Wakes the loop when the next message is due, more exactly than epoll's milliseconds.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::stopwatch::SECOND_NS;
use super::swarm::NO_CLIENT;
use crate::error::CliError;

/// The shortest time to a wake, in nanoseconds: what is due more often is sent in twos and threes.
const WAIT_NS_MIN: u64 = 50_000;

/// A timer that wakes the loop.
pub(super) struct Pacer {
    timer: OwnedFd,
}

impl Pacer {
    /// A timer that is not set yet.
    pub(super) fn new(registry: &Registry) -> Result<Self, CliError> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, flags).map_err(|error| no_timer(&error.into()))?;
        // It is never read: each of its times is a new event.
        let registered = registry.register(&mut SourceFd(&timer.as_raw_fd()), NO_CLIENT, Interest::READABLE);
        registered.map_err(|error| no_timer(&error))?;
        Ok(Self { timer })
    }

    /// Wakes the loop once, after some time.
    pub(super) fn wake_in(&self, wait_ns: u64) -> Result<(), CliError> {
        let wait_ns = wait_ns.max(WAIT_NS_MIN);
        let part = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
        let it_value = Timespec { tv_sec: part(wait_ns / SECOND_NS), tv_nsec: part(wait_ns % SECOND_NS) };
        let once = Itimerspec { it_interval: Timespec::default(), it_value };
        let set = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once);
        set.map(drop).map_err(|error| no_timer(&error.into()))
    }
}

fn no_timer(error: &io::Error) -> CliError {
    CliError::failed(format!("there is no timer: {error}"), "see the system's limits")
}
