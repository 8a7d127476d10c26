//! Who went while nothing could be written is written down as offline afterwards.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};

use super::server::{assert_refused, message};
use super::sqlite::connect;
use crate::support::{Client, Database, TestServer, eventually, run};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// How often somebody is written down as online.
fn online(connection: &mut SqliteConnection, name: &str) -> i64 {
    let query = "SELECT count(*) AS count FROM chat_participant AS participant \
                 JOIN chat_user AS user ON user.id = participant.user_id WHERE user.username = ? AND is_online";
    sql_query(query).bind::<Text, _>(name).get_result::<Count>(connection).unwrap().count
}

#[test]
fn who_went_while_the_database_was_locked_is_written_down_as_offline_afterwards() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        let mut other = connect(&server.database.folder.path().join("chat.db"));
        let (mut ann, mut bob) =
            (Client::sign_up(&server, "ann").await, Client::sign_up(&server, "bob").await);
        ann.join("general").await;
        bob.join("general").await;
        eventually("bob, online", || (online(&mut other, "bob") == 1).then_some(()));
        other.batch_execute("BEGIN IMMEDIATE").unwrap();
        drop(bob);
        ann.expect("user_left").await;
        // Each batch waits for the lock for less than a send waits for its answer: behind two of them, the one that
        // wrote bob's going down has failed.
        for key in ["first", "second"] {
            assert_refused("unavailable", &ann.ask(message("general", key)).await);
        }
        assert_eq!(online(&mut other, "bob"), 1);
        other.batch_execute("COMMIT").unwrap();
        eventually("bob, offline", || (online(&mut other, "bob") == 0).then_some(()));
        assert_eq!(online(&mut other, "ann"), 1);
    });
}
