//! `chat-cli room`: adds, lists and archives rooms.

use chat_domain::{Room, RoomName, add_room, archive_room};
use serde_json::{Value, json};

use crate::args;
use crate::commands::Clock;
use crate::database::Database;
use crate::error::CliError;
use crate::output::{Column, Report};
use crate::text::{shorten, utc};

/// Rooms that a list shows, at most.
const ROOMS_LISTED_MAX: u32 = 10_000;
/// Characters of a description that a table shows, at most; JSON has all of it.
const DESCRIPTION_CHARS_SHOWN: usize = 60;

const COLUMNS: [Column; 8] = [
    Column::Number("ID"),
    Column::Text("NAME"),
    Column::Text("STATE"),
    Column::Number("MEMBERS"),
    Column::Number("LAST SEQ"),
    Column::Text("ANNOUNCES"),
    Column::Text("CREATED"),
    Column::Text("DESCRIPTION"),
];

/// Runs a command about rooms.
pub(super) fn run(command: &args::Room, database: &Database, clock: Clock) -> Result<Report, CliError> {
    match command {
        args::Room::Add(request) => add(request, database, clock),
        args::Room::List(args::ListRooms { all }) => list(*all, database),
        args::Room::Archive(args::ArchiveRoom { name }) => archive(name, database, clock),
    }
}

fn add(request: &args::AddRoom, database: &Database, clock: Clock) -> Result<Report, CliError> {
    let request = chat_domain::AddRoom {
        name: request.name.clone(),
        description: request.description.clone().unwrap_or_default(),
        announces_members: !request.quiet,
    };
    let room = database.open_migrated()?.write(|repository| {
        add_room(repository, clock(), request.clone())
            .map_err(|error| CliError::from_add_room(&request.name, error))
    })?;
    Ok(Report::line(&format!("added room {} with id {}", room.name, room.id), json_of(&room)))
}

fn list(all: bool, database: &Database) -> Result<Report, CliError> {
    let rooms: Vec<Room> = database
        .open_migrated()?
        .read(|repository| Ok(repository.list_rooms(ROOMS_LISTED_MAX)?))?
        .into_iter()
        .filter(|room| all || room.is_active)
        .collect();
    Ok(Report::table(&COLUMNS, rooms.iter().map(row_of), rooms.iter().map(json_of).collect()))
}

fn archive(name: &RoomName, database: &Database, clock: Clock) -> Result<Report, CliError> {
    let room = database.open_migrated()?.write(|repository| {
        archive_room(repository, clock(), name).map_err(|error| CliError::from_archive(name, error))
    })?;
    Ok(Report::line(&format!("archived room {}", room.name), json_of(&room)))
}

fn row_of(room: &Room) -> Vec<String> {
    vec![
        room.id.to_string(),
        room.name.to_string(),
        if room.is_active { "active" } else { "archived" }.to_owned(),
        room.members.to_string(),
        room.last_seq.to_string(),
        if room.announces_members { "yes" } else { "no" }.to_owned(),
        utc(room.created_at),
        shorten(room.description.as_str(), DESCRIPTION_CHARS_SHOWN),
    ]
}

fn json_of(room: &Room) -> Value {
    json!({
        "id": room.id.to_string(),
        "name": room.name.as_str(),
        "description": room.description.as_str(),
        "is_active": room.is_active,
        "members": room.members,
        "last_seq": room.last_seq.get(),
        "announces_members": room.announces_members,
        "created_at": room.created_at.unix_ms(),
    })
}
