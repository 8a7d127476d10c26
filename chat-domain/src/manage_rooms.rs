//! What an administrator does with rooms. Each change goes into the control log.

use thiserror::Error;

use crate::{
    ControlAction, NewRoom, Repository, RepositoryError, Room, RoomDescription, RoomName, Timestamp,
    ValueError,
};

/// The rooms that a new chat starts with: name and description.
pub const DEFAULT_ROOMS: [(&str, &str); 4] = [
    ("general", "General fitness discussion and motivation"),
    ("workout-tips", "Share workout tips and exercise advice"),
    ("nutrition", "Discuss nutrition and meal planning"),
    ("progress", "Share your fitness progress and achievements"),
];

/// A room to be added.
#[derive(Debug, Clone)]
pub struct AddRoom {
    /// Its unique name.
    pub name: RoomName,
    /// What it is about.
    pub description: RoomDescription,
    /// Whether becoming or ceasing to be a member writes a message.
    pub announces_members: bool,
}

/// Why a room was not added.
#[derive(Debug, Error)]
pub enum AddRoomError {
    /// Another room has the name.
    #[error("there is a room of that name")]
    NameTaken,
    /// A name or description breaks a rule.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The store failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Why a room was not archived.
#[derive(Debug, Error)]
pub enum ArchiveRoomError {
    /// There is no such room.
    #[error("there is no room of that name")]
    UnknownRoom,
    /// The store failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Adds a room.
///
/// # Errors
/// [`AddRoomError`].
pub fn add_room<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    request: AddRoom,
) -> Result<Room, AddRoomError> {
    if repository.find_room_by_name(&request.name)?.is_some() {
        return Err(AddRoomError::NameTaken);
    }
    let room = repository.add_room(&NewRoom {
        name: request.name,
        description: request.description,
        created_at: now,
        announces_members: request.announces_members,
    })?;
    repository.append_control(&ControlAction::RoomAdded { room_id: room.id }, now)?;
    Ok(room)
}

/// Adds those of the [`DEFAULT_ROOMS`] that don't exist; returns the added ones.
///
/// # Errors
/// If the store fails.
pub fn add_default_rooms<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
) -> Result<Vec<Room>, AddRoomError> {
    let mut added = Vec::new();
    for (name, description) in DEFAULT_ROOMS {
        let request = AddRoom {
            name: RoomName::new(name)?,
            description: RoomDescription::new(description)?,
            announces_members: true,
        };
        match add_room(repository, now, request) {
            Ok(room) => added.push(room),
            Err(AddRoomError::NameTaken) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(added)
}

/// Archives a room: nobody joins, reads or writes in it any more. Its messages stay stored.
///
/// # Errors
/// [`ArchiveRoomError`].
pub fn archive_room<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    name: &RoomName,
) -> Result<Room, ArchiveRoomError> {
    let room = repository.find_room_by_name(name)?.ok_or(ArchiveRoomError::UnknownRoom)?;
    if room.is_active {
        repository.set_room_active(room.id, false)?;
        repository.append_control(&ControlAction::RoomArchived { room_id: room.id }, now)?;
    }
    Ok(Room { is_active: false, ..room })
}
