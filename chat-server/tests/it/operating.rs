//! `docs/operating.md` lists what the program has: every setting, every metric, every field of the log.
//!
//! `UPDATE_GOLDEN=1 cargo test -p chat-server operating` writes the tables anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::process::chat_server;
use crate::support::exposition::{Family, parse};
use crate::support::{Database, TestServer, http, run};

/// The values of a label that are listed, at most; more are named elsewhere.
const VALUES_LISTED_MAX: usize = 6;

fn path(from_the_root: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(from_the_root)
}

/// Compares a section of the document with what the program says, or writes it.
fn check(section: &str, wanted: &str) {
    static WRITING: Mutex<()> = Mutex::new(());
    let _writing = WRITING.lock().unwrap();
    let path = path("docs/operating.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let begin = format!("<!-- {section}: begin (made from the program; do not edit) -->\n");
    let end = format!("<!-- {section}: end -->");
    let (before, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("there is no {begin}"));
    let (held, after) = rest.split_once(&end).unwrap_or_else(|| panic!("there is no {end}"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{before}{begin}{wanted}{end}{after}")).unwrap();
    } else {
        let how = "docs/operating.md is stale: UPDATE_GOLDEN=1 cargo test -p chat-server operating";
        assert_eq!(held, wanted, "{how}");
    }
}

#[test]
fn the_document_lists_every_setting() {
    let output = chat_server().args(["config", "doc"]).output().unwrap();
    check("settings", &String::from_utf8(output.stdout).unwrap());
}

#[test]
fn the_document_lists_every_metric() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        let families = parse(&http::get(server.address, "/metrics", &[]).await.body);
        let mut table = "| metric | type | labels | meaning |\n|---|---|---|---|\n".to_owned();
        for family in families.values() {
            let name = &family.name;
            let total = if family.kind == "counter" { "_total" } else { "" };
            let (labels, help) = (labels(family), family.help.trim_end_matches('.'));
            writeln!(table, "| `{name}{total}` | {} | {labels} | {help} |", family.kind).unwrap();
        }
        check("metrics", &table);
    });
}

/// The labels of a metric, with their values where there are few.
fn labels(family: &Family) -> String {
    let described = family.labels().into_iter().map(|label| {
        let mut values: Vec<&str> =
            family.samples.keys().filter_map(|(_, labels)| labels.get(label).map(String::as_str)).collect();
        values.sort_unstable();
        values.dedup();
        let are_listed = (2..=VALUES_LISTED_MAX).contains(&values.len());
        let values = if are_listed { format!(": {}", values.join(", ")) } else { String::new() };
        format!("`{label}`{values}")
    });
    described.collect::<Vec<_>>().join("; ")
}

#[test]
fn the_document_lists_every_field_and_every_event_of_the_log() {
    let (mut fields, mut events) = (BTreeSet::new(), BTreeSet::new());
    for file in ["chat-server/src", "chat-store/src"].iter().flat_map(|folder| sources(&path(folder))) {
        let source = std::fs::read_to_string(&file).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap();
        for level in ["error", "warn", "info", "debug", "trace"] {
            for call in source.split(&format!("tracing::{level}!(")).skip(1) {
                let mut rest = call.trim_start();
                if let Some((event, others)) =
                    rest.strip_prefix("event = \"").and_then(|rest| rest.split_once('"'))
                {
                    events.insert(format!("`{event}`"));
                    fields.insert("`fields.event`".to_owned());
                    rest = others;
                }
                // The fields stand before the text.
                for part in rest.split('"').next().unwrap().split(',').map(str::trim) {
                    let name = part.split('=').next().unwrap().trim().trim_start_matches(['%', '?']);
                    if !name.is_empty() {
                        fields.insert(format!("`fields.{name}`"));
                    }
                }
            }
        }
    }
    assert!(fields.len() > 12 && events.len() > 6, "the source can be read: {fields:?} {events:?}");
    let document = std::fs::read_to_string(path("docs/operating.md")).unwrap();
    let section = document.split_once("\n## Log\n").expect("a section on the log").1;
    let section = section.split("\n## ").next().unwrap();
    let listed = |prefix: &str| -> BTreeSet<String> {
        let names = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next());
        names.filter(|name| name.starts_with(prefix)).map(str::to_owned).collect()
    };
    fields.insert("`fields.message`".to_owned());
    assert_eq!(listed("`fields."), fields);
    let others: BTreeSet<String> = listed("`").difference(&fields).cloned().collect();
    let parts = ["`timestamp`", "`level`", "`target`"].map(str::to_owned);
    assert_eq!(others, events.into_iter().chain(parts).collect());
}

/// All Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}
