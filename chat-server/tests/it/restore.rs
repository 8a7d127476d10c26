//! A restore behind the clients' backs: they learn that the numbers were rewound, and go on.

use std::net::TcpListener;
use std::path::Path;

use chat_store::StoreOptions;
use chat_store::backup::{self, BackupError, Existing, OldFile, Restore, Sessions};
use serde_json::{Value, json};

use crate::support::{Client, Database, TestServer, on_each_backend, run};

/// Keeps the sessions, so that the clients come back by themselves.
const HOW: Restore = Restore { sessions: Sessions::Keep, old: OldFile::Lose };

fn create(database: &Database, file: &Path) {
    let url = database.url.parse().unwrap();
    backup::create(&url, &StoreOptions::default(), file, Existing::Refuse, &mut |_| {}).unwrap();
}

fn restore(database: &Database, file: &Path) -> Result<(), BackupError> {
    let url = database.url.parse().unwrap();
    backup::restore(file, &url, &StoreOptions::default(), &HOW, &mut |_| {}).map(drop)
}

#[test]
fn clients_that_come_back_after_a_restore_start_afresh_and_send_dense_numbers() {
    on_each_backend(|database| {
        run(async {
            let mut server = TestServer::start(database);
            let token = server.sign_up("ann").await;
            let mut ann = Client::with_token(&server, &token).await;
            ann.join("general").await;
            ann.say("general", "before", "k1").await;
            let file = server.database.folder.path().join("chat.backup");
            create(&server.database, &file);
            for number in 2..6 {
                ann.say("general", "rewound", &format!("k{number}")).await;
            }
            let joined = ann.join("general").await;
            let (epoch, held) = (joined["epoch"].clone(), joined["last_seq"].as_i64().unwrap());
            assert_eq!(held, 6);
            drop(ann);

            server = restored(server, &file);
            let mut ann = Client::with_token(&server, &token).await;
            let mut resume = async |after: i64| {
                let resume = json!({"type": "join_room", "room": "general", "after": after, "epoch": epoch});
                ann.ask(resume).await
            };
            // Also where the number is one that the restored room has.
            for after in [held, 2, 1] {
                let joined = resume(after).await;
                assert_eq!(joined["reset"], true, "{joined}");
                assert_ne!(joined["epoch"], epoch);
                assert_eq!(joined["last_seq"], 2);
                let seqs: Vec<&Value> =
                    joined["messages"].as_array().unwrap().iter().map(|message| &message["seq"]).collect();
                assert_eq!(seqs, [1, 2]);
            }
            assert_eq!(ann.say("general", "before", "k1").await["seq"], 2, "a key of before the backup");
            assert_eq!(
                ann.say("general", "rewound", "k2").await["seq"],
                3,
                "one that was lost is sent again"
            );
            assert_eq!(ann.say("general", "new", "k9").await["seq"], 4);
            drop(ann);
        });
    });
}

/// Stops the server, restores a backup of it, and starts a server on that: on SQLite in place, on PostgreSQL in a new
/// database.
fn restored(server: TestServer, file: &Path) -> TestServer {
    server.stopped(|database| {
        if database.url.starts_with("sqlite:") {
            restore(&database, file).unwrap();
            return database;
        }
        let error = restore(&database, file).unwrap_err();
        assert!(matches!(error, BackupError::NotEmpty("chat_user")), "{error}");
        let empty = Database::postgres().unwrap();
        restore(&empty, file).unwrap();
        empty
    })
}

#[test]
fn a_running_server_keeps_its_sqlite_file_and_is_named() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        let mut ann = Client::sign_up(&server, "ann").await;
        ann.join("general").await;
        let file = server.database.folder.path().join("chat.backup");
        create(&server.database, &file);
        let error = restore(&server.database, &file).unwrap_err();
        let named = format!("process {}", std::process::id());
        assert!(matches!(&error, BackupError::ServerRuns { holder, .. } if *holder == named), "{error}");
        ann.say("general", "still here", "k").await;
    });
}

#[test]
fn no_server_starts_while_a_restore_holds_the_database() {
    let database = Database::sqlite();
    let path = database.url.strip_prefix("sqlite:").unwrap();
    let lock = chat_store::lock_file::of_database(Path::new(path));
    let _held = chat_store::lock_file::hold(&lock, "process 1, which restores a backup").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = TestServer::try_start(&database, listener).unwrap_err();
    assert!(refused.contains("process 1, which restores a backup"), "{refused}");
}
