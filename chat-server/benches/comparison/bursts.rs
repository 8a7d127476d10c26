//! The generator of bursts: a thousand members of a room, whose sockets hold all of a burst. It sleeps while the server
//! writes, and afterwards the kernel says when what arrived.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::member::Member;
use crate::wire::append_masked_frame;

/// Members of the room.
pub(crate) const MEMBERS: usize = 1_000;
/// Messages in a burst.
pub(crate) const MESSAGES: usize = 200;
/// Bursts before those that count: they widen the sockets' windows.
const WARM_UP: usize = 3;
/// Bursts that may be in vain because the generator woke too early, for each that counts.
const TRIES: usize = 3;
const BODY_BYTES: usize = 100;
/// How long the server is left alone with a burst.
const SLEEP: Duration = Duration::from_millis(400);
/// How long nothing must come before a burst begins.
const QUIET: Duration = Duration::from_millis(50);

/// Connects and joins, and prints the milliseconds of each burst.
pub(crate) fn run(server: &str, tokens: &Path, bursts: usize) -> io::Result<()> {
    let tokens = std::fs::read_to_string(tokens)?;
    let mut members = tokens
        .lines()
        .take(MEMBERS)
        .map(|token| Member::connect(server, token))
        .collect::<io::Result<Vec<_>>>()?;
    members.iter_mut().try_for_each(Member::join)?;
    members.iter_mut().try_for_each(Member::wait_until_joined)?;
    let mut counted = 0;
    for number in 0..WARM_UP + bursts * TRIES {
        let took = burst(&mut members, number)?;
        if number < WARM_UP {
            continue;
        }
        if let Some(took) = took {
            println!("{}", took.as_secs_f64() * 1_000.0);
            counted += 1;
        }
        if counted == bursts {
            return Ok(());
        }
    }
    Err(io::Error::other(format!("only {counted} bursts ended while the generator slept")))
}

/// Sends a burst, and says how long it took until the last byte of it arrived. `None` if it was not over when the
/// generator woke: then reading took time from the server.
fn burst(members: &mut [Member], number: usize) -> io::Result<Option<Duration>> {
    while read_all(members)? {
        pause(QUIET);
    }
    members.iter_mut().for_each(|member| member.messages = 0);
    let Some(sender) = members.first_mut() else { return Ok(None) };
    let bytes = messages(number)?;
    let sent_at = since_1970()?;
    if sender.stream().write(&bytes)? != bytes.len() {
        return Err(io::Error::other("the sender's socket is too small"));
    }
    pause(SLEEP);
    read_all(members)?;
    let is_over = members.iter().all(|member| member.messages == MESSAGES);
    while members.iter().any(|member| member.messages < MESSAGES) {
        pause(QUIET);
        read_all(members)?;
    }
    let heard: Option<Vec<Duration>> = members.iter().map(|member| member.heard_at).collect();
    let last = heard.and_then(|heard| heard.into_iter().max());
    let last = last.ok_or_else(|| io::Error::other("the kernel tells no times of arrival"))?;
    Ok(is_over.then(|| last.saturating_sub(sent_at)))
}

/// Reads what came; `false` if it was nothing.
fn read_all(members: &mut [Member]) -> io::Result<bool> {
    let mut has_come = false;
    for member in members {
        has_come |= member.read()?;
    }
    Ok(has_come)
}

/// The time by the clock of the kernel's times of arrival.
#[expect(clippy::disallowed_methods, reason = "the kernel's clock is not the server's")]
fn since_1970() -> io::Result<Duration> {
    SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)
}

#[expect(clippy::disallowed_methods, reason = "looking for a condition would take time from the server")]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// The requests of a burst.
fn messages(burst: usize) -> io::Result<Vec<u8>> {
    let (mut bytes, body) = (Vec::new(), "x".repeat(BODY_BYTES));
    for number in 0..MESSAGES {
        let request = format!(
            r#"{{"type":"send_message","id":"{number}","room":"bench-1","body":"{body}","key":"{burst}-{number}"}}"#
        );
        append_masked_frame(request.as_bytes(), &mut bytes)?;
    }
    Ok(bytes)
}
