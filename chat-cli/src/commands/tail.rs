//! `chat-cli tail`: follows rooms on a running server.

use std::collections::BTreeMap;

use chat_domain::{RoomName, Seq};
use chat_protocol::Message;
use chat_protocol::client::{Event, Position};
use serde_json::json;

use crate::args;
use crate::error::CliError;
use crate::line::Line;
use crate::output::{Format, Report, print_line, print_notice};
use crate::text::utc;

/// Up to where each room is printed.
type Printed = BTreeMap<RoomName, Position>;

/// Prints until nobody reads on.
pub(super) fn run(request: &args::Tail, format: Format) -> Result<Report, CliError> {
    let mut line = Line::new(&request.access)?;
    let mut printed = Printed::new();
    let now = line.now();
    let begun = line.client.start(now);
    line.act(begun);
    for room in &request.rooms {
        let joined = line.client.join(room.clone(), None, now);
        line.act(joined.map_err(|error| CliError::usage(error.to_string(), "name fewer rooms"))?);
    }
    let mut trouble = None;
    loop {
        for event in line.step()? {
            if !print(&event, &mut printed, format)? {
                return Ok(Report::told());
            }
        }
        if line.trouble() != trouble.as_deref() {
            trouble = line.trouble().map(str::to_owned);
            let text = trouble.as_deref().unwrap_or("connected");
            print_notice(text, format);
        }
    }
}

/// Prints what an event brings. Whether anybody reads on.
fn print(event: &Event, printed: &mut Printed, format: Format) -> Result<bool, CliError> {
    const ADVICE: &str = "follow the other rooms without it";
    match event {
        Event::Room { joined, .. } => {
            let held = printed.get(&joined.room).filter(|held| held.epoch == joined.epoch);
            let after = held.map_or(Seq::ZERO, |held| held.seq);
            let position = Position { epoch: joined.epoch.clone(), seq: joined.last_seq };
            let is_held = held.is_some();
            printed.insert(joined.room.clone(), position);
            // After a long absence there are the last messages only.
            let first = joined.messages.first().map(|message| message.seq);
            if let Some(first) = first.filter(|&first| is_held && joined.reset && first > after.next()) {
                let text =
                    format!("{}: numbers {} to {} are left out", joined.room, after.next(), first.get() - 1);
                print_notice(&text, format);
            }
            let mut fresh = joined.messages.iter().filter(|message| message.changed_seq > after);
            Ok(fresh.all(|message| print_message(&joined.room, message, format)))
        }
        Event::Message(event) => {
            if let Some(held) = printed.get_mut(&event.room) {
                held.seq = event.seq;
            }
            Ok(print_message(&event.room, &event.message, format))
        }
        Event::RoomRefused { room, refusal } => Err(CliError::server(format!("{room}: {refusal}"), ADVICE)),
        Event::RoomLeft { room, .. } => Err(CliError::server(format!("you are no longer in {room}"), ADVICE)),
        _ => Ok(true),
    }
}

fn print_message(room: &RoomName, message: &Message, format: Format) -> bool {
    let author = message.user.as_ref().map_or("-", |user| user.username.as_str());
    let (kind, seq) = (message.kind.as_str(), message.seq);
    let edited = if message.changed_seq > seq { " (changed)" } else { "" };
    let time = utc(message.created_at);
    let human = format!("{time} {room} {seq} {kind} {author}{edited}: {}", message.body);
    print_line(&human, &json!({ "room": room.as_str(), "message": message }), format)
}
