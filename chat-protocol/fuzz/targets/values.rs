//! Names, bodies and keys: what passes keeps the rules, and comes out of JSON as it went in.
#![no_main]

use chat_domain::{Body, DeviceName, DisplayName, MessageKey, RoomDescription, RoomName, Username};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

fuzz_target!(|text: &str| {
    if let Ok(name) = Username::new(text) {
        assert!(is_name(text) && (2..=32).contains(&text.len()));
        check_json(&name);
    }
    if let Ok(name) = RoomName::new(text) {
        assert!(is_name(text) && (1..=100).contains(&text.len()));
        check_json(&name);
    }
    if let Ok(name) = DisplayName::new(text) {
        assert!(is_shown_name(text) && text.chars().count() <= 64);
        check_json(&name);
    }
    if let Ok(name) = DeviceName::new(text) {
        assert!(is_shown_name(text) && text.chars().count() <= 120);
        check_json(&name);
    }
    if let Some(name) = DeviceName::cleaned(text) {
        assert!(is_shown_name(name.as_str()));
        assert_eq!(DeviceName::cleaned(name.as_str()), Some(name), "what is clean stays");
    }
    if let Ok(description) = RoomDescription::new(text) {
        assert!(!text.contains(char::is_control) && text.chars().count() <= 500);
        check_json(&description);
    }
    if let Ok(body) = Body::new(text) {
        assert!((1..=8_192).contains(&text.len()) && has_something_visible(text));
        assert!(text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n')));
        check_json(&body);
    }
    if let Ok(key) = MessageKey::new(text) {
        assert!((1..=64).contains(&text.len()) && text.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        check_json(&key);
    }
});

fn check_json<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let json = serde_json::to_string(value).expect("JSON");
    assert_eq!(serde_json::from_str::<T>(&json).as_ref().ok(), Some(value), "{json}");
}

/// `[a-z0-9][a-z0-9._-]*`
fn is_name(text: &str) -> bool {
    let is_letter = |c: char| matches!(c, 'a'..='z' | '0'..='9');
    text.starts_with(is_letter) && text.chars().all(|c| is_letter(c) || matches!(c, '.' | '_' | '-'))
}

/// Without control characters, changes of direction and zero-width characters, and not only white space.
fn is_shown_name(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() && !hides(c)) && has_something_visible(text)
}

fn hides(c: char) -> bool {
    matches!(c,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn has_something_visible(text: &str) -> bool {
    text.chars().any(|c| !c.is_whitespace() && !c.is_control() && !hides(c))
}
