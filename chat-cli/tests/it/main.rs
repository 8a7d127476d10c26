//! What the program does, seen through the real binary, its exit codes, and the store.

mod chat;
mod configuration;
mod migrate;
mod postgres;
mod room;
mod seed;
mod usage;
mod user;
