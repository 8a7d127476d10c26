//! What happened in a run: a hash of all of it, the last lines of it, and what broke a promise.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

use super::coverage::{Coverage, Happened};

/// Lines that a failed run shows.
const LINES_SHOWN: usize = 120;
/// Violations that a run collects; the first one says most.
const VIOLATIONS_MAX: usize = 5;

/// What a run came to.
pub(super) struct Outcome {
    pub(super) events: u64,
    pub(super) hash: u64,
    pub(super) violations: Vec<String>,
    pub(super) coverage: Coverage,
}

/// The events of a run. A clone tells the same trace.
#[derive(Clone)]
pub(super) struct Trace(Arc<Mutex<Held>>);

struct Held {
    began: tokio::time::Instant,
    hasher: DefaultHasher,
    events: u64,
    lines: VecDeque<String>,
    violations: Vec<String>,
    coverage: Coverage,
    is_printed: bool,
}

impl Trace {
    /// An empty trace; the time begins now.
    pub(super) fn begin() -> Self {
        Self(Arc::new(Mutex::new(Held {
            began: tokio::time::Instant::now(),
            hasher: DefaultHasher::new(),
            events: 0,
            lines: VecDeque::new(),
            violations: Vec::new(),
            coverage: Coverage::default(),
            is_printed: std::env::var_os("CHAT_SIM_TRACE").is_some(),
        })))
    }

    /// Milliseconds since the beginning.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.0.lock().unwrap().began.elapsed().as_millis()).unwrap()
    }

    /// Tells an event.
    pub(super) fn tell(&self, who: &str, what: impl AsRef<str>) {
        let now = self.now_ms();
        let mut held = self.0.lock().unwrap();
        let line = format!("{now:>7} {who:<8} {}", what.as_ref());
        line.hash(&mut held.hasher);
        held.events += 1;
        if held.is_printed {
            eprintln!("{line}");
        }
        if held.lines.len() == LINES_SHOWN {
            held.lines.pop_front();
        }
        held.lines.push_back(line);
    }

    /// Tells that a promise is broken.
    pub(super) fn violated(&self, who: &str, what: impl AsRef<str>) {
        self.tell(who, format!("VIOLATION {}", what.as_ref()));
        let mut held = self.0.lock().unwrap();
        if held.violations.len() < VIOLATIONS_MAX {
            let lines: Vec<String> = held.lines.iter().cloned().collect();
            let around = if held.violations.is_empty() { lines.join("\n") + "\n" } else { String::new() };
            held.violations.push(format!("{around}{who}: {}", what.as_ref()));
        }
    }

    pub(super) fn is_violated(&self) -> bool {
        !self.0.lock().unwrap().violations.is_empty()
    }

    /// Counts something that the runs are there to bring about.
    pub(super) fn count(&self, happened: Happened) {
        self.count_times(happened, 1);
    }

    pub(super) fn count_times(&self, happened: Happened, times: u64) {
        self.0.lock().unwrap().coverage.count(happened, times);
    }

    /// Counts a failure of a call of the repository.
    pub(super) fn count_failed(&self, call: &'static str) {
        self.0.lock().unwrap().coverage.count_failed(call, 1);
    }

    /// What the run came to.
    pub(super) fn end(&self) -> Outcome {
        let held = self.0.lock().unwrap();
        Outcome {
            events: held.events,
            hash: held.hasher.finish(),
            violations: held.violations.clone(),
            coverage: held.coverage.clone(),
        }
    }
}
