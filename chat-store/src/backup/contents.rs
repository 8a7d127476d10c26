//! What a backup holds, counted.

use diesel::dsl::count_star;
use diesel::prelude::*;

use crate::any_connection::AnyConnection;
use crate::backup::error::BackupError;
use crate::migrations::{known, version};
use crate::schema::{
    chat_control, chat_message, chat_meta, chat_participant, chat_room, chat_session, chat_user,
};
use crate::schema_check::{applied_versions, backend_of};

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The epoch of its numbers.
    pub epoch: String,
    /// The newest migration it has.
    pub schema: String,
    /// Rooms, archived ones too.
    pub rooms: i64,
    /// People.
    pub users: i64,
    /// Messages of every kind.
    pub messages: i64,
    /// Memberships.
    pub participants: i64,
    /// Signed-in devices.
    pub sessions: i64,
    /// Entries of the control log.
    pub control_entries: i64,
}

impl Contents {
    /// Counts. Only a backup is counted so, never a database at work.
    pub(super) fn of(connection: &mut AnyConnection) -> Result<Self, BackupError> {
        let epoch = chat_meta::table.select(chat_meta::epoch).get_result(connection).optional()?;
        let applied = applied_versions(connection)?.into_iter().max().unwrap_or_default();
        let mut known = known(backend_of(connection))?.into_iter();
        let schema = known.find(|migration| version(migration) == applied);
        Ok(Self {
            epoch: epoch.unwrap_or_default(),
            schema: schema.map_or(applied, |migration| migration.name().to_string()),
            rooms: chat_room::table.select(count_star()).get_result(connection)?,
            users: chat_user::table.select(count_star()).get_result(connection)?,
            messages: chat_message::table.select(count_star()).get_result(connection)?,
            participants: chat_participant::table.select(count_star()).get_result(connection)?,
            sessions: chat_session::table.select(count_star()).get_result(connection)?,
            control_entries: chat_control::table.select(count_star()).get_result(connection)?,
        })
    }
}
