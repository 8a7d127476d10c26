//! The one place that prints: reports on standard output, errors on standard error, for people or as JSON.

use std::io::{ErrorKind, IsTerminal, Write};

use chat_store::backup::Progress;
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use serde_json::{Value, json};

use crate::error::CliError;
use crate::text::{escape, escape_json};

/// What erases the rest of a line on a terminal (ECMA-48, "erase in line").
const CLEAR_TO_END_OF_LINE: &str = "\u{1b}[K";
/// Spaces between two columns.
const COLUMN_GAP: u16 = 2;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Tables and lines.
    Human,
    /// One document.
    Json,
}

impl From<bool> for Format {
    /// From the flag `--json`.
    fn from(json: bool) -> Self {
        if json { Self::Json } else { Self::Human }
    }
}

/// What a command found or did, for people and for programs.
#[derive(Debug)]
pub(crate) struct Report {
    human: String,
    json: Value,
    /// What is not as it should be although the command did its work; it makes the exit code.
    pub(crate) complaint: Option<CliError>,
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    /// Texts, which begin at the left.
    Text(&'static str),
    /// Numbers, which end at the right.
    Number(&'static str),
}

impl Report {
    /// One line, of which the parts that people chose are escaped.
    pub(crate) fn line(text: &str, json: Value) -> Self {
        Self { human: escape(text), json, complaint: None }
    }

    /// Several lines.
    pub(crate) fn lines(lines: &[String], json: Value) -> Self {
        let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
        Self { human: lines.join("\n"), json, complaint: None }
    }

    /// Nothing: all was told line by line.
    pub(crate) const fn told() -> Self {
        Self { human: String::new(), json: Value::Null, complaint: None }
    }

    /// A table without borders.
    pub(crate) fn table(
        columns: &[Column],
        rows: impl IntoIterator<Item = Vec<String>>,
        json: Value,
    ) -> Self {
        let mut table = Table::new();
        table.load_style(NOTHING);
        table.set_header(columns.iter().map(Column::title));
        for row in rows {
            table.add_row(row.iter().map(|cell| escape(cell)));
        }
        for (column, shown) in columns.iter().zip(table.column_iter_mut()) {
            shown.set_padding((0, COLUMN_GAP));
            if matches!(column, Column::Number(_)) {
                shown.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self { human: table.trim_fmt(), json, complaint: None }
    }
}

impl Report {
    /// The same with lines behind it for people; the document has its own.
    pub(crate) fn with_notes(mut self, notes: &[String]) -> Self {
        for note in notes {
            self.human.push('\n');
            self.human.push_str(&escape(note));
        }
        self
    }
}

impl Column {
    fn title(&self) -> &'static str {
        match self {
            Self::Text(title) | Self::Number(title) => title,
        }
    }
}

/// A line on standard error that says how far something is; on a terminal it goes away with this value.
pub(crate) struct ProgressLine(Shown);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nowhere,
    /// Each text in the place of the last one.
    InPlace,
    /// Each text in a line of its own.
    Below,
}

/// A line for people at a terminal; nothing for programs.
pub(crate) fn progress_line(json: bool) -> ProgressLine {
    let is_shown = !json && std::io::stderr().is_terminal();
    ProgressLine(if is_shown { Shown::InPlace } else { Shown::Nowhere })
}

/// The same, and where it is asked for a line each time for whoever reads standard error.
pub(crate) fn progress_lines(json: bool, is_asked_for: bool) -> ProgressLine {
    match (is_asked_for, std::io::stderr().is_terminal()) {
        (false, _) => progress_line(json),
        (true, true) => ProgressLine(Shown::InPlace),
        (true, false) => ProgressLine(Shown::Below),
    }
}

impl ProgressLine {
    /// Whether anybody sees it.
    pub(crate) fn is_shown(&self) -> bool {
        self.0 != Shown::Nowhere
    }

    /// Shows how far it is.
    pub(crate) fn tell(&self, text: &str) {
        // Where else could it be told that the terminal is gone?
        let _ = match self.0 {
            Shown::Nowhere => return,
            Shown::InPlace => write!(std::io::stderr(), "\r{text}{CLEAR_TO_END_OF_LINE}"),
            Shown::Below => writeln!(std::io::stderr(), "{text}"),
        };
    }

    /// Shows how far a copy is.
    pub(crate) fn show(&self, progress: Progress) {
        match progress {
            Progress::Whole => self.tell("copying the file"),
            Progress::Rows { table, rows } => self.tell(&format!("copying {table}: {rows} rows")),
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.0 == Shown::InPlace {
            let _ = write!(std::io::stderr(), "\r{CLEAR_TO_END_OF_LINE}");
        }
    }
}

/// Prints what a command came to; returns the exit code.
pub(crate) fn finish(result: Result<Report, CliError>, format: Format) -> u8 {
    let complaint = match result {
        Ok(report) => match print_report(&report, format) {
            Ok(()) => report.complaint,
            Err(error) => Some(error),
        },
        Err(error) => Some(error),
    };
    let Some(error) = complaint else { return 0 };
    print_error(error.code(), error.to_string().trim(), error.advice(), format);
    error.exit_code()
}

/// Prints one line of a report that has no end, at once. Whether anybody reads on.
pub(crate) fn print_line(human: &str, json: &Value, format: Format) -> bool {
    let text = match format {
        Format::Human => escape(human),
        Format::Json => escape_json(&json.to_string()),
    };
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).is_ok()
}

/// Tells people, or a program that reads standard error, something beside a report that has no end.
pub(crate) fn print_notice(text: &str, format: Format) {
    to_stderr(&match format {
        Format::Human => escape(&one_line(text)),
        Format::Json => escape_json(&json!({ "notice": text }).to_string()),
    });
}

/// Prints what the reader of the command line says of it: its own lines, or the first of them as an object.
pub(crate) fn print_usage_error(text: &str, format: Format) {
    match format {
        Format::Human => to_stderr(&text.trim_end().lines().map(escape).collect::<Vec<_>>().join("\n")),
        Format::Json => {
            let what = text.split("\n\n").next().unwrap_or_default();
            let what = one_line(what.trim_start_matches("error: "));
            print_error("usage", &what, "see `chat-cli --help`", format);
        }
    }
}

/// Prints an error: one line what, one line what to do; or one object.
fn print_error(code: &str, message: &str, advice: &str, format: Format) {
    let text = match format {
        Format::Human => format!("error: {}\n{}", escape(&one_line(message)), escape(advice)),
        Format::Json => {
            escape_json(&json!({ "code": code, "message": message, "advice": advice }).to_string())
        }
    };
    to_stderr(&text);
}

fn to_stderr(text: &str) {
    // Where else could it be told that standard error is gone?
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A text of several lines (PostgreSQL's errors are such) in one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn print_report(report: &Report, format: Format) -> Result<(), CliError> {
    if report.human.is_empty() && report.json.is_null() {
        return Ok(());
    }
    let text = match format {
        Format::Human => report.human.clone(),
        Format::Json => escape_json(&format!("{:#}", report.json)),
    };
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        // Whoever reads has read enough (`chat-cli user list | head`).
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(CliError::failed(
            format!("could not write to standard output: {error}"),
            "what was asked for is done; only its report is lost",
        )),
        Ok(()) => Ok(()),
    }
}
