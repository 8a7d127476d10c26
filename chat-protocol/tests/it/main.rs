//! The wire, to the letter: golden files both ways, every bad input, and the document that describes it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bad_input;
mod document;
mod examples;
mod golden;
