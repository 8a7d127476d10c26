//! Help, usage errors, and the exit codes that `--help` promises.

use serde_json::Value;

use crate::chat::Chat;

#[test]
fn the_help_names_every_command_and_exit_code() {
    let help = Chat::on_sqlite().must(&["--help"]).stdout;
    for word in [
        "migrate",
        "seed",
        "user",
        "room",
        "backup",
        "restore",
        "DATABASE_URL_FILE",
        "CHAT_DATA_DIR",
        "--json",
    ] {
        assert!(help.contains(word), "{word}: {help}");
    }
    for code in ["  0  ", "  1  ", "  2  ", "  3  ", "  4  ", "  5  ", "  7  "] {
        assert!(help.lines().any(|line| line.starts_with(code)), "{code}: {help}");
    }
}

#[test]
fn every_command_explains_itself() {
    let chat = Chat::on_sqlite();
    for args in [
        &["--version"][..],
        &["migrate", "--help"],
        &["migrate", "down", "--help"],
        &["seed", "--help"],
        &["user", "add", "--help"],
        &["room", "add", "--help"],
        &["backup", "create", "--help"],
        &["restore", "--help"],
        #[cfg(target_os = "linux")]
        &["bench", "--help"],
        #[cfg(target_os = "linux")]
        &["bench", "storm", "--help"],
    ] {
        assert!(!chat.must(args).stdout.is_empty(), "{args:?}");
    }
    assert!(chat.is_empty());
}

#[test]
fn wrong_usage_exits_with_2() {
    let chat = Chat::on_sqlite();
    for args in [
        &[][..],
        &["dance"],
        &["user", "add"],
        &["user", "add", "Ann"],
        &["user", "add", "ann", "--display-name", "\u{202e}nnA"],
        &["room", "add", "no spaces"],
        &["room", "add", "yoga", "--description", "a\u{1b}[2J"],
        &["migrate", "down", "--steps", "0"],
    ] {
        let refused = chat.run(args).expect_code(2);
        assert!(refused.stdout.is_empty() && !refused.stderr.is_empty(), "{refused:?}");
    }
    assert!(chat.is_empty());
}

#[test]
fn wrong_usage_with_json_is_an_error_object() {
    let refused = Chat::on_sqlite().run(&["--json", "user", "add", "Ann"]).expect_code(2);
    let error: Value = serde_json::from_str(&refused.stderr).unwrap();
    assert_eq!(error["code"], "usage");
    assert!(error["message"].as_str().unwrap().contains("Ann"), "{error}");
}

#[test]
fn what_a_mistaken_argument_holds_does_not_steer_the_terminal() {
    let refused = Chat::on_sqlite().run(&["user", "add", "a\u{1b}[2Jb"]).expect_code(2);
    assert!(!refused.stderr.contains('\u{1b}'), "{refused:?}");
}
