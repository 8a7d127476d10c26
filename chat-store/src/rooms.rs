//! Rooms.

use chat_domain::repository::{Result, RoomCounters, Rooms};
use chat_domain::{NewRoom, Room, RoomId, RoomName};
use diesel::prelude::*;

use crate::any_connection::{AnyConnection, on_backend};
use crate::rows::RoomRow;
use crate::schema::chat_room;
use crate::transaction::StoreTransaction;
use crate::{batch_postgres, batch_sqlite};

impl Rooms for StoreTransaction<'_> {
    fn add_room(&mut self, room: &NewRoom) -> Result<Room> {
        let row: RoomRow = self.query(|connection| {
            on_backend!(connection, |c| diesel::insert_into(chat_room::table)
                .values((
                    chat_room::name.eq(room.name.as_str()),
                    chat_room::description.eq(room.description.as_str()),
                    chat_room::created_at.eq(room.created_at.unix_ms()),
                    chat_room::announces_members.eq(room.announces_members),
                ))
                .returning(RoomRow::as_returning())
                .get_result(c))
        })?;
        self.noted(row.try_into())
    }

    fn find_room(&mut self, id: RoomId) -> Result<Option<Room>> {
        let found: Option<RoomRow> = self.query(|connection| {
            chat_room::table.find(id.get()).select(RoomRow::as_select()).get_result(connection).optional()
        })?;
        self.noted(found.map(Room::try_from).transpose())
    }

    fn find_room_by_name(&mut self, name: &RoomName) -> Result<Option<Room>> {
        let found: Option<RoomRow> = self.query(|connection| {
            chat_room::table
                .filter(chat_room::name.eq(name.as_str()))
                .select(RoomRow::as_select())
                .get_result(connection)
                .optional()
        })?;
        self.noted(found.map(Room::try_from).transpose())
    }

    fn list_rooms(&mut self, limit: u32) -> Result<Vec<Room>> {
        let rows: Vec<RoomRow> = self.query(|connection| {
            chat_room::table
                .order(chat_room::id)
                .limit(i64::from(limit))
                .select(RoomRow::as_select())
                .load(connection)
        })?;
        self.noted(rows.into_iter().map(Room::try_from).collect())
    }

    fn list_active_rooms(&mut self, limit: u32) -> Result<Vec<Room>> {
        let rows: Vec<RoomRow> = self.query(|connection| {
            chat_room::table
                .filter(chat_room::is_active.eq(true))
                .order(chat_room::id)
                .limit(i64::from(limit))
                .select(RoomRow::as_select())
                .load(connection)
        })?;
        self.noted(rows.into_iter().map(Room::try_from).collect())
    }

    fn lock_rooms(&mut self, ids: &[RoomId]) -> Result<Vec<Room>> {
        let rows = self.query(|connection| match connection {
            AnyConnection::Sqlite(sqlite) => batch_sqlite::find_rooms(sqlite, ids),
            AnyConnection::Postgres(postgres) => batch_postgres::lock_rooms(postgres, ids),
        })?;
        self.noted(rows.into_iter().map(Room::try_from).collect())
    }

    fn set_room_counters(&mut self, counters: &[RoomCounters]) -> Result<()> {
        self.query(|connection| match connection {
            AnyConnection::Sqlite(sqlite) => batch_sqlite::set_room_counters(sqlite, counters),
            AnyConnection::Postgres(postgres) => batch_postgres::set_room_counters(postgres, counters),
        })
    }

    fn set_room_active(&mut self, id: RoomId, is_active: bool) -> Result<()> {
        self.query(|connection| {
            diesel::update(chat_room::table.find(id.get()))
                .set(chat_room::is_active.eq(is_active))
                .execute(connection)
        })
        .map(drop)
    }
}
