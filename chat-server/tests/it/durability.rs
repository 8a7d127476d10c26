//! What is acknowledged is on disk, and a key is one message for ever: the real binary killed, traced, without power,
//! cut off from its clients, and on damaged data.

mod bad_rows;
mod damaged_file;
mod kill;
mod lost_answers;
pub(crate) mod pages;
mod power_loss;
mod senders;
mod syscalls;
mod trace;
