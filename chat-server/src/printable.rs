//! Text from anywhere, made fit for a terminal and for a line of the log.

/// The text with control characters, line separators and changes of direction as escapes, so that it stays on its
/// line, moves no cursor and reads as it is.
pub(crate) fn printable(text: &str) -> String {
    let mut printed = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) {
            printed.extend(c.escape_default());
        } else {
            printed.push(c);
        }
    }
    printed
}

/// Line and paragraph separators, marks of direction, and what has no width.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_leave_its_line_is_escaped_and_the_rest_is_as_it_was() {
        assert_eq!(printable("Ärger mit \"Käse\" \\n 🧀"), "Ärger mit \"Käse\" \\n 🧀");
        assert_eq!(printable("a\r\nb\tc\u{1b}[2J\u{85}\u{9b}"), "a\\r\\nb\\tc\\u{1b}[2J\\u{85}\\u{9b}");
        assert_eq!(printable("x\u{202e}y\u{2028}z"), "x\\u{202e}y\\u{2028}z");
    }
}
