//! A seeded simulation of the connections, rooms, fan-out and resumes: real code on a simulated network, in virtual
//! time, over a store that fails.
//!
//! `CHAT_SIM_SEED=123 cargo test -p chat-server simulation` replays one seed, and with `CHAT_SIM_TRACE=1` tells what
//! happens; `CHAT_SIM_SEEDS=10000` runs more of them. The same seed gives the same run, event by event.

mod chance;
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

use scenario::{Outcome, run};

/// Seeds that a test run tries.
const SEEDS: u64 = 200;
/// Seconds from which on a seed is named as slow.
const SLOW_S: u64 = 2;
/// Threads that try them.
const THREADS: usize = 2;

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
    let events = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !seeds.contains(&seed) {
                        break;
                    }
                    let began = std::time::Instant::now();
                    let Outcome { violations, events: happened, .. } = run(seed);
                    if began.elapsed().as_secs() >= SLOW_S {
                        eprintln!("seed {seed} took {} ms", began.elapsed().as_millis());
                    }
                    events.fetch_add(happened, Ordering::Relaxed);
                    if !violations.is_empty() {
                        eprintln!("seed {seed} failed");
                        failed.lock().unwrap().push((seed, violations));
                    }
                }
            });
        }
    });
    eprintln!("{} events in seeds {seeds:?}", events.load(Ordering::Relaxed));
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    let numbers: Vec<u64> = failed.iter().map(|(seed, _)| *seed).collect();
    if let Some((seed, violations)) = failed.first() {
        panic!(
            "{}\n{} seeds failed: {numbers:?}\nreplay: CHAT_SIM_SEED={seed} cargo test -p chat-server simulation",
            violations.join("\n"),
            failed.len()
        );
    }
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
