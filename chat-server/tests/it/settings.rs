//! `chat-server config`: what is set, whether it can be used, and what can be set.

use std::path::Path;
use std::process::{Command, Output};

use crate::process::chat_server;

fn config(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command: Command = chat_server();
    command.env_remove("CHAT_BIND").current_dir(folder).envs(environment.iter().copied());
    command.args(arguments).output().unwrap()
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// The value and the source that `config show` names.
fn shown<'o>(output: &'o Output, variable: &str) -> (&'o str, &'o str) {
    let line = out(output).lines().find(|line| line.split(' ').next() == Some(variable));
    let line = line.unwrap_or_else(|| panic!("{variable} is not in {}", out(output)));
    let (value, source) = line.strip_prefix(variable).unwrap().trim().rsplit_once("  ").unwrap();
    (value.trim(), source)
}

#[test]
fn every_setting_is_shown_with_where_it_comes_from_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "hush one\n").unwrap();
    let environment = [
        ("DATABASE_URL", "postgres://chat:hush-two@db.example/chat?password=hush-two"),
        ("SECRET_KEY_FILE", "key"),
        ("CHAT_METRICS_TOKEN", "hush three"),
        ("CHAT_BIND", "0.0.0.0:80"),
        ("CHAT_TRUSTED_PROXIES", "10.0.0.0/8,192.168.0.0/16"),
        ("CHAT_LIMIT_CONNECTIONS", "5"),
        ("CHAT_PUBLIC_URL", ""),
    ];
    let before = ["--limit-session-days", "7", "config", "show", "--limit-connections", "6"];
    let output = config(folder.path(), &environment, &before);
    assert_eq!((output.status.code(), err(&output)), (Some(0), ""));
    let table = [
        ("CHAT_BIND", "0.0.0.0:80", "environment"),
        ("DATABASE_URL", "postgres://chat@db.example/chat", "environment"),
        ("SECRET_KEY", "set", "file"),
        ("SECRET_KEY_FILE", "key", "environment"),
        ("CHAT_METRICS_TOKEN", "set", "environment"),
        ("CHAT_METRICS_TOKEN_FILE", "not set", "default"),
        ("CHAT_TRUSTED_PROXIES", "10.0.0.0/8,192.168.0.0/16", "environment"),
        ("CHAT_PUBLIC_URL", "not set", "default"),
        ("CHAT_REGISTRATION", "closed", "default"),
        ("CHAT_LIMIT_SESSION_DAYS", "7", "flag"),
        ("CHAT_LIMIT_CONNECTIONS", "6", "flag"),
        ("CHAT_LIMIT_CONNECTIONS_PER_USER", "20", "default"),
    ];
    for (variable, value, source) in table {
        assert_eq!(shown(&output, variable), (value, source), "{variable}");
    }
    assert!(!out(&output).contains("hush"), "{}", out(&output));
    let documented = config(folder.path(), &[], &["config", "doc"]);
    let variables = |text: &str, skip: usize| -> Vec<String> {
        text.lines()
            .skip(skip)
            .map(|line| line.trim_start_matches("| `").split(['`', ' ']).next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(variables(out(&output), 0), variables(out(&documented), 2), "both list every setting");
}

#[test]
fn a_secret_in_a_database_url_that_cannot_be_read_is_not_shown_either() {
    let folder = tempfile::tempdir().unwrap();
    let bad = [("DATABASE_URL", "postgres://chat:hu@sh@db.example/chat")];
    for task in ["show", "check"] {
        let output = config(folder.path(), &bad, &["config", task]);
        let said = format!("{}{}", out(&output), err(&output));
        assert!(!said.contains("hu@sh") && !said.contains("sh@db"), "{said}");
    }
    let control = [("CHAT_PUBLIC_URL", "https://a\u{1b}[2J\nCHAT_BIND  forged  flag")];
    let output = config(folder.path(), &control, &["config", "show"]);
    assert!(
        !out(&output).contains('\u{1b}') && !out(&output).contains("\nCHAT_BIND  forged"),
        "{}",
        out(&output)
    );
}

#[test]
fn good_settings_are_ok_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let away = [("DATABASE_URL", "postgres://chat:x@192.0.2.1:9/chat"), ("SECRET_KEY", "hush")];
    for environment in [&[][..], &away] {
        let output = config(folder.path(), environment, &["config", "check"]);
        assert_eq!((output.status.code(), out(&output), err(&output)), (Some(0), "OK\n", ""));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn all_that_is_wrong_is_told_at_once_by_check_and_by_the_server() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty"), " \n").unwrap();
    let environment = [
        ("CHAT_BIND", "nowhere"),
        ("DATABASE_URL", "mysql://localhost/chat"),
        ("SECRET_KEY_FILE", "no-such-file"),
        ("CHAT_METRICS_TOKEN_FILE", "empty"),
        ("CHAT_PUBLIC_URL", "chat.example"),
        ("CHAT_ALLOWED_ORIGINS", "https://good.example,https://,null"),
        ("CHAT_TRUSTED_PROXIES", "10.0.0.0/8,10.0.0.0/99"),
        ("CHAT_REGISTRATION", "perhaps"),
        ("CHAT_LOG", "chat_server=loud"),
        ("CHAT_LOG_FORMAT", "xml"),
        ("CHAT_LIMIT_CONNECTIONS", "0"),
        ("CHAT_LIMIT_SESSION_DAYS", "4000"),
    ];
    for arguments in [&["config", "check"][..], &[]] {
        let output = config(folder.path(), &environment, arguments);
        assert_eq!((output.status.code(), out(&output)), (Some(2), ""), "{arguments:?}");
        for (variable, _) in environment {
            let count = err(&output).matches(variable).count();
            assert!(count >= 1, "{variable} is not in {}", err(&output));
        }
        for value in [
            "nowhere",
            "mysql",
            "no-such-file",
            "chat.example",
            "\"https://\"",
            "\"null\"",
            "10.0.0.0/99",
            "perhaps",
            "xml",
            "4000",
        ] {
            assert!(err(&output).contains(value), "{value} is not in {}", err(&output));
        }
        assert!(!err(&output).contains("good.example"), "{}", err(&output));
    }
    let flags =
        config(folder.path(), &[], &["--bind", "nowhere", "config", "check", "--limit-connections", "x"]);
    assert_eq!(flags.status.code(), Some(2));
    assert!(err(&flags).contains("nowhere") && err(&flags).contains("'x'"), "{}", err(&flags));
    let unknown = config(folder.path(), &[], &["config", "check", "--no-such-setting"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was made");
}
