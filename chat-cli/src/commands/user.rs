//! `chat-cli user`: adds, lists and changes users.

mod sessions;

use chat_domain::{
    DisplayName, PasswordHash, RegisterUser, User, Username, change_password, disable_user, enable_user,
    register_user,
};
use chat_store::password::{PasswordHasher, PasswordParams};
use serde_json::{Value, json};

use crate::args;
use crate::ask;
use crate::commands::Clock;
use crate::database::{Database, OpenDatabase};
use crate::error::CliError;
use crate::output::{Column, Report};
use crate::text::utc;

/// Users that are read at once.
const USERS_PAGE: u32 = 500;

const COLUMNS: [Column; 5] = [
    Column::Number("ID"),
    Column::Text("NAME"),
    Column::Text("DISPLAY NAME"),
    Column::Text("STATE"),
    Column::Text("CREATED"),
];

/// Runs a command about users.
pub(super) fn run(command: &args::User, database: &Database, clock: Clock) -> Result<Report, CliError> {
    let opened = database.open_migrated()?;
    match command {
        args::User::Add(request) => add(request, &opened, clock),
        args::User::List => list(&opened),
        args::User::Passwd(request) => passwd(request, &opened, clock),
        args::User::Disable(args::Named { name }) => disable(name, &opened, clock),
        args::User::Enable(args::Named { name }) => enable(name, &opened, clock),
        args::User::Sessions(args::Named { name }) => sessions::list(name, &opened, clock),
        args::User::SignOut(request) => sessions::sign_out(request, &opened, clock),
    }
}

fn add(request: &args::AddUser, database: &OpenDatabase, clock: Clock) -> Result<Report, CliError> {
    let name = &request.name;
    if find(name, database)?.is_some() {
        return Err(CliError::UserExists(name.clone())); // before anybody thinks of a password
    }
    let register = RegisterUser {
        username: name.clone(),
        display_name: request.display_name.clone().unwrap_or_else(|| DisplayName::from(name)),
        password_hash: Some(hash(&ask::new_password(&request.password)?)?),
    };
    let user = database.write(|repository| {
        register_user(repository, clock(), &register).map_err(|error| CliError::from_register(name, error))
    })?;
    Ok(Report::line(&format!("added user {name} with id {}", user.id()), json_of(&user)))
}

fn list(database: &OpenDatabase) -> Result<Report, CliError> {
    let users = database.read(|repository| {
        let mut users: Vec<User> = Vec::new();
        loop {
            let page = repository.list_users(users.last().map(User::id), USERS_PAGE)?;
            if page.is_empty() {
                return Ok(users);
            }
            users.extend(page);
        }
    })?;
    Ok(Report::table(&COLUMNS, users.iter().map(row_of), users.iter().map(json_of).collect()))
}

fn passwd(request: &args::Passwd, database: &OpenDatabase, clock: Clock) -> Result<Report, CliError> {
    let name = &request.name;
    if find(name, database)?.is_none() {
        return Err(CliError::UnknownUser(name.clone()));
    }
    let hash = hash(&ask::new_password(&request.password)?)?;
    let user = database.write(|repository| {
        change_password(repository, clock(), name, &hash).map_err(|error| CliError::from_change(name, error))
    })?;
    let text = format!("changed the password of user {name} and signed them out everywhere");
    Ok(Report::line(&text, json_of(&user)))
}

fn disable(name: &Username, database: &OpenDatabase, clock: Clock) -> Result<Report, CliError> {
    let user = database.write(|repository| {
        disable_user(repository, clock(), name).map_err(|error| CliError::from_change(name, error))
    })?;
    Ok(Report::line(&format!("disabled user {name} and signed them out everywhere"), json_of(&user)))
}

fn enable(name: &Username, database: &OpenDatabase, clock: Clock) -> Result<Report, CliError> {
    let user = database.write(|repository| {
        enable_user(repository, clock(), name).map_err(|error| CliError::from_change(name, error))
    })?;
    Ok(Report::line(&format!("enabled user {name}"), json_of(&user)))
}

fn find(name: &Username, database: &OpenDatabase) -> Result<Option<User>, CliError> {
    database.read(|repository| Ok(repository.find_user_by_name(name)?))
}

fn hash(password: &str) -> Result<PasswordHash, CliError> {
    PasswordHasher::new(PasswordParams::default()).hash(password).map_err(|error| {
        CliError::failed(format!("could not hash the password: {error}"), "run the command again")
    })
}

fn row_of(user: &User) -> Vec<String> {
    vec![
        user.id().to_string(),
        user.summary.username.to_string(),
        user.summary.display_name.to_string(),
        if user.is_disabled { "disabled" } else { "active" }.to_owned(),
        utc(user.created_at),
    ]
}

fn json_of(user: &User) -> Value {
    json!({
        "id": user.id().to_string(),
        "username": user.summary.username.as_str(),
        "display_name": user.summary.display_name.as_str(),
        "is_disabled": user.is_disabled,
        "created_at": user.created_at.unix_ms(),
    })
}
