//! `chat-cli send`: one message through a running server, once.

use chat_domain::MessageKey;
use chat_protocol::ErrorCode;
use chat_protocol::client::{Event, Refusal};
use serde_json::json;

use crate::args;
use crate::error::CliError;
use crate::line::{Line, random};
use crate::output::Report;

/// Sends, and waits until the message is stored.
pub(super) fn run(request: &args::Send) -> Result<Report, CliError> {
    let mut line = Line::new(&request.access)?;
    let key = request.key.clone().map_or_else(new_key, Ok)?;
    let now = line.now();
    let until = now.plus_ms(i64::from(request.timeout).saturating_mul(1_000));
    let begun = line.client.start(now);
    line.act(begun);
    let joined = line.client.join(request.room.clone(), None, now).map_err(|error| refused(&error))?;
    line.act(joined);
    let sent = line.client.send(request.room.clone(), request.text.clone(), key.clone(), now);
    line.act(sent.map_err(|error| refused(&error))?);
    let mut not_joined = None;
    while line.now() < until {
        for event in line.step()? {
            match event {
                Event::Sent { room, seq, .. } => {
                    let seq = seq.map(chat_domain::Seq::get);
                    let number = seq.map_or_else(String::new, |seq| format!(" as number {seq}"));
                    let report = json!({ "room": room.as_str(), "seq": seq, "key": key.as_str() });
                    return Ok(Report::line(&format!("stored in {room}{number}"), report));
                }
                Event::SendFailed { refusal, .. } => {
                    let why = not_joined.filter(|_| refusal.is(ErrorCode::NotAMember)).unwrap_or(refusal);
                    return Err(failed(&why, &key));
                }
                // Sent all the same: it may be stored already, and then the server says so.
                Event::RoomRefused { refusal, .. } => not_joined = Some(refusal),
                _ => {}
            }
        }
    }
    let what = format!("the server did not take the message in {} s", request.timeout);
    Err(match line.trouble() {
        Some(why) if !line.was_connected() => {
            CliError::server(format!("{what}: {why}"), "nothing was sent; correct --server, or start it")
        }
        _ => CliError::server(format!("{what}; it may be stored, its key is {key}"), SAY_IT_AGAIN),
    })
}

const SAY_IT_AGAIN: &str = "say it again with that --key";

/// The server will not take it.
fn failed(refusal: &Refusal, key: &MessageKey) -> CliError {
    if refusal.is(ErrorCode::KeyConflict) {
        CliError::server(refusal.to_string(), "say it with another --key, or with none")
    } else if refusal.is(ErrorCode::Internal) || *refusal == Refusal::UNREADABLE {
        CliError::server(format!("{refusal}; it may be stored, its key is {key}"), SAY_IT_AGAIN)
    } else {
        refused(refusal)
    }
}

fn refused(why: &impl std::fmt::Display) -> CliError {
    CliError::server(why.to_string(), "nothing was stored; correct what it names")
}

fn new_key() -> Result<MessageKey, CliError> {
    let hex: String = random::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect();
    MessageKey::new(hex).map_err(|error| CliError::failed(error.to_string(), "please report it"))
}
