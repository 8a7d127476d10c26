//! Which database is meant, and what is said of one that can't be used.

use crate::chat::{Chat, on_every_database, run};

/// A command for each way of using a database that must exist.
const NEED_A_DATABASE: [&[&str]; 6] = [
    &["seed"],
    &["user", "list"],
    &["user", "add", "ann"],
    &["user", "disable", "ann"],
    &["room", "list"],
    &["room", "add", "yoga"],
];

#[test]
fn no_command_but_migrate_up_makes_a_database() {
    let chat = Chat::on_sqlite();
    for args in NEED_A_DATABASE {
        let refused = chat.run(args).expect_error(3, "there is no database at ");
        assert!(refused.stderr.contains("chat-cli migrate up"), "{refused:?}");
        assert!(chat.is_empty(), "{args:?}");
    }
}

#[test]
fn a_database_without_its_migrations_is_named() {
    on_every_database(|chat| {
        chat.must(&["migrate", "up"]);
        chat.must(&["migrate", "down", "--yes", "--steps", "1000"]);
        for args in NEED_A_DATABASE {
            let refused = chat.run(args).expect_error(3, "must be applied first");
            assert!(refused.stderr.contains("chat-cli migrate up"), "{refused:?}");
        }
    });
}

#[test]
fn an_empty_database_is_one_without_its_migrations() {
    on_every_database(|chat| {
        std::fs::create_dir_all(chat.data_dir()).unwrap();
        std::fs::write(chat.file(), "").unwrap(); // on PostgreSQL the new database is empty by itself
        chat.run(&["user", "list"]).expect_error(3, "must be applied first");
        chat.run(&["migrate", "status"]).expect_code(3);
    });
}

#[test]
fn an_unknown_scheme_is_refused_and_no_file_made() {
    let chat = Chat::on_sqlite();
    for url in ["mysql://host/chat", "chat.db", "", "redis://host", "sqlite:"] {
        for args in [["migrate", "up"], ["user", "list"]] {
            chat.run(&[&["--database-url", url], &args[..]].concat()).expect_code(2);
            assert!(chat.is_empty(), "{url}");
        }
    }
}

#[test]
fn a_refused_url_is_not_repeated_because_it_may_hold_a_password() {
    let refused =
        Chat::on_sqlite().run(&["--database-url", "mysql://ann:hunter22@host/chat", "user", "list"]);
    assert!(!refused.expect_code(2).stderr.contains("hunter22"));
}

#[test]
fn an_unreachable_database_exits_with_7() {
    let chat = Chat::on_sqlite();
    for args in [["migrate", "up"], ["user", "list"]] {
        let url = "postgres://ann:hunter22@127.0.0.1:1/chat";
        let refused = chat.run(&[&["--database-url", url], &args[..]].concat()).expect_error(7, "");
        assert!(!refused.stderr.contains("hunter22"), "{refused:?}");
    }
}

#[test]
fn a_file_that_is_no_database_is_an_error_and_stays_as_it_is() {
    let chat = Chat::on_sqlite();
    let file = chat.folder().join("notes.txt");
    let notes = "buy milk, and do not overwrite this; ".repeat(100);
    std::fs::write(&file, &notes).unwrap();
    let url = format!("sqlite:{}", file.display());
    for args in [["migrate", "up"], ["migrate", "status"], ["user", "list"]] {
        let refused = chat.run(&[&["--database-url", &url], &args[..]].concat());
        assert!(refused.code == 1 || refused.code == 7, "{refused:?}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), notes);
}

#[test]
fn the_flag_goes_before_the_environment_and_this_before_the_data_folder() {
    let chat = Chat::on_sqlite();
    let (flag, environment) = (chat.folder().join("flag.db"), chat.folder().join("environment.db"));
    let flag_url = format!("sqlite:{}", flag.display());
    let environment_url = format!("sqlite:{}", environment.display());

    let mut command = chat.command(&["migrate", "up", "--database-url", &flag_url]);
    command.env("DATABASE_URL", &environment_url);
    run(command).expect_code(0);
    assert!(flag.is_file() && !environment.exists() && !chat.file().exists());

    let mut command = chat.command(&["migrate", "up"]);
    command.env("DATABASE_URL", &environment_url);
    run(command).expect_code(0);
    assert!(environment.is_file() && !chat.file().exists());

    let other = chat.folder().join("other");
    chat.must(&["migrate", "up", "--data-dir", other.to_str().unwrap()]);
    assert!(other.join("chat.db").is_file() && !chat.file().exists());
}

#[test]
fn the_url_may_stand_in_a_file() {
    let chat = Chat::on_sqlite();
    let database = chat.folder().join("named.db");
    let file = chat.folder().join("url");
    std::fs::write(&file, format!("sqlite:{}\n", database.display())).unwrap();
    let mut command = chat.command(&["migrate", "up"]);
    command.env("DATABASE_URL", "").env("DATABASE_URL_FILE", &file);
    run(command).expect_code(0);
    assert!(database.is_file());

    let mut command = chat.command(&["user", "list"]);
    command.env("DATABASE_URL_FILE", chat.folder().join("nowhere"));
    run(command).expect_error(2, "DATABASE_URL_FILE");

    let mut command = chat.command(&["user", "list"]);
    command.env("DATABASE_URL_FILE", &file).env("DATABASE_URL", "sqlite:other.db");
    run(command).expect_error(2, "both");
}
