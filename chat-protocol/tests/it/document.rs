//! The reference part of `docs/protocol.md` is made from the types and the golden examples.
//!
//! `UPDATE_GOLDEN=1 cargo test -p chat-protocol` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use chat_protocol::{CloseCode, ErrorCode, encode_answer, encode_request};

use crate::examples;

const BEGIN: &str = "<!-- reference: begin (made from the types; do not edit) -->\n";
const END: &str = "<!-- reference: end -->";

fn reference() -> String {
    let mut text = String::from("\n### Examples: client to server\n\n```json\n");
    for (_, event) in examples::client() {
        writeln!(text, "{}", encode_request(&event, Some("1")).unwrap()).unwrap();
    }
    text.push_str("```\n\n### Examples: server to client\n\n```json\n");
    for (_, re, event) in examples::server() {
        let mut encoded = Vec::new();
        encode_answer(&event, re, &mut encoded).unwrap();
        writeln!(text, "{}", String::from_utf8(encoded).unwrap()).unwrap();
    }
    text.push_str("```\n\n### Examples: HTTP\n\n| request | body | body of the answer |\n|---|---|---|\n");
    for (request, bodies) in examples::http() {
        let [body, answer] = bodies.map(|body| body.map_or(String::new(), |body| format!("`{body}`")));
        writeln!(text, "| `{request}` | {body} | {answer} |").unwrap();
    }
    text.push_str("\n### Error codes\n\n| code | meaning | may be retried |\n|---|---|---|\n");
    for code in ErrorCode::ALL {
        let retry = if code.may_retry() { "yes, after `retry_after_ms`" } else { "no" };
        writeln!(text, "| `{code}` | {} | {retry} |", code.meaning().trim()).unwrap();
    }
    text.push_str("\n### Close codes\n\n| code | reason | meaning | come back |\n|---|---|---|---|\n");
    for code in CloseCode::ALL {
        let back = if CloseCode::reconnects(code.code()) { "yes" } else { "no" };
        let (number, reason, meaning) = (code.code(), code.reason(), code.meaning().trim());
        writeln!(text, "| {number} | `{reason}` | {meaning} | {back} |").unwrap();
    }
    text.push('\n');
    text
}

#[test]
fn the_document_says_what_the_types_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).expect("docs/protocol.md has a reference part");
    let (held, after) = rest.split_once(END).expect("the reference part ends");
    let wanted = reference();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{wanted}{END}{after}")).unwrap();
    } else {
        assert_eq!(held, wanted, "docs/protocol.md is stale: UPDATE_GOLDEN=1 cargo test -p chat-protocol");
    }
    for (name, event) in examples::client() {
        let value = serde_json::to_value(&event).unwrap();
        let kind = value.get("type").and_then(|kind| kind.as_str()).unwrap();
        assert!(before.contains(&format!("`{kind}")), "{name}: the prose does not speak of {kind}");
    }
    for (name, _, event) in examples::server() {
        let value = serde_json::to_value(&event).unwrap();
        let kind = value.get("type").and_then(|kind| kind.as_str()).unwrap();
        assert!(before.contains(&format!("`{kind}")), "{name}: the prose does not speak of {kind}");
    }
    for (request, _) in examples::http() {
        assert!(before.contains(&format!("`{request}`")), "the prose does not speak of {request}");
    }
}

#[test]
fn whether_a_client_comes_back_is_in_the_number() {
    for (code, back) in
        [(1000, true), (1001, true), (1006, true), (1009, false), (1012, true), (1015, true), (4000, true)]
    {
        assert_eq!(CloseCode::reconnects(code), back, "{code}");
    }
    assert!(CloseCode::reconnects(4499) && !CloseCode::reconnects(4500) && !CloseCode::reconnects(4999));
}
