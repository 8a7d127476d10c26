//! What the fuzz targets in `chat-protocol/fuzz` reach of the server: its decoders, and its connections without a
//! network, which the bench `parts` measures too. Behind the feature `fuzzing`, which no server has that people use;
//! nothing here is promised to anybody.

mod chat;
mod listeners;
mod people;
mod store;
mod stream;

pub use crate::http::fuzzing::{Origin, Reading, read_head};
pub use chat::Chat;
pub use listeners::Listeners;
pub use people::Person;
pub use stream::Wire;
