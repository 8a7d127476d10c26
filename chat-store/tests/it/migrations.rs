//! Migrations: up, down, up again; the same in both trees; under a lock; and none from the future.

use std::process::Command;

use chat_domain::UserId;
use chat_store::migrations::{down, status, up};
use chat_store::{Backend, DatabaseUrl, OpenError, Store, StoreOptions};

use crate::database::{Database, on_each_backend};

fn options() -> StoreOptions {
    StoreOptions::default()
}

fn names_in(tree: &str) -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(tree);
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn both_trees_have_the_same_names_and_each_goes_down_again() {
    let names = names_in("sqlite");
    assert!(!names.is_empty());
    assert_eq!(names, names_in("postgres"));
    for tree in ["sqlite", "postgres"] {
        for name in &names {
            let folder =
                std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(tree).join(name);
            let up = std::fs::read_to_string(folder.join("up.sql")).unwrap();
            assert!(folder.join("down.sql").exists(), "{tree}/{name}");
            assert!(up.contains(&format!("'{name}'")), "{tree}/{name} records no oldest program");
        }
    }
}

#[test]
fn migrations_go_up_and_down_and_up() {
    on_each_backend(|database| {
        let names = names_in("sqlite");
        let applied = || -> Vec<bool> {
            status(&database.url, &options()).unwrap().iter().map(|migration| migration.applied).collect()
        };
        assert_eq!(applied(), vec![false; names.len()]);
        assert_eq!(down(&database.url, &options(), 1).unwrap(), Vec::<String>::new());
        assert_eq!(up(&database.url, &options()).unwrap(), names);
        assert_eq!(up(&database.url, &options()).unwrap(), Vec::<String>::new());
        assert_eq!(applied(), vec![true; names.len()]);
        let reverted: Vec<String> = names.iter().rev().cloned().collect();
        assert_eq!(down(&database.url, &options(), usize::MAX).unwrap(), reverted);
        assert_eq!(applied(), vec![false; names.len()]);
        let error = Store::open(&database.url, &options()).unwrap_err();
        let OpenError::PendingMigrations { names: pending } = error else { panic!("{error}") };
        assert_eq!(pending, names);
        database.migrated();
        assert_eq!(status(&database.url, &options()).unwrap()[0].name, names[0]);
    });
}

#[test]
fn sessions_survive_the_migration_of_their_activity() {
    on_each_backend(|database| {
        database.migrated();
        let back = down(&database.url, &options(), names_in("sqlite").len() - 1).unwrap();
        assert_eq!(back.last().unwrap(), "00000000000002_session_activity");
        let (token, boolean) = match database.backend() {
            Backend::Sqlite => ("x'07'", "0"),
            Backend::Postgres => ("'\\x07'", "FALSE"),
        };
        database.execute(&format!(
            "INSERT INTO chat_user (id, username, display_name, is_disabled, created_at) \
             VALUES (7, 'ann', 'Ann', {boolean}, 1); \
             INSERT INTO chat_session (id, user_id, token_hash, created_at, expires_at) \
             VALUES (70, 7, {token}, 1000, 9000)"
        ));
        let session = |store: &Store| {
            store.read(|repository| repository.list_sessions(UserId::new(7), 10)).unwrap().remove(0)
        };
        let kept = session(&database.migrated());
        assert_eq!(kept.device, None);
        let (seen, ends) = (kept.session.last_seen_at.unix_ms(), kept.session.expires_at.unix_ms());
        assert_eq!((seen, ends), (1_000, 9_000), "it was last seen when it was made");
        down(&database.url, &options(), back.len()).unwrap();
        assert_eq!(session(&database.migrated()), kept);
    });
}

