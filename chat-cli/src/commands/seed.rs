//! `chat-cli seed`: the default rooms, and demo people who talk in them. A second time it adds nothing.

mod demo;

use chat_domain::{
    Command, DEFAULT_ROOMS, JoinRoom, Outcome, RegisterUser, RegisterUserError, Repository, RoomId, RoomName,
    SendMessage, Timestamp, UserId, ValueError, add_default_rooms, commit_batch, register_user,
};
use serde_json::json;

use crate::args;
use crate::commands::Clock;
use crate::database::{Database, OpenDatabase};
use crate::error::CliError;
use crate::output::Report;

/// Demo people or messages that one transaction stores, so that a running server's writer gets its turn.
const BATCH: usize = 500;

/// Adds what is not there yet.
pub(super) fn run(seed: &args::Seed, database: &Database, clock: Clock) -> Result<Report, CliError> {
    let database = database.open_migrated()?;
    let rooms = database.write(|repository| Ok(add_default_rooms(repository, clock())?))?;
    let (mut users, mut messages) = (0, 0);
    if let Some(count) = seed.users {
        let room_ids = database.read(|repository| find_default_rooms(repository))?;
        let people;
        (people, users) = add_people(count, &room_ids, &database, clock)?;
        messages = add_messages(seed.messages.unwrap_or(0), &people, &room_ids, &database, clock)?;
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
            let room = repository.find_room_by_name(&RoomName::new(*name).map_err(demo_value)?)?;
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
    let username = demo::username(number).map_err(demo_value)?;
    let display_name = demo::display_name(number).map_err(demo_value)?;
    let request = RegisterUser { username, display_name, password_hash: None };
    match register_user(repository, now, &request) {
        Ok(user) => return Ok((user.id(), true)),
        Err(RegisterUserError::NameTaken) => {}
        Err(RegisterUserError::Repository(error)) => return Err(error.into()),
    }
    let user = repository.find_user_by_name(&request.username)?;
    let user = user.ok_or_else(|| CliError::UnknownUser(request.username.clone()))?;
    if repository.find_password_hash(user.id())?.is_some() {
        return Err(CliError::NotADemoUser(request.username)); // nobody puts words into a person's mouth
    }
    if user.is_disabled {
        return Err(CliError::failed(
            format!("the demo user {} is disabled", request.username),
            "enable it with `chat-cli user enable`, or seed fewer demo users",
        ));
    }
    Ok((user.id(), false))
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
            .map(|send| Ok(Command::SendMessage(send.map_err(demo_value)?)))
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

fn demo_value(error: ValueError) -> CliError {
    CliError::failed(
        format!("demo data breaks a rule: {error}"),
        "this is a defect of the program; please report it",
    )
}
