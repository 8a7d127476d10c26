//! What demo people are called and what they say: the same at every time, by their numbers.

use chat_domain::{Body, DisplayName, MessageKey, Username, ValueError};

/// Messages that follow one another in one room.
const MESSAGES_PER_TURN: u32 = 5;

const FIRST_NAMES: [&str; 12] =
    ["Ann", "Ben", "Chloé", "David", "Elif", "Farid", "Grace", "Hiro", "Ines", "Jonas", "Kira", "Łukasz"];

const LINES: [&str; 13] = [
    "Good morning, everybody! Who trains today?",
    "Five kilometres before breakfast. The first one was the longest.",
    "How do you keep your back straight in a deadlift?",
    "Look ahead instead of down, and take less weight until it feels right.",
    "Oats, yoghurt and berries: takes two minutes and lasts until noon.",
    "Rest day. The hardest one of the week 😄",
    "I finally did ten pull-ups in a row!",
    "Congratulations! How long did it take you?",
    "Three months, twice a week. No secret at all.",
    "Does anybody have a plan for the first half marathon?",
    "Drink more water than you think you need.",
    "Is it normal that the second day hurts more than the first?",
    "Yes, that passes. Walk a little, sleep enough.",
];

/// `demo-1`, `demo-2` …
pub(super) fn username(number: u32) -> Result<Username, ValueError> {
    Username::new(format!("demo-{number}"))
}

/// A first name and the number, because first names repeat.
pub(super) fn display_name(number: u32) -> Result<DisplayName, ValueError> {
    let first_name = pick(&FIRST_NAMES, number.saturating_sub(1)).unwrap_or(&"Demo");
    DisplayName::new(format!("{first_name} (demo {number})"))
}

/// What a message says.
pub(super) fn body(number: u32) -> Result<Body, ValueError> {
    Body::new(*pick(&LINES, number).unwrap_or(&"Hello!"))
}

/// The idempotency key of a message. Its room and body depend on the number alone, so a key never stands for two.
pub(super) fn key(number: u32) -> Result<MessageKey, ValueError> {
    MessageKey::new(format!("demo-{number}"))
}

/// Whose turn it is among the rooms.
pub(super) const fn room_turn(number: u32) -> u32 {
    number / MESSAGES_PER_TURN
}

/// The item of that number, beginning anew at the end.
pub(super) fn pick<T>(items: &[T], number: u32) -> Option<&T> {
    let number = usize::try_from(number).ok()?;
    items.get(number.checked_rem(items.len())?)
}
