//! A seeded simulation of the connections, rooms, fan-out and resumes: real code on a simulated network, in virtual
//! time, over a store that fails.
//!
//! `CHAT_SIM_SEED=123 cargo test -p chat-server --lib simulation::nothing` replays one seed, and with
//! `CHAT_SIM_TRACE=1` tells what happens; `CHAT_SIM_SEEDS=10000` runs more of them, `CHAT_SIM_THREADS=1` on one thread.
//! The same seed gives the same run, event by event. What 200 seeds must bring about stands in [`coverage`].

mod chance;
mod coverage;
mod database;
mod device;
mod faulty;
mod frames;
mod network;
mod scenario;
mod store;
mod trace;
mod view;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use coverage::Coverage;
use database::{Access, FailedCall, Fate};
use faulty::Fault;
use scenario::{fail_nth_call, run};
use trace::Outcome;

/// Seeds that a test run tries.
const SEEDS: u64 = 200;
/// Seconds from which on a seed is named as slow.
const SLOW_S: u64 = 2;
/// Threads that try them.
const THREADS: u64 = 2;

fn number(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().expect("a number"))
}

#[test]
fn nothing_is_lost_doubled_or_disordered_whatever_fails() {
    let seeds = match number("CHAT_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..number("CHAT_SIM_SEEDS").unwrap_or(SEEDS) + 1,
    };
    let (next, failed) = (AtomicU64::new(seeds.start), Mutex::new(Vec::new()));
    let (events, coverage) = (AtomicU64::new(0), Mutex::new(Coverage::default()));
    std::thread::scope(|scope| {
        for _ in 0..number("CHAT_SIM_THREADS").unwrap_or(THREADS) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !seeds.contains(&seed) {
                        break;
                    }
                    let began = std::time::Instant::now();
                    let Outcome { violations, events: happened, coverage: covered, .. } = run(seed);
                    if began.elapsed().as_secs() >= SLOW_S {
                        eprintln!("seed {seed} took {} ms", began.elapsed().as_millis());
                    }
                    events.fetch_add(happened, Ordering::Relaxed);
                    coverage.lock().unwrap().add(&covered);
                    if !violations.is_empty() {
                        eprintln!("seed {seed} failed");
                        failed.lock().unwrap().push((seed, violations));
                    }
                }
            });
        }
    });
    let coverage = coverage.into_inner().unwrap();
    eprintln!("{} events in seeds {seeds:?}\n{coverage}", events.load(Ordering::Relaxed));
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    let numbers: Vec<u64> = failed.iter().map(|(seed, _)| *seed).collect();
    if let Some((seed, violations)) = failed.first() {
        panic!(
            "{}\n{} seeds failed: {numbers:?}\nreplay: CHAT_SIM_SEED={seed} cargo test -p chat-server --lib simulation::nothing",
            violations.join("\n"),
            failed.len()
        );
    }
    // A few seeds need not bring about everything.
    if seeds.end - seeds.start >= SEEDS {
        let missing = coverage.missing();
        assert!(missing.is_empty(), "the seeds brought about too little:\n{}", missing.join("\n"));
    }
}

/// How many calls the small scenario makes, at least.
const CALLS_MIN: usize = 100;

#[test]
fn whichever_call_of_the_repository_fails_nothing_is_lost_doubled_or_disordered() {
    let unavailable = Fate::Fails(Fault::Unavailable);
    let fates = [Fate::Lost, Fate::Fails(Fault::StorageFull), Fate::Fails(Fault::Conflict)];
    let (mut failed, mut calls) = (Coverage::default(), 0);
    for after in number("CHAT_SIM_CALL").and_then(|after| usize::try_from(after).ok()).unwrap_or(0).. {
        let Some(FailedCall { call, access }) = try_call(after, unavailable) else { break };
        calls = after + 1;
        failed.count_failed(call, 1);
        if access == Access::Write {
            fates.iter().for_each(|&fate| assert!(try_call(after, fate).is_some()));
        }
    }
    eprintln!("{calls} calls, each failed once");
    assert!(calls >= CALLS_MIN, "{calls} calls");
    assert_eq!(failed.never_failed(), [""; 0]);
}

/// Lets one call fail; panics if anything is violated.
fn try_call(after: usize, fate: Fate) -> Option<FailedCall> {
    let (Outcome { violations, .. }, failed) = fail_nth_call(after, fate);
    assert!(
        violations.is_empty(),
        "{}\n{failed:?}, {fate:?}\nreplay: CHAT_SIM_CALL={after} cargo test -p chat-server --lib simulation::whichever",
        violations.join("\n")
    );
    failed
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [1, 7, 42] {
        let (first, second) = (run(seed), run(seed));
        assert_eq!((first.events, first.hash), (second.events, second.hash), "seed {seed}");
        assert!(first.events > 100, "seed {seed} does something");
    }
    assert_ne!(run(1).hash, run(2).hash);
}
