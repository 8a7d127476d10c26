//! `chat-cli seed --tokens`: people for a load, and the file that speaks for them.

use std::path::PathBuf;

use crate::chat::{Chat, on_every_database, run};
use crate::server::{Server, server_binary};

/// The secret of a server and of whoever makes tokens for it.
const SECRET: (&str, &str) = ("SECRET_KEY", "a secret of the tests");

/// Seeds under a secret.
fn seed(chat: &Chat, args: &[&str]) -> crate::chat::Finished {
    let mut command = chat.command(&[&["--json", "seed"], args].concat());
    command.env(SECRET.0, SECRET.1);
    run(command)
}

fn tokens(path: &PathBuf) -> Vec<String> {
    std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn the_tokens_of_seeded_people_sign_in_at_a_server_with_the_same_secret() {
    let Some(binary) = server_binary() else { return };
    on_every_database(|chat| {
        chat.must(&["migrate", "up"]);
        let path = chat.folder().join("tokens");
        let file = path.to_str().unwrap();
        let made = seed(chat, &["--users", "3", "--tokens", file, "--rooms", "2"]).expect_code(0).json();
        assert_eq!((&made["users"], &made["rooms"], &made["sessions"]), (&3.into(), &2.into(), &3.into()));
        let server = Server::start_with(chat, &binary, "127.0.0.1:0", &[SECRET]);
        let url = format!("http://{}", server.address);
        let tokens = tokens(&path);
        assert_eq!(tokens.len(), 3);
        for (number, token) in tokens.iter().enumerate() {
            let mut send = chat.command(&["send", "bench-2", "hi", "--server", &url]);
            send.env("CHAT_TOKEN", token);
            run(send).expect_code(0);
            let name = chat_domain::RoomName::new("bench-2").unwrap();
            let last = chat.read(|repository| {
                let room = repository.find_room_by_name(&name)?.unwrap();
                repository.list_messages(room.id, None, 1)
            });
            let author = last[0].author.as_ref().unwrap().username.to_string();
            assert_eq!(author, format!("bench-{}", number + 1), "the lines are in the order of the people");
        }
    });
}

#[test]
fn without_a_secret_the_one_of_the_data_folder_is_taken_and_postgres_has_none() {
    let Some(binary) = server_binary() else { return };
    let chat = Chat::on_sqlite();
    chat.must(&["migrate", "up"]);
    let path = chat.folder().join("tokens");
    chat.must(&["seed", "--users", "1", "--tokens", path.to_str().unwrap()]);
    let server = Server::start(&chat, &binary, "127.0.0.1:0");
    let url = format!("http://{}", server.address);
    let args = ["send", "bench-1", "hi", "--server", &url, "--token-file", path.to_str().unwrap()];
    chat.must(&args);
    let Some(chat) = Chat::on_postgres() else { return };
    chat.must(&["migrate", "up"]);
    let refused = chat.run(&["seed", "--users", "1", "--tokens", "tokens"]);
    refused.expect_error(2, "SECRET_KEY is required with PostgreSQL");
    assert!(!chat.folder().join("tokens").exists());
}

#[test]
fn a_second_file_has_new_sessions_of_the_same_people_and_the_first_stays_good() {
    let Some(binary) = server_binary() else { return };
    let chat = Chat::on_sqlite();
    chat.must(&["migrate", "up"]);
    let [one, two] = ["one", "two"].map(|name| chat.folder().join(name));
    seed(&chat, &["--users", "2", "--tokens", one.to_str().unwrap()]).expect_code(0);
    let again = seed(&chat, &["--users", "2", "--tokens", two.to_str().unwrap()]).expect_code(0).json();
    assert_eq!((&again["users"], &again["rooms"], &again["sessions"]), (&0.into(), &0.into(), &2.into()));
    assert_ne!(tokens(&one), tokens(&two));
    let server = Server::start_with(&chat, &binary, "127.0.0.1:0", &[SECRET]);
    let url = format!("http://{}", server.address);
    for path in [one, two] {
        chat.must(&["send", "bench-1", "hi", "--server", &url, "--token-file", path.to_str().unwrap()]);
    }
}

#[cfg(unix)]
#[test]
fn only_its_owner_reads_the_file_and_no_other_file_is_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let chat = Chat::on_sqlite();
    chat.must(&["migrate", "up"]);
    let path = chat.folder().join("tokens");
    let args = ["--users", "1", "--tokens", path.to_str().unwrap()];
    seed(&chat, &args).expect_code(0);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let first = tokens(&path);
    let refused = seed(&chat, &args).expect_code(5);
    assert!(refused.stderr.contains("file_exists"), "{refused:?}");
    assert_eq!(tokens(&path), first);
}

#[test]
fn nobody_who_can_sign_in_gets_a_session_and_half_a_file_does_not_stay() {
    let chat = Chat::on_sqlite();
    chat.must(&["migrate", "up"]);
    chat.add_user("bench-2");
    let path = chat.folder().join("tokens");
    let refused = seed(&chat, &["--users", "3", "--tokens", path.to_str().unwrap()]).expect_code(5);
    assert!(refused.stderr.contains("bench-2 is a user who can sign in"), "{refused:?}");
    assert!(!path.exists());
}

#[test]
fn tokens_need_people_and_no_messages() {
    let chat = Chat::on_sqlite();
    chat.must(&["migrate", "up"]);
    for args in [
        &["seed", "--tokens", "tokens"][..],
        &["seed", "--users", "1", "--tokens", "tokens", "--messages", "1"],
        &["seed", "--users", "1", "--rooms", "1"],
        &["seed", "--users", "1", "--tokens", "tokens", "--rooms", "0"],
    ] {
        chat.run(args).expect_code(2);
    }
    assert!(!chat.folder().join("tokens").exists());
}
