//! A data folder whose database has one room full of messages.

use std::io;
use std::path::Path;

use rusqlite::Connection;

use crate::chat_cli::{self, ROOM_PREFIX};
use crate::fill::fill;
use crate::shape::Population;
use crate::target::TOKENS;

/// People who wrote the messages.
const PEOPLE: u32 = 64;
/// The same as a population.
const POPULATION: Population = Population { people: 64, rooms: 1 };

/// Makes the database and the file of its people's tokens.
pub(crate) fn make(data_dir: &Path, messages: u32) -> io::Result<()> {
    chat_cli::seed(data_dir, POPULATION, &data_dir.join(TOKENS))?;
    let mut database = Connection::open(chat_cli::database(data_dir)).map_err(io::Error::other)?;
    fill(&mut database, &format!("{ROOM_PREFIX}1"), messages, PEOPLE).map_err(io::Error::other)
}
