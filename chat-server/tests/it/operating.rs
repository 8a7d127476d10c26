//! `docs/operating.md` lists what the program has: every setting, every metric, every field of the log.
//!
//! `UPDATE_GOLDEN=1 cargo test -p chat-server operating` writes the tables anew.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;

use crate::process::chat_server;
use crate::support::exposition::{Family, parse};
use crate::support::{Database, TestServer, http, run};

/// The values of a label that are listed, at most; more are named elsewhere.
const VALUES_LISTED_MAX: usize = 6;

/// Compares a section of the document with what the program says, or writes it.
fn check(section: &str, wanted: &str) {
    static WRITING: Mutex<()> = Mutex::new(());
    let _writing = WRITING.lock().unwrap();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/operating.md");
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
