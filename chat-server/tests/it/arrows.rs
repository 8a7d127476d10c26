//! The layers: which crate may know which. Read from what cargo says, not from what is meant.

use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn the_arrows_between_the_crates_are_those_of_the_architecture() {
    let metadata = metadata();
    let allowed: BTreeSet<(&str, &str)> = [
        ("chat-store", "chat-domain"),
        ("chat-protocol", "chat-domain"),
        ("chat-server", "chat-domain"),
        ("chat-server", "chat-protocol"),
        ("chat-server", "chat-store"),
        ("chat-cli", "chat-domain"),
        ("chat-cli", "chat-protocol"),
        ("chat-cli", "chat-store"),
    ]
    .into();
    let mut found = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let from = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            if to.starts_with("chat-") && dependency["kind"].is_null() {
                found.insert((from, to));
            }
        }
    }
    let forbidden: Vec<_> = found.difference(&allowed).collect();
    assert!(forbidden.is_empty(), "{forbidden:?}");
    assert!(found.len() >= 6, "the test sees the arrows: {found:?}");
}

#[test]
fn each_crate_knows_only_what_its_layer_may_know() {
    let table: [(&str, &[&str]); 3] = [
        ("chat-domain", &["serde", "thiserror"]),
        ("chat-protocol", &["chat-domain", "serde", "serde_json", "thiserror"]),
        (
            "chat-store",
            &[
                "argon2",
                "chat-domain",
                "data-encoding",
                "diesel",
                "diesel_migrations",
                "getrandom",
                "hmac",
                "libsqlite3-sys",
                "pq-sys",
                "r2d2",
                "sha2",
                "thiserror",
                "tracing",
            ],
        ),
    ];
    let metadata = metadata();
    for (name, known) in table {
        let packages = metadata["packages"].as_array().unwrap();
        let package = packages.iter().find(|package| package["name"] == name).unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let dependency_name = dependency["name"].as_str().unwrap();
            let is_normal = dependency["kind"].is_null();
            assert!(!is_normal || known.contains(&dependency_name), "{name} knows {dependency_name}");
        }
    }
    let server = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|package| package["name"] == "chat-server")
        .unwrap();
    let knows_sql = server["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .any(|dependency| dependency["kind"].is_null() && dependency["name"] == "diesel");
    assert!(!knows_sql, "the server knows no SQL");
}

fn metadata() -> serde_json::Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
