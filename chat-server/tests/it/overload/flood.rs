//! Senders over raw sockets: cheap enough to offer ten times what a server carries.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::iter::Sum;
use std::time::{Duration, Instant};

use chat_domain::RoomName;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::beside::take_text;
use crate::support::Client;
use crate::support::frames::{TEXT, frame};

/// How a sender goes on.
pub(super) enum Pace {
    /// It has so many sends under way, and waits for their answers.
    Waiting { window: usize },
    /// It sends so many a second, whatever comes back.
    Regardless { per_second: usize },
}

/// What was offered, and what came back.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Sends whose time had come.
    pub(super) due: usize,
    /// Those that the connection took.
    pub(super) written: usize,
    /// Keys with their acks.
    pub(super) acks: Vec<(String, String)>,
    /// How often each refusal came.
    pub(super) refused: BTreeMap<String, usize>,
}

/// Bytes of a text, about.
const BODY_BYTES: usize = 1_000;
/// Sends that are written at once, at most.
const AT_ONCE: usize = 16;
/// Bytes that the sender's own socket holds: what is not taken is not hidden in it.
const SEND_BUFFER_BYTES: usize = 32 * 1024;
/// How often it looks whether more is due.
const TICK: Duration = Duration::from_millis(25);

/// Sends at a pace until a moment, and goes away without a word.
pub(super) async fn flood(
    mut client: Client,
    room: &RoomName,
    name: &str,
    pace: &Pace,
    until: Instant,
) -> Tally {
    let stream = client.socket.get_mut();
    SockRef::from(&*stream).set_send_buffer_size(SEND_BUFFER_BYTES).unwrap();
    // What the server has not read by then is dropped with the connection.
    stream.set_zero_linger().unwrap();
    let (mut reader, mut writer) = stream.split();
    let (tally, answered) = (RefCell::new(Tally::default()), Notify::new());
    let (began, next) = (Instant::now(), Cell::new(0));
    let write = async {
        loop {
            let due = due(pace, &tally.borrow(), began);
            tally.borrow_mut().due = due;
            while next.get() < due {
                let count = AT_ONCE.min(due - next.get());
                let sends: Vec<u8> = (0..count).flat_map(|n| send(room, name, next.get() + n)).collect();
                writer.write_all(&sends).await.unwrap();
                next.set(next.get() + count);
            }
            match pace {
                Pace::Waiting { .. } => answered.notified().await,
                Pace::Regardless { .. } => tokio::time::sleep(TICK).await,
            }
        }
    };
    let read = async {
        let mut held = Vec::new();
        loop {
            assert!(reader.read_buf(&mut held).await.unwrap() > 0, "the connection of {name} was closed");
            while let Some(text) = take_text(&mut held) {
                tally.borrow_mut().note(name, &text);
            }
            answered.notify_one();
        }
    };
    let both = async { tokio::join!(write, read) };
    let _: Result<((), ()), _> = tokio::time::timeout_at(until.into(), both).await;
    let mut tally = tally.into_inner();
    tally.written = next.get();
    if let Pace::Regardless { .. } = pace {
        tally.due = due(pace, &tally, began);
    }
    tally
}

/// How many sends should have been made by now.
fn due(pace: &Pace, tally: &Tally, began: Instant) -> usize {
    match pace {
        Pace::Waiting { window } => tally.answers() + window,
        Pace::Regardless { per_second } => {
            per_second * usize::try_from(began.elapsed().as_millis()).unwrap() / 1_000
        }
    }
}

fn send(room: &RoomName, name: &str, n: usize) -> Vec<u8> {
    let text = format!(
        r#"{{"type":"send_message","id":"{n}","room":"{room}","body":"{:x<BODY_BYTES$}","key":"{name}-{n}"}}"#,
        ""
    );
    frame(TEXT, text.as_bytes())
}

impl Tally {
    fn answers(&self) -> usize {
        self.acks.len() + self.refused.values().sum::<usize>()
    }

    /// Notes the answer to a send.
    fn note(&mut self, name: &str, text: &str) {
        let field = |name: &str| {
            let (_, rest) = text.split_once(&format!("\"{name}\":\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        if text.starts_with(r#"{"type":"ack""#) {
            self.acks.push((format!("{name}-{}", field("re").unwrap()), text.to_owned()));
        } else if text.starts_with(r#"{"type":"error""#) {
            assert!(text.contains(r#""retry_after_ms":"#), "{text}");
            *self.refused.entry(field("code").unwrap()).or_default() += 1;
        }
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, one| {
            sum.due += one.due;
            sum.written += one.written;
            sum.acks.extend(one.acks);
            for (code, count) in one.refused {
                *sum.refused.entry(code).or_default() += count;
            }
            sum
        })
    }
}
