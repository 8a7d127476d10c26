//! `chat-cli user sessions` and `user sign-out`: the devices on which a user is signed in.

use chat_domain::{
    DeviceName, ListedSession, Repository, SessionId, User, Username, list_sessions, sign_out as end_session,
    sign_out_everywhere,
};
use serde_json::{Value, json};

use super::json_of;
use crate::args;
use crate::commands::Clock;
use crate::database::OpenDatabase;
use crate::error::CliError;
use crate::output::{Column, Report};
use crate::text::utc;

const COLUMNS: [Column; 5] = [
    Column::Number("ID"),
    Column::Text("DEVICE"),
    Column::Text("CREATED"),
    Column::Text("LAST SEEN"),
    Column::Text("EXPIRES"),
];

/// After how many milliseconds without being seen a session ends is a setting of the server's, which is not known here:
/// what a server would refuse for that alone is listed until it is removed.
const IDLE_MS: i64 = i64::MAX;

/// Lists a user's sessions.
pub(super) fn list(name: &Username, database: &OpenDatabase, clock: Clock) -> Result<Report, CliError> {
    let sessions = database.read(|repository| {
        let user = existing(repository, name)?;
        Ok(list_sessions(repository, clock(), IDLE_MS, user.id())?)
    })?;
    Ok(Report::table(&COLUMNS, sessions.iter().map(row_of), sessions.iter().map(json_of_session).collect()))
}

/// Signs a user out on every device, or on one.
pub(super) fn sign_out(
    request: &args::SignOut,
    database: &OpenDatabase,
    clock: Clock,
) -> Result<Report, CliError> {
    match request.session {
        Some(id) => sign_out_one(&request.name, id, database, clock),
        None => sign_out_all(&request.name, database, clock),
    }
}

fn sign_out_one(
    name: &Username,
    id: SessionId,
    database: &OpenDatabase,
    clock: Clock,
) -> Result<Report, CliError> {
    let user = database.write(|repository| {
        let user = existing(repository, name)?;
        if !end_session(repository, clock(), user.id(), id)? {
            return Err(CliError::UnknownSession { name: name.clone(), id });
        }
        Ok(user)
    })?;
    Ok(Report::line(&format!("ended session {id} of user {name}"), json_of(&user)))
}

fn sign_out_all(name: &Username, database: &OpenDatabase, clock: Clock) -> Result<Report, CliError> {
    let (user, ended) = database.write(|repository| {
        sign_out_everywhere(repository, clock(), name).map_err(|error| CliError::from_change(name, error))
    })?;
    let text = format!("signed user {name} out everywhere; sessions ended: {ended}");
    Ok(Report::line(&text, json_of(&user)))
}

fn existing(repository: &mut dyn Repository, name: &Username) -> Result<User, CliError> {
    repository.find_user_by_name(name)?.ok_or_else(|| CliError::UnknownUser(name.clone()))
}

fn row_of(listed: &ListedSession) -> Vec<String> {
    let ListedSession { session, device } = listed;
    vec![
        session.id.to_string(),
        device.as_ref().map_or("-", DeviceName::as_str).to_owned(),
        utc(session.created_at),
        utc(session.last_seen_at),
        utc(session.expires_at),
    ]
}

fn json_of_session(listed: &ListedSession) -> Value {
    let ListedSession { session, device } = listed;
    json!({
        "id": session.id.to_string(),
        "device": device.as_ref().map(DeviceName::as_str),
        "created_at": session.created_at.unix_ms(),
        "last_seen_at": session.last_seen_at.unix_ms(),
        "expires_at": session.expires_at.unix_ms(),
    })
}
