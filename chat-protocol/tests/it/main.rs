//! The wire, to the letter: golden files both ways, every bad input, and the document that describes it.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod bad_input;
mod client;
mod document;
mod examples;
mod golden;
mod page_bytes;
