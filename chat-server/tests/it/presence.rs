//! Who is there, and who is typing.

use serde_json::json;

use crate::support::{Client, Database, TestServer, run};

#[test]
fn somebody_is_online_with_the_first_device_and_offline_after_the_last() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        let mut ann = Client::sign_up(&server, "ann").await;
        ann.join("general").await;
        let token = server.sign_up("bob").await;
        let mut phone = Client::with_token(&server, &token).await;
        let mut desk = Client::with_token(&server, &token).await;
        phone.join("general").await;
        let joined = ann.expect("user_joined").await;
        assert_eq!((joined["user"]["username"].clone(), joined["online"].clone()), (json!("bob"), json!(2)));
        desk.join("general").await;
        drop(phone);
        // The desk is still there when the phone's grace is over.
        ann.find("nothing about bob", |_| true).await;
        drop(desk);
        let left = ann.expect("user_left").await;
        assert_eq!((left["reason"].clone(), left["online"].clone()), (json!("offline"), json!(1)));
        assert_eq!(left["members"], 2, "who is offline is still a member");
        let list = ann.ask(json!({"type": "get_rooms"})).await;
        assert_eq!(
            (list["rooms"][0]["members"].clone(), list["rooms"][0]["online"].clone()),
            (json!(2), json!(1))
        );
        let joined = ann.join("general").await;
        let shown: Vec<_> =
            joined["participants"].as_array().unwrap().iter().map(|p| p["is_online"].clone()).collect();
        assert_eq!(shown, [json!(true), json!(false)], "those online first");
        let joins = ann.everything().await.iter().filter(|event| event["type"] == "user_joined").count();
        assert_eq!(joins, 0, "two devices are one person");
    });
}

#[test]
fn a_quick_reconnect_does_not_flicker() {
    run(async {
        let server =
            TestServer::start_with(Database::sqlite(), |config| config.timers.presence_grace_ms = 5_000);
        let mut ann = Client::sign_up(&server, "ann").await;
        ann.join("general").await;
        let token = server.sign_up("bob").await;
        let mut bob = Client::with_token(&server, &token).await;
        bob.join("general").await;
        ann.expect("user_joined").await;
        drop(bob);
        let mut bob = Client::with_token(&server, &token).await;
        bob.join("general").await;
        bob.say("general", "back", "k").await;
        ann.hear("back").await;
        let events = ann.everything().await;
        assert!(
            events.iter().all(|event| event["type"] != "user_left" && event["type"] != "user_joined"),
            "{events:?}"
        );
    });
}

#[test]
fn whoever_left_is_in_no_list_not_even_if_another_came_instead() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        let mut ann = Client::sign_up(&server, "ann").await;
        let mut bob = Client::sign_up(&server, "bob").await;
        let mut cleo = Client::sign_up(&server, "cleo").await;
        ann.join("general").await;
        bob.join("general").await;
        // What is read of the room now, others may be shown for a second.
        ann.join("general").await;
        bob.ask(json!({"type": "leave_room", "room": "general"})).await;
        ann.expect("user_left").await;
        let joined = cleo.join("general").await;
        let names: Vec<&str> = joined["participants"]
            .as_array()
            .unwrap()
            .iter()
            .map(|participant| participant["user"]["username"].as_str().unwrap())
            .collect();
        assert_eq!((names, joined["members"].clone()), (vec!["ann", "cleo"], json!(2)));
    });
}

#[test]
fn typing_is_told_and_always_ends() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        let mut ann = Client::sign_up(&server, "ann").await;
        let mut bob = Client::sign_up(&server, "bob").await;
        ann.join("general").await;
        bob.join("general").await;
        let start = json!({"type": "typing_start", "room": "general"});

        bob.send(start.clone()).await;
        let typing = ann.expect("user_typing").await;
        assert_eq!(
            (typing["user"]["username"].clone(), typing["is_typing"].clone()),
            (json!("bob"), json!(true))
        );
        assert_eq!(ann.expect("user_typing").await["is_typing"], false, "it expires");

        bob.send(start.clone()).await;
        assert_eq!(ann.expect("user_typing").await["is_typing"], true);
        bob.send(json!({"type": "typing_stop", "room": "general"})).await;
        assert_eq!(ann.expect("user_typing").await["is_typing"], false, "it stops");

        bob.send(start.clone()).await;
        assert_eq!(
            ann.expect("user_typing").await["is_typing"],
            true,
            "a quick restart comes when its time has come"
        );
        bob.say("general", "done", "k").await;
        assert_eq!(ann.expect("user_typing").await["is_typing"], false, "it ends with the message");

        bob.send(start.clone()).await;
        assert_eq!(ann.expect("user_typing").await["is_typing"], true);
        let told = bob.everything().await;
        assert!(
            told.iter().all(|event| event["type"] != "user_typing"),
            "one's own typing is not told: {told:?}"
        );
        drop(bob);
        assert_eq!(ann.expect("user_typing").await["is_typing"], false, "it ends with the connection");

        let mut cleo = Client::sign_up(&server, "cleo").await;
        assert_eq!(cleo.refused(start).await, "not_a_member");
    });
}

#[test]
fn nobody_is_online_after_a_restart() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        let mut bob = Client::sign_up(&server, "bob").await;
        bob.join("general").await;
        let mut ann = Client::sign_up(&server, "ann").await;
        ann.join("general").await;
        let server = server.restart();
        let mut ann = Client::with_token(&server, &server.sign_in("ann").await).await;
        let joined = ann.join("general").await;
        let bob = joined["participants"]
            .as_array()
            .unwrap()
            .iter()
            .find(|p| p["user"]["username"] == "bob")
            .unwrap();
        assert_eq!(bob["is_online"], false);
        assert_eq!(joined["online"], 1);
    });
}
