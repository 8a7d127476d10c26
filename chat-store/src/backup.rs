//! Backups: one file holds all of the chat at one moment, whichever backend it came from.
//!
//! The file is a SQLite database of this very schema. So it can be verified and looked into anywhere, and restored
//! into either backend. [`create`] runs beside a running server; [`restore`] replaces a SQLite file that nobody uses,
//! or fills an empty PostgreSQL database. A program that is killed at it leaves the old state or the new one.

mod check_rooms;
mod check_schema;
mod contents;
mod copy;
mod create;
mod error;
mod file;
mod restore;
mod restore_postgres;
mod restore_sqlite;
mod verify;

pub use contents::Contents;
pub use create::{Existing, create};
pub use error::BackupError;
pub use restore::{OldFile, Restore, Restored, Sessions, restore};
pub use verify::{Verified, verify};

/// How far a copy is. Told from time to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The file is made, or read, as a whole.
    Whole,
    /// So many rows of a table are copied.
    Rows {
        /// The table.
        table: &'static str,
        /// How many rows so far.
        rows: u64,
    },
}
