//! What is an address of a database, what is none, and what it shows of itself.

use std::path::Path;

use chat_store::{Backend, DatabaseUrl, OpenError, Store, StoreOptions};

fn check(text: &str, expected: &str) {
    let url: DatabaseUrl = text.parse().unwrap();
    assert_eq!(url.to_string(), expected);
    assert_eq!(format!("{url:?}"), format!("DatabaseUrl({expected})"));
}

#[test]
fn the_scheme_names_the_backend() {
    for (text, path) in [
        ("sqlite:chat.db", "chat.db"),
        ("sqlite:/var/lib/chat.db", "/var/lib/chat.db"),
        ("sqlite://data/chat.db", "data/chat.db"),
        ("sqlite:///var/lib/chat.db", "/var/lib/chat.db"),
    ] {
        let url: DatabaseUrl = text.parse().unwrap();
        assert_eq!((url.backend(), url.sqlite_path()), (Backend::Sqlite, Some(Path::new(path))), "{text}");
    }
    for text in ["postgres://localhost/chat", "postgresql://localhost/chat"] {
        let url: DatabaseUrl = text.parse().unwrap();
        assert_eq!((url.backend(), url.sqlite_path()), (Backend::Postgres, None));
    }
}

#[test]
fn what_is_no_address_is_refused_by_name() {
    for (text, named) in [
        ("mysql://localhost/chat", "`mysql`"),
        ("", "no scheme"),
        ("chat.db", "no scheme"),
        ("/var/lib/chat.db", "no scheme"),
        ("sqlite:", "names no file"),
        ("sqlite://", "names no file"),
        ("sqlite::memory:", "memory"),
        ("sqlite:chat.db?mode=rwc", "no parameters"),
        ("postgres:localhost", "`//`"),
        ("postgres://ann:p@ss@localhost/chat", "percent-encoded"),
        ("postgres://ann:pa/ss@localhost/chat", "percent-encoded"),
        ("postgres://localhost/chat?password=p@ss", "percent-encoded"),
    ] {
        let error = text.parse::<DatabaseUrl>().unwrap_err().to_string();
        assert!(error.contains(named), "{text}: {error}");
        assert!(error.contains("sqlite:PATH") && error.contains("postgres://"), "{error}");
        assert!(!error.contains("p@ss") && !error.contains("pa/ss"), "{error}");
    }
    assert!(!Path::new("chat.db").exists());
}

#[test]
fn no_password_is_shown() {
    check("postgres://ann:secret@localhost:5432/chat", "postgres://ann@localhost:5432/chat");
    check("postgresql://ann@localhost/chat?password=secret", "postgres://ann@localhost/chat");
    check("postgres://localhost/chat", "postgres://localhost/chat");
    check("sqlite:chat.db", "sqlite:chat.db");
    let url = "postgres://ann:secret@127.0.0.1:1/chat".parse().unwrap();
    let error = Store::open(&url, &StoreOptions::default()).unwrap_err();
    assert!(matches!(error, OpenError::Repository(_)), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("secret"), "{error:?}");
}

#[test]
fn opening_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.db");
    let error = Store::open(&DatabaseUrl::sqlite_file(&path), &StoreOptions::default()).unwrap_err();
    assert!(matches!(error, OpenError::PendingMigrations { .. }), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

proptest::proptest! {
    /// Whatever characters a password has: the address is taken and hides it, or refused without repeating it.
    #[test]
    fn a_password_is_never_repeated(password in "[ -~]{6,12}") {
        for text in [
            format!("postgres://ann:{password}@localhost/chat"),
            format!("postgres://localhost/chat?user=ann&password={password}"),
        ] {
            let shown = match text.parse::<DatabaseUrl>() {
                Ok(url) => format!("{url} {url:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            proptest::prop_assert!(!shown.contains(&password), "{}", shown);
        }
    }
}
