//! The log on standard error: one line per event, for people or as JSON. Nothing that is logged leaves its line.

use std::fmt;
use std::io::IsTerminal;

use tracing::Subscriber;
use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt as log_format};

use crate::config::LogFormat;
use crate::printable::printable;

/// Starts the log of this process.
///
/// # Errors
/// If the filter can't be read, or there is a log already.
pub fn start_log(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("CHAT_LOG: {error}"))?;
    let colours = if std::io::stderr().is_terminal() { Colours::On } else { Colours::Off };
    let log = subscriber(filter, format, colours, std::io::stderr);
    log.try_init().map_err(|error| format!("the log could not be started: {error}"))
}

/// Whether the level of a line is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colours {
    On,
    Off,
}

fn subscriber<W>(
    filter: EnvFilter,
    format: LogFormat,
    colours: Colours,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let log = log_format().with_env_filter(filter).with_ansi(colours == Colours::On).with_writer(writer);
    match format {
        LogFormat::Human => Box::new(log.fmt_fields(debug_fn(write_field).delimited(" ")).finish()),
        LogFormat::Json => Box::new(log.json().finish()),
    }
}

/// Writes one field of a line for people. The libraries' own writer leaves line breaks as they are.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let text = format!("{value:?}");
    if field.name() == "message" {
        return writer.write_str(&printable(&text));
    }
    // A text with a space in it could otherwise pass for more fields.
    let needs_quotes = text.contains([' ', '=', '"']) && !is_quoted(&text);
    let text = if needs_quotes { printable(&format!("{text:?}")) } else { printable(&text) };
    write!(writer, "{}={text}", field.name())
}

/// Whether a text stands in quotes as a whole.
fn is_quoted(text: &str) -> bool {
    let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inside.is_some_and(|inside| !inside.replace("\\\\", "").replace("\\\"", "").contains('"'))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const EVIL: &str =
        "a\" b=c\r\n2026-01-01T00:00:00Z  INFO chat_server: forged\u{1b}[2J\u{9b}31m\u{7f}\u{202e}";

    fn logged(format: LogFormat) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let log = subscriber(EnvFilter::new("info"), format, Colours::Off, move || writer.clone());
        tracing::subscriber::with_default(log, || {
            let error = io::Error::other(EVIL);
            tracing::info!(word = %"a\u{1b}b\nc", text = EVIL, shown = %EVIL, debugged = ?EVIL, %error, number = 7, "it happened");
            tracing::warn!("{EVIL}");
        });
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_value_leaves_its_line_in_the_log_for_people() {
        let log = logged(LogFormat::Human);
        assert_eq!(log.lines().count(), 2, "{log}");
        assert!(!log.contains(|c: char| c != '\n' && (c.is_control() || c == '\u{202e}')), "{log:?}");
        let first = log.lines().next().unwrap();
        assert!(first.contains(" INFO ") && first.contains(" it happened "), "{first}");
        for field in [
            "word=a\\u{1b}b\\nc ",
            "text=\"a\\\" b=c\\r\\n",
            "shown=\"a\\\" b=c\\r\\n",
            "debugged=\"a\\\"",
            "error=\"a\\\"",
            " number=7",
        ] {
            assert!(first.contains(field), "{field} is not in {first}");
        }
    }

    #[test]
    fn only_a_text_that_is_quoted_as_a_whole_is_left_as_it_is() {
        for (text, expected) in [
            (r#""""#, true),
            (r#""a b""#, true),
            (r#""a \" b""#, true),
            (r#""a" b="c""#, false),
            (r#""a \\" b="c""#, false),
            ("a", false),
            ("\"", false),
        ] {
            assert_eq!(is_quoted(text), expected, "{text}");
        }
    }

    #[test]
    fn every_line_of_the_log_for_machines_is_an_object_with_the_same_fields() {
        let log = logged(LogFormat::Json);
        let lines: Vec<serde_json::Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert_eq!(lines[0]["fields"]["message"], "it happened");
        assert_eq!((&lines[0]["fields"]["text"], &lines[0]["fields"]["shown"]), (&EVIL.into(), &EVIL.into()));
        assert_eq!((&lines[0]["level"], &lines[1]["level"]), (&"INFO".into(), &"WARN".into()));
        assert!(
            lines.iter().all(|line| line["timestamp"].is_string() && line["target"].is_string()),
            "{log}"
        );
    }
}
