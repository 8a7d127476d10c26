//! Random numbers from a seed that is told, so that a run can be repeated.

use std::time::Duration;

/// Drawn anew for each run, or from the seed in `CHAT_TEST_SEED`. A failing test shows which it was.
pub(crate) fn seeded(test: &str) -> fastrand::Rng {
    let given = std::env::var("CHAT_TEST_SEED").ok();
    let seed = given.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("{test}: CHAT_TEST_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// A time below a limit, to the microsecond.
pub(crate) fn time_below(random: &mut fastrand::Rng, limit: Duration) -> Duration {
    Duration::from_micros(random.u64(..u64::try_from(limit.as_micros()).unwrap()))
}