#[test]
fn threads_that_start_together_all_find_the_schema() {
    for _ in 0..5 {
        on_each_backend(|database| {
            let applied: Vec<Vec<String>> = std::thread::scope(|scope| {
                let threads: Vec<_> =
                    (0..4).map(|_| scope.spawn(|| up_and_open(&database.url).unwrap())).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(applied.concat(), names_in("sqlite"), "applied once, by whoever was first");
        });
    }
}

fn up_and_open(url: &DatabaseUrl) -> Result<Vec<String>, OpenError> {
    let applied = up(url, &options())?;
    let store = Store::open(url, &options())?;
    assert!(!store.read(|repository| repository.database_state())?.epoch.is_empty());
    Ok(applied)
}

/// The address for the processes of the next test; without it `a_process_that_starts` is an empty test.
const CHILD_URL: &str = "CHAT_TEST_CHILD_URL";

#[test]
fn a_process_that_starts() {
    if let Ok(url) = std::env::var(CHILD_URL) {
        up_and_open(&url.parse().unwrap()).unwrap();
    }
}

#[test]
fn processes_that_start_together_all_find_the_schema() {
    on_each_backend(|database| {
        let this = std::env::current_exe().unwrap();
        let url = database.address();
        let children: Vec<_> = (0..4)
            .map(|_| {
                Command::new(&this)
                    .args(["--exact", "migrations::a_process_that_starts"])
                    .env(CHILD_URL, &url)
                    .output_later()
            })
            .collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
        database.open();
    });
}

trait OutputLater {
    fn output_later(&mut self) -> std::process::Child;
}

impl OutputLater for Command {
    fn output_later(&mut self) -> std::process::Child {
        use std::process::Stdio;
        self.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

#[test]
fn a_schema_from_the_future_is_refused_by_name() {
    on_each_backend(|database| {
        database.migrated();
        database.execute(
            "INSERT INTO chat_schema_requirement (migration, oldest_program) VALUES ('00000000009999_more', '99.0.0'); \
             INSERT INTO __diesel_schema_migrations (version) VALUES ('00000000009999')",
        );
        let refused = [
            Store::open(&database.url, &options()).map(drop).unwrap_err(),
            up(&database.url, &options()).map(drop).unwrap_err(),
            down(&database.url, &options(), 1).map(drop).unwrap_err(),
        ];
        for error in refused {
            assert!(matches!(error, OpenError::SchemaFromTheFuture { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains("00000000009999_more") && text.contains("99.0.0"), "{text}");
        }
    });
}

#[test]
fn a_newer_schema_that_bears_this_program_is_no_obstacle() {
    on_each_backend(|database| {
        database.migrated();
        database.execute(
            "INSERT INTO chat_schema_requirement (migration, oldest_program) VALUES ('00000000009999_more', '0.1.0'); \
             INSERT INTO __diesel_schema_migrations (version) VALUES ('00000000009999')",
        );
        database.open().health().unwrap();
        assert_eq!(up(&database.url, &options()).unwrap(), Vec::<String>::new());
        let last = status(&database.url, &options()).unwrap().pop().unwrap();
        assert_eq!((last.name.as_str(), last.applied, last.known), ("00000000009999", true, false));
        let error = down(&database.url, &options(), 1).unwrap_err();
        assert!(
            matches!(&error, OpenError::UnknownMigration { name } if name == "00000000009999"),
            "{error}"
        );
    });
}

#[test]
fn a_postgres_database_of_another_encoding_is_refused() {
    let Some(database) = Database::postgres() else { return };
    let name = format!("latin_{}", std::process::id());
    database.execute(&format!(
        "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
    ));
    let address = database.address();
    let (server, _) = address.rsplit_once('/').unwrap();
    let error = up(&format!("{server}/{name}").parse().unwrap(), &options()).unwrap_err();
    database.execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
    assert!(matches!(&error, OpenError::Unsuitable(text) if text.contains("LATIN1")), "{error}");
}

#[cfg(unix)]
#[test]
fn the_files_of_sqlite_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let database = Database::sqlite();
    let _store = database.migrated();
    let files: Vec<_> = std::fs::read_dir(database.folder()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[test]
fn a_path_with_two_slashes_at_its_beginning_is_that_path() {
    let folder = tempfile::tempdir().unwrap();
    let url: DatabaseUrl = format!("sqlite:///{}/chat.db", folder.path().display()).parse().unwrap();
    assert!(url.sqlite_path().unwrap().starts_with("/"));
    assert!(!up_and_open(&url).unwrap().is_empty());
    assert!(folder.path().join("chat.db").is_file());
}
