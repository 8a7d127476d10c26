//! Making texts fit for a terminal: escaped, shortened, times in UTC.

use std::fmt::Write as _;

use chat_domain::Timestamp;

/// Escapes what could steer a terminal or turn a text around: control characters and direction marks.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if steers(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Escapes in a JSON document what JSON itself leaves as it is; such characters stand in strings only.
pub(crate) fn escape_json(document: &str) -> String {
    let mut escaped = String::with_capacity(document.len());
    for character in document.chars() {
        if steers(character) && character != '\n' {
            // Never fails: a `String` takes all.
            let _ = write!(escaped, "\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Cuts a text after so many characters.
pub(crate) fn shorten(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// A time as `2026-11-22T16:27:03Z`.
pub(crate) fn utc(time: Timestamp) -> String {
    let seconds = time.unix_ms().div_euclid(1_000);
    let (year, month, day) = civil_date(seconds.div_euclid(86_400));
    let second_of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second_of_day / 3_600, second_of_day / 60 % 60, second_of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar
/// (<https://howardhinnant.github.io/date_algorithms.html#civil_from_days>).
const fn civil_date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468; // from 0000-03-01, so that a leap day ends its year
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_escaped_and_the_rest_is_not() {
        assert_eq!(escape("Ann Müller 安"), "Ann Müller 安");
        assert_eq!(escape("a\u{1b}[2Jb\nc\u{9b}d\u{202e}e"), r"a\u{1b}[2Jb\nc\u{9b}d\u{202e}e");
    }

    #[test]
    fn json_stays_the_same_document_when_it_is_escaped() {
        let value = serde_json::json!({ "name": "a\u{1b}b\u{7f}c\u{9b}d\u{202e}e\nf" });
        let document = escape_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!document.contains(['\u{1b}', '\u{7f}', '\u{9b}', '\u{202e}']), "{document:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&document).unwrap(), value);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöüß", 3), "äöü…");
    }

    #[test]
    fn times_are_shown_in_utc() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_795_354_321_000, "2026-11-22T13:32:01Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59Z"),
        ] {
            assert_eq!(utc(Timestamp::from_unix_ms(ms)), expected, "{ms}");
        }
    }
}
