//! Every event has a golden file: what is encoded equals it to the letter, and what is decoded from it is the event.
//!
//! `UPDATE_GOLDEN=1 cargo test -p chat-protocol` writes them anew; a change of one is a change of the protocol.

use std::path::{Path, PathBuf};

use chat_protocol::{ServerFrame, decode, encode_answer, encode_request};

use crate::examples;

fn folder(side: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(side)
}

fn golden(side: &str, name: &str, encoded: &str) -> String {
    let path = folder(side).join(format!("{name}.json"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{encoded}\n")).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.trim_end().to_owned()
}

fn check_no_others(side: &str, names: &[&str]) {
    for entry in std::fs::read_dir(folder(side)).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let name = file.trim_end_matches(".json");
        assert!(names.contains(&name), "{side}/{file} has no example");
    }
}

#[test]
fn client_events_are_as_their_golden_files_say() {
    let events = examples::client();
    for (name, event) in &events {
        let encoded = encode_request(event, Some("1")).unwrap();
        let golden = golden("client", name, &encoded);
        assert_eq!(encoded, golden, "{name}");
        let request = decode(&golden).unwrap();
        assert_eq!((request.id.as_deref(), &request.event), (Some("1"), event), "{name}");
        let parsed: chat_protocol::ClientEvent = serde_json::from_str(&golden).unwrap();
        assert_eq!(&parsed, event, "{name}: the enum reads the same");
    }
    check_no_others("client", &events.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

#[test]
fn server_events_are_as_their_golden_files_say() {
    let events = examples::server();
    for (name, re, event) in &events {
        let mut encoded = b"before".to_vec();
        encode_answer(event, *re, &mut encoded).unwrap();
        let encoded = String::from_utf8(encoded.split_off("before".len())).unwrap();
        let golden = golden("server", name, &encoded);
        assert_eq!(encoded, golden, "{name}");
        let frame: ServerFrame = serde_json::from_str(&golden).unwrap();
        assert_eq!((frame.re.as_deref(), &frame.event), (*re, event), "{name}");
    }
    check_no_others("server", &events.iter().map(|(name, _, _)| *name).collect::<Vec<_>>());
}

#[test]
fn an_older_client_bears_with_a_newer_server() {
    let newer = r#"{"type":"something_new","room":"general","more":{"a":[1]}}"#;
    let frame: ServerFrame = serde_json::from_str(newer).unwrap();
    assert_eq!(frame.event, chat_protocol::ServerEvent::Unknown);
    let more = r#"{"type":"changed","room":"general","seq":3,"added":true}"#;
    assert!(serde_json::from_str::<ServerFrame>(more).is_ok());
}

#[test]
fn an_older_server_bears_with_a_newer_client() {
    let newer = r#" {"later":{"x":[1,{"y":null}]},"type":"ping","id":"9","also":1e300}"#;
    assert_eq!(decode(newer).unwrap().id.as_deref(), Some("9"));
}

#[test]
fn an_id_with_quotes_comes_back_as_it_was() {
    let request = decode(r#"{"type":"ping","id":"a\"b\\}{"}"#).unwrap();
    let mut encoded = Vec::new();
    encode_answer(&chat_protocol::ServerEvent::Pong {}, request.id.as_deref(), &mut encoded).unwrap();
    let frame: ServerFrame = serde_json::from_slice(&encoded).unwrap();
    assert_eq!(frame.re.as_deref(), Some("a\"b\\}{"));
}
