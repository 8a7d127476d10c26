//! One connection: a reader task around the WebSocket library; what it writes goes through the shard's dispatcher.

mod admission;
mod brake;
#[cfg(feature = "echo")]
mod echo;
mod frame_headers;
mod io;
mod reader;
pub(crate) mod socket;
#[cfg(test)]
mod tests;

pub(crate) use admission::{Admission, connected};
pub(crate) use reader::serve;
