//! What the parts of the server cost by themselves: coding, fan-out, typing, history. `../README.md` says how to read it.
//!
//! These are for seeing what a change did to one part. How fast the whole is, `comparison` says.
#![forbid(unsafe_code)]
#![expect(clippy::expect_used, reason = "what is prepared here is always there")]

mod coding;
mod fan_out;
#[path = "../shared/fill.rs"]
mod fill;
mod history;
mod typing;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    coding::measure(&mut criterion);
    fan_out::measure(&mut criterion);
    typing::measure(&mut criterion);
    history::measure(&mut criterion);
    criterion.final_summary();
}
