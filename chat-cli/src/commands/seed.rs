//! `chat-cli seed`: the default rooms, and demo people who talk in them, or people whom `bench` speaks for. A second
//! time it adds no rooms, people and messages.

mod demo;
mod token_file;

use chat_domain::{
    Command, DEFAULT_ROOMS, JoinRoom, Outcome, Repository, RoomId, RoomName, SendMessage, Timestamp, UserId,
    ValueError, add_default_rooms, commit_batch,
};
use serde_json::json;

use crate::args;
use crate::commands::Clock;
use crate::database::{Database, OpenDatabase};
use crate::error::CliError;
use crate::output::Report;
use crate::population::{self, broken_rule};
use crate::settings;

/// Demo people or messages that one transaction stores, so that a running server's writer gets its turn.
const BATCH: usize = 500;

/// Adds what is not there yet.
pub(super) fn run(
    seed: &args::Seed,
    global: &args::Global,
    database: &Database,
    clock: Clock,
) -> Result<Report, CliError> {
    let opened = database.open_migrated()?;
    let rooms = opened.write(|repository| Ok(add_default_rooms(repository, clock())?))?;
    if let (Some(path), Some(people)) = (&seed.tokens, seed.users) {
        let tokens = settings::tokens(global, database)?;
        let load = token_file::Load { people, rooms: seed.rooms, path };
        return token_file::write(&load, &tokens, &opened, clock);
    }
    let (mut users, mut messages) = (0, 0);
    if let Some(count) = seed.users {
        let room_ids = opened.read(|repository| find_default_rooms(repository))?;
        let people;
        (people, users) = add_people(count, &room_ids, &opened, clock)?;
        messages = add_messages(seed.messages.unwrap_or(0), &people, &room_ids, &opened, clock)?;
    }
    let names: Vec<&str> = rooms.iter().map(|room| room.name.as_str()).collect();
    Ok(Report::line(
        &format!("added {} rooms, {users} demo users and {messages} messages", names.len()),
        json!({ "rooms": names, "users": users, "messages": messages }),
    ))
}

/// The default rooms in their own order; `None` where one is archived.
fn find_default_rooms(repository: &mut dyn Repository) -> Result<Vec<Option<RoomId>>, CliError> {
    DEFAULT_ROOMS
        .iter()
        .map(|(name, _)| {
            let room = repository.find_room_by_name(&RoomName::new(*name).map_err(broken_rule)?)?;
            Ok(room.filter(|room| room.is_active).map(|room| room.id))
        })
        .collect()
}

/// Adds demo people and makes them members of the rooms. Returns all of them, and how many are new.
fn add_people(
    count: u32,
    room_ids: &[Option<RoomId>],
    database: &OpenDatabase,
    clock: Clock,
) -> Result<(Vec<UserId>, usize), CliError> {
    let (mut people, mut added) = (Vec::new(), 0);
    let numbers: Vec<u32> = (1..=count).collect();
    for numbers in numbers.chunks(BATCH) {
        let batch = database.write(|repository| {
            let now = clock();
            let people = numbers
                .iter()
                .map(|number| add_person(*number, repository, now))
                .collect::<Result<Vec<_>, CliError>>()?;
            let joins: Vec<Command> = people
                .iter()
                .flat_map(|(user_id, _)| {
                    room_ids.iter().flatten().map(|&room_id| JoinRoom { user_id: *user_id, room_id })
                })
                .map(Command::JoinRoom)
                .collect();
            commit(repository, now, &joins)?;
            Ok(people)
        })?;
        added += batch.iter().filter(|(_, is_new)| *is_new).count();
        people.extend(batch.into_iter().map(|(user_id, _)| user_id));
    }
    Ok((people, added))
}

/// Adds a demo person, or finds the one of an earlier time; says whether it is new.
fn add_person(
    number: u32,
    repository: &mut dyn Repository,
    now: Timestamp,
) -> Result<(UserId, bool), CliError> {
    let username = demo::username(number).map_err(broken_rule)?;
    let display_name = demo::display_name(number).map_err(broken_rule)?;
    population::add_person(username, display_name, repository, now)
}

/// Lets the demo people talk. Returns how many of the messages are new.
fn add_messages(
    count: u32,
    people: &[UserId],
    room_ids: &[Option<RoomId>],
    database: &OpenDatabase,
    clock: Clock,
) -> Result<usize, CliError> {
    let numbers: Vec<u32> = (0..count).collect();
    let mut added = 0;
    for numbers in numbers.chunks(BATCH) {
        let sends = numbers
            .iter()
            .filter_map(|number| message(*number, people, room_ids).transpose())
            .map(|send| Ok(Command::SendMessage(send.map_err(broken_rule)?)))
            .collect::<Result<Vec<_>, CliError>>()?;
        let outcomes = database.write(|repository| commit(repository, clock(), &sends))?;
        added += outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Outcome::MessageSent(sent) if sent.is_new))
            .count();
    }
    Ok(added)
}

/// The demo message of that number; `None` if its room is archived.
fn message(
    number: u32,
    people: &[UserId],
    room_ids: &[Option<RoomId>],
) -> Result<Option<SendMessage>, ValueError> {
    let (Some(&user_id), Some(&Some(room_id))) =
        (demo::pick(people, number), demo::pick(room_ids, demo::room_turn(number)))
    else {
        return Ok(None);
    };
    Ok(Some(SendMessage { user_id, room_id, body: demo::body(number)?, key: demo::key(number)? }))
}

/// Commits a batch of which every command must succeed.
fn commit(
    repository: &mut dyn Repository,
    now: Timestamp,
    commands: &[Command],
) -> Result<Vec<Outcome>, CliError> {
    let results = commit_batch(repository, now, commands)?;
    results.into_iter().map(|result| result.map_err(CliError::from)).collect()
}
