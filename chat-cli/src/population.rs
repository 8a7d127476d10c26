//! Who and what a load is made of: people and rooms called `bench-1`, `bench-2` …, put into the database.

use chat_domain::{
    AddRoom, AddRoomError, DisplayName, OpenSession, RegisterUser, RegisterUserError, Repository,
    RoomDescription, RoomName, Timestamp, UserId, Username, ValueError, add_room, open_session,
    register_user,
};
use chat_store::tokens::Tokens;

use crate::commands::Clock;
use crate::database::OpenDatabase;
use crate::error::CliError;

/// What the names of the people and rooms of a load begin with.
pub(crate) const NAME_PREFIX: &str = "bench-";
/// People or rooms that one transaction stores, so that a running server's writer gets its turn.
const BATCH: usize = 500;
/// How long the sessions of a load last.
const SESSION_MS: i64 = 7 * DAY_MS;
/// After how long without being seen any server ends a session, at the latest. With less, sessions of others would be
/// ended that the server keeps.
const UNSEEN_MS_MAX: i64 = 3_650 * DAY_MS;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The room of that number, from 1 on.
pub(crate) fn room_name(number: u32) -> Result<RoomName, CliError> {
    RoomName::new(format!("{NAME_PREFIX}{number}")).map_err(broken_rule)
}

/// Adds the rooms that are not there yet. They don't announce their members. Answers how many are new.
pub(crate) fn add_rooms(count: u32, database: &OpenDatabase, clock: Clock) -> Result<usize, CliError> {
    in_batches(count, database, |repository, number| {
        let description = RoomDescription::new("For measuring with chat-cli bench").map_err(broken_rule)?;
        let room = AddRoom { name: room_name(number)?, description, announces_members: false };
        match add_room(repository, clock(), room) {
            Ok(_) => Ok(true),
            Err(AddRoomError::NameTaken) => Ok(false),
            Err(error) => Err(error.into()),
        }
    })
    .map(|added| added.into_iter().filter(|is_new| *is_new).count())
}

/// Adds the people that are not there yet, and finds the others. Answers who they are, and whether they are new.
pub(crate) fn add_people(
    count: u32,
    database: &OpenDatabase,
    clock: Clock,
) -> Result<Vec<(UserId, bool)>, CliError> {
    in_batches(count, database, |repository, number| add_numbered(number, repository, clock()))
}

/// The same, and signs each of them in on one more device. Answers the tokens, and how many people are new.
pub(crate) fn add_signed_in(
    count: u32,
    tokens: &Tokens,
    database: &OpenDatabase,
    clock: Clock,
) -> Result<(Vec<String>, usize), CliError> {
    let signed_in = in_batches(count, database, |repository, number| {
        let (user_id, is_new) = add_numbered(number, repository, clock())?;
        Ok((sign_in(user_id, tokens, repository, clock())?, is_new))
    })?;
    let added = signed_in.iter().filter(|(_, is_new)| *is_new).count();
    Ok((signed_in.into_iter().map(|(token, _)| token).collect(), added))
}

/// Adds somebody without a password, or finds the one of an earlier time; says whether they are new.
pub(crate) fn add_person(
    username: Username,
    display_name: DisplayName,
    repository: &mut dyn Repository,
    now: Timestamp,
) -> Result<(UserId, bool), CliError> {
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

/// What names and texts that this program makes up break, if they break a rule.
pub(crate) fn broken_rule(error: ValueError) -> CliError {
    CliError::failed(
        format!("demo data breaks a rule: {error}"),
        "this is a defect of the program; please report it",
    )
}

fn add_numbered(
    number: u32,
    repository: &mut dyn Repository,
    now: Timestamp,
) -> Result<(UserId, bool), CliError> {
    let username = Username::new(format!("{NAME_PREFIX}{number}")).map_err(broken_rule)?;
    let display_name = DisplayName::from(&username);
    add_person(username, display_name, repository, now)
}

fn sign_in(
    user_id: UserId,
    tokens: &Tokens,
    repository: &mut dyn Repository,
    now: Timestamp,
) -> Result<String, CliError> {
    let drawn = tokens.draw().map_err(|error| CliError::failed(error.to_string(), "try again"));
    let (token, token_hash) = drawn?;
    let session = OpenSession {
        user_id,
        verified: None,
        token_hash,
        device: None,
        seen_at: now,
        lifetime_ms: SESSION_MS,
        idle_ms: UNSEEN_MS_MAX,
    };
    open_session(repository, now, &session)?;
    Ok(token)
}

/// Does something for each number from 1 on, many of them in one transaction.
fn in_batches<T>(
    count: u32,
    database: &OpenDatabase,
    mut add: impl FnMut(&mut dyn Repository, u32) -> Result<T, CliError>,
) -> Result<Vec<T>, CliError> {
    let numbers: Vec<u32> = (1..=count).collect();
    let mut added = Vec::new();
    for numbers in numbers.chunks(BATCH) {
        added.extend(database.write(|repository| {
            numbers.iter().map(|&number| add(repository, number)).collect::<Result<Vec<T>, CliError>>()
        })?);
    }
    Ok(added)
}
