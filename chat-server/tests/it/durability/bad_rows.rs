//! Rows that this program would not store: whoever asks for one is told that the server failed, the log names it, it is
//! not passed over in silence, and everybody else goes on.

use serde_json::{Value, json};

use crate::outage::server::ChatServer;
use crate::support::{Client, on_each_backend, run};

/// What is done to a row past the server, how it is undone, and what the log must say of it.
struct Damage {
    does: &'static str,
    undoes: &'static str,
    is_named: &'static str,
}

const ROWS: [Damage; 7] = [
    Damage {
        does: "UPDATE chat_user SET username = 'not A name' WHERE username = 'bob'",
        undoes: "UPDATE chat_user SET username = 'bob' WHERE username = 'not A name'",
        is_named: "chat_user 2: the user name is not one",
    },
    Damage {
        does: "UPDATE chat_user SET display_name = '' WHERE username = 'bob'",
        undoes: "UPDATE chat_user SET display_name = 'bob' WHERE username = 'bob'",
        is_named: "chat_user 2: the display name is not one",
    },
    Damage {
        does: "UPDATE chat_message SET message_type = 'song' WHERE client_key = 'bob1'",
        undoes: "UPDATE chat_message SET message_type = 'text' WHERE client_key = 'bob1'",
        is_named: "its message_type is unknown",
    },
    Damage {
        does: "UPDATE chat_message SET client_key = 'bob 1 \u{e9}' WHERE client_key = 'bob1'",
        undoes: "UPDATE chat_message SET client_key = 'bob1' WHERE client_key = 'bob 1 \u{e9}'",
        is_named: "the key is not one",
    },
    Damage {
        does: "UPDATE chat_message SET message = '' WHERE client_key = 'bob1'",
        undoes: "UPDATE chat_message SET message = 'bob1' WHERE client_key = 'bob1'",
        is_named: "it is a text without a body",
    },
    Damage {
        does: "UPDATE chat_message SET message = ' \n' WHERE client_key = 'bob1'",
        undoes: "UPDATE chat_message SET message = 'bob1' WHERE client_key = 'bob1'",
        is_named: "it is a text without a body",
    },
    Damage {
        does: "UPDATE chat_message SET user_id = NULL WHERE client_key = 'bob1'",
        undoes: "UPDATE chat_message SET user_id = 2 WHERE client_key = 'bob1'",
        is_named: "it is somebody's and has no author",
    },
];

#[test]
fn a_row_that_cannot_be_is_named_and_not_passed_over_and_everybody_else_goes_on() {
    on_each_backend(|database| {
        let server = ChatServer::start(&database.url);
        run(async {
            let (mut ann, mut bob, mut cleo) =
                (server.sign_up("ann").await, server.sign_up("bob").await, server.sign_up("cleo").await);
            ann.join("general").await;
            bob.join("general").await;
            cleo.join("nutrition").await;
            bob.say("general", "bob1", "bob1").await;
            for (n, Damage { does, undoes, is_named }) in ROWS.iter().enumerate() {
                let seen = server.log().len();
                let whole = history(&mut ann).await;
                database.execute(does);
                assert_internal(&history(&mut ann).await, does);
                let log = server.log().split_off(seen);
                assert!(log.contains("ERROR") && log.contains(is_named), "{does}: {is_named}: {log}");
                assert!(!log.contains("panicked") && !log.contains("not A name"), "{log}");
                // Who does not ask for it does not notice, in this room and in others.
                ann.say("general", "goes on", &format!("ann{n}")).await;
                cleo.say("nutrition", "goes on", &format!("cleo{n}")).await;
                let joined = cleo.ask(json!({"type": "join_room", "room": "nutrition"})).await;
                assert_eq!(joined["type"], "room_joined", "{does}: {joined}");
                assert_eq!(ann.ask(json!({"type": "get_rooms"})).await["type"], "rooms_list", "{does}");
                database.execute(undoes);
                let mended = history(&mut ann).await;
                let count = whole["messages"].as_array().unwrap().len();
                assert_eq!(
                    mended["messages"].as_array().unwrap()[..count],
                    whole["messages"].as_array().unwrap()[..]
                );
            }
        });
    });
}

/// All that there is in `general`, up to a page.
pub(super) async fn history(client: &mut Client) -> Value {
    client.ask(json!({"type": "get_history", "room": "general", "before": 1_000_000, "limit": 100})).await
}

/// The client is told that the server failed, and nothing of what it found.
pub(super) fn assert_internal(answer: &Value, what: &str) {
    assert_eq!(answer["code"], "internal", "{what}: {answer}");
    assert_eq!(answer["message"], "the server failed; its log says why", "{what}");
    assert!(answer["retry_after_ms"].is_null(), "waiting does not help: {what}");
}
