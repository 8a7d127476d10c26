//! `chat-cli bench` against the real server: what it counts is right. How fast anything is, is not asked.

use serde_json::Value;

use crate::chat::{Chat, Finished, on_every_database};
use crate::server::{Server, server_binary};

/// Limits above every load here.
const UNLIMITED: [(&str, &str); 3] = [
    ("CHAT_LIMIT_MESSAGES_PER_SECOND", "1000000"),
    ("CHAT_LIMIT_JOINS_PER_SECOND", "1000000"),
    ("CHAT_LIMIT_CONNECTIONS_PER_USER", "0"),
];

/// A server with people and rooms, and their tokens.
struct Stage {
    chat: Chat,
    server: Server,
    url: String,
    tokens: String,
}

impl Stage {
    /// `None`, said loudly, where the server isn't built.
    fn set(people: u32, rooms: u32, settings: &[(&str, &str)]) -> Option<Self> {
        let binary = server_binary()?;
        let chat = Chat::on_sqlite();
        chat.must(&["migrate", "up"]);
        let tokens = chat.folder().join("tokens").to_str().unwrap().to_owned();
        chat.must(&[
            "seed",
            "--users",
            &people.to_string(),
            "--tokens",
            &tokens,
            "--rooms",
            &rooms.to_string(),
        ]);
        let server = Server::start_with(&chat, &binary, "127.0.0.1:0", settings);
        let url = format!("http://{}", server.address);
        Some(Self { chat, server, url, tokens })
    }

    fn run(&self, kind: &str, args: &[&str]) -> Finished {
        let common = ["bench", kind, "--server", &self.url, "--tokens", &self.tokens];
        self.chat.run(&[&common, args].concat())
    }

    fn document(&self, kind: &str, args: &[&str]) -> Value {
        let pid = self.server.pid();
        self.run(kind, &[&["--json", "--server-pid", &pid], args].concat()).expect_code(0).json()
    }
}

fn number(document: &Value, name: &str) -> u64 {
    document[name].as_u64().unwrap_or_else(|| panic!("{name} in {document}"))
}

#[test]
fn every_message_of_a_fan_out_comes_to_every_member_once() {
    let Some(stage) = Stage::set(12, 3, &UNLIMITED) else { return };
    let shape = ["--rooms", "3", "--members", "4", "--senders", "2", "--window", "3"];
    let document = stage.document("fanout", &[&shape[..], &["--seconds", "1", "--warm-up", "0"]].concat());
    let messages = number(&document, "messages");
    assert!(messages >= 3 * 2 * 3, "{document}");
    assert_eq!(number(&document, "acks"), messages);
    assert_eq!(number(&document, "deliveries"), messages * 4);
    assert_eq!(
        (number(&document, "lost"), number(&document, "doubled"), number(&document, "foreign")),
        (0, 0, 0)
    );
    assert!(document["server"]["cpu"].is_number() && document["generator"]["cpu"].is_number(), "{document}");
    assert!(document["delivery_ms"]["p99"].as_f64().unwrap() > 0.0, "{document}");
}

#[test]
fn a_fan_out_is_told_in_a_table_and_meanwhile_line_by_line() {
    let Some(stage) = Stage::set(4, 1, &UNLIMITED) else { return };
    let shape = ["--rooms", "1", "--members", "4", "--senders", "1"];
    let told = stage.run("fanout", &[&shape[..], &["--seconds", "2", "--progress"]].concat()).expect_code(0);
    for word in ["fanout", "1 × 4 clients", "deliveries/s", "generator CPU", "lost 0, doubled 0"] {
        assert!(told.stdout.contains(word), "{word}: {told:?}");
    }
    assert!(told.stderr.contains("measuring: 4 clients"), "{told:?}");
}

#[test]
fn a_rate_is_kept_and_every_message_timed() {
    let Some(stage) = Stage::set(6, 2, &[]) else { return };
    let args = ["--per-second", "30", "--rooms", "2", "--members", "3", "--seconds", "1", "--warm-up", "1"];
    let document = stage.document("rate", &args);
    assert_eq!(
        (number(&document, "messages"), number(&document, "acks")),
        (60, 60),
        "with the server's own limits"
    );
    assert_eq!((number(&document, "deliveries"), number(&document, "lost")), (180, 0));
    // Those of the second that is measured.
    assert_eq!(number(&document["delivery_ms"], "count"), 90);
    assert_eq!((number(&document["ack_ms"], "count"), number(&document["delay_ms"], "count")), (30, 30));
}

#[test]
fn clients_that_stall_are_closed_and_the_others_miss_nothing() {
    let Some(stage) = Stage::set(8, 4, &UNLIMITED) else { return };
    let shape = ["--rooms", "2", "--first-room", "3", "--members", "4", "--warm-up", "0", "--seconds", "1"];
    let stalled =
        |load: &[&str]| stage.document("rate", &[&shape[..], &["--stalled-every", "4"], load].concat());
    // 1.6 MB into each room: more than the sockets and the server's queue hold.
    let document = stalled(&["--per-second", "400", "--body-bytes", "8000"]);
    assert_eq!((number(&document, "stalled"), number(&document, "stalled_closed")), (2, 2), "{document}");
    assert_eq!(number(&document, "deliveries"), 400 * 3);
    assert_eq!((number(&document, "expected_deliveries"), number(&document, "lost")), (400 * 3, 0));
    assert_eq!(number(&document["delivery_ms"], "count"), 400 * 3);
    // Sockets alone hold this much.
    let document = stalled(&["--per-second", "20"]);
    assert_eq!((number(&document, "stalled"), number(&document, "stalled_closed")), (2, 0), "{document}");
    assert_eq!((number(&document, "deliveries"), number(&document, "lost")), (20 * 3, 0));
}

#[test]
fn idle_connections_are_counted_and_a_burst_comes_to_all_of_them() {
    let Some(stage) = Stage::set(31, 7, &UNLIMITED) else { return };
    let args = ["--connections", "31", "--base", "10", "--members", "5", "--settle", "0", "--seconds", "1"];
    let document = stage.document("idle", &[&args[..], &["--burst", "30", "--after-burst", "0"]].concat());
    assert_eq!((number(&document, "connections"), number(&document, "rooms")), (31, 7));
    assert!(document["kib_per_connection"].is_number(), "{document}");
    assert!(document["kib_per_connection_after_burst"].is_number(), "{document}");
    // The first ten, in two rooms, hear a burst of their own before.
    let first = 30 * 31 / 10;
    assert_eq!(number(&document, "messages"), 2 * first + 7 * 30);
    assert_eq!((number(&document, "deliveries"), number(&document, "lost")), (10 * first + 31 * 30, 0));
}

#[test]
fn whoever_joins_in_a_storm_gets_the_history() {
    let Some(stage) = Stage::set(20, 4, &UNLIMITED) else { return };
    let args = ["--clients", "20", "--rooms", "4", "--history", "30"];
    let first = stage.document("storm", &args);
    assert_eq!((number(&first, "messages"), number(&first, "short_answers")), (20 * 30, 0));
    assert_eq!(number(&first["client_ms"], "count"), 20);
    // Everybody is looked up; how many clients share a read of a room depends on how they come.
    assert_eq!(number(&first["store_reads"], "session"), 20);
    assert!((4..=20).contains(&number(&first["store_reads"], "room")), "{first}");
    // Now more are there than a page holds: everybody gets a whole page.
    let again = stage.document("storm", &args);
    assert_eq!((number(&again, "messages"), number(&again, "short_answers")), (20 * 50, 0));
}

#[test]
fn whoever_comes_back_in_a_storm_gets_what_was_missed_in_every_room() {
    let Some(stage) = Stage::set(20, 5, &UNLIMITED) else { return };
    let args = [
        "--resume",
        "--clients",
        "20",
        "--rooms",
        "5",
        "--rooms-each",
        "3",
        "--missed",
        "7",
        "--at-once",
        "6",
    ];
    for _ in 0..2 {
        let document = stage.document("storm", &args);
        assert_eq!((number(&document, "messages"), number(&document, "short_answers")), (20 * 3 * 7, 0));
        assert_eq!((number(&document["client_ms"], "count"), number(&document, "put_off")), (20, 0));
    }
}

#[test]
fn pages_of_history_come_whole_one_after_the_other() {
    let unlimited = [&UNLIMITED[..], &[("CHAT_LIMIT_HISTORY_PER_SECOND", "0")]].concat();
    let Some(stage) = Stage::set(3, 2, &unlimited) else { return };
    let args = ["--room", "2", "--clients", "3", "--page", "20", "--seconds", "1", "--warm-up", "0"];
    let empty = stage.run("history", &args).expect_error(2, "bench-2 holds 0 messages");
    assert!(empty.stderr.contains("--page"), "{empty:?}");
    // A storm fills both rooms with 30 messages each.
    stage.document("storm", &["--clients", "3", "--rooms", "2", "--history", "30"]);
    let document = stage.document("history", &args);
    assert!(number(&document, "pages") > 3, "{document}");
    assert_eq!(number(&document, "short_pages"), 0);
    // Each client's first one was asked for too early to be timed, and its last one may come too late to be.
    let (pages, timed) = (number(&document, "pages"), number(&document["page_ms"], "count"));
    assert!((pages - 6..=pages).contains(&timed), "{document}");
}

#[test]
fn pages_above_the_limits_are_told_what_to_set() {
    let Some(stage) = Stage::set(2, 1, &UNLIMITED) else { return };
    stage.document("storm", &["--clients", "2", "--rooms", "1", "--history", "50"]);
    let refused = stage.run("history", &["--seconds", "5"]).expect_error(8, "rate_limited");
    assert!(refused.stderr.contains("CHAT_LIMIT_HISTORY_PER_SECOND"), "{refused:?}");
}

#[test]
fn the_store_alone_keeps_its_numbers_whichever_way_messages_are_stored() {
    on_every_database(|chat| {
        chat.must(&["migrate", "up"]);
        let pid = std::process::id().to_string();
        let args = ["bench", "store", "--senders", "6", "--rooms", "4", "--seconds", "1", "--rounds", "1"];
        let document = chat.json(&[&args[..], &["--server-pid", &pid]].concat());
        for way in ["grouped", "one_by_one", "bare_rows"] {
            assert!(document[format!("{way}_per_s")].as_f64().unwrap() > 0.0, "{way}: {document}");
            assert!(document[format!("{way}_server_cpu_us_each")].is_number(), "{way}: {document}");
        }
        assert!(document["grouped_to_bare_rows"].is_number(), "{document}");
        let backup = chat.folder().join("backup");
        chat.must(&["backup", "create", backup.to_str().unwrap()]);
        // Numbers without holes, counters that agree with the rows.
        chat.must(&["backup", "verify", backup.to_str().unwrap()]);
    });
}

#[test]
fn a_load_above_the_limits_is_told_what_to_set() {
    let Some(stage) = Stage::set(4, 1, &[]) else { return };
    let shape = ["--rooms", "1", "--members", "4", "--senders", "1", "--window", "64", "--seconds", "1"];
    let refused = stage.run("fanout", &shape).expect_error(8, "rate_limited");
    assert!(refused.stderr.contains("CHAT_LIMIT_MESSAGES_PER_SECOND"), "{refused:?}");
}

#[test]
fn what_is_missing_for_a_load_is_named() {
    let Some(stage) = Stage::set(4, 1, &UNLIMITED) else { return };
    let load = |args: &[&str]| stage.run("fanout", &[&["--seconds", "1"], args].concat());
    let refused = load(&["--rooms", "2", "--members", "2"]).expect_error(8, "unknown_room");
    assert!(refused.stderr.contains("seed --users N --tokens FILE --rooms N"), "{refused:?}");
    let beyond = ["--rooms", "1", "--first-room", "2", "--members", "1", "--seconds", "1"];
    stage.run("rate", &beyond).expect_error(8, "unknown_room");
    let refused = load(&["--rooms", "1", "--members", "5"]).expect_error(2, "5 clients need as many tokens");
    assert!(refused.stderr.contains("seed --users N --tokens FILE"), "{refused:?}");
    let one = ["--rooms", "1", "--members", "1"];
    load(&[&one[..], &["--server-pid", "4294967295"]].concat()).expect_error(2, "there is no process");
    load(&["--rooms", "1", "--members", "1", "--senders", "2"]).expect_error(2, "can't be 2 senders");
    stage.chat.run(&["bench", "store", "--server-pid", "4294967295"]).expect_error(2, "there is no process");
    stage.run("idle", &["--connections", "2", "--base", "2"]).expect_error(2, "are not fewer");
    stage.run("storm", &["--resume", "--rooms", "2"]).expect_error(2, "too few");
    let nobody = ["bench", "fanout", "--server", "127.0.0.1:1", "--tokens", &stage.tokens];
    stage.chat.run(&[&nobody[..], &one].concat()).expect_error(8, "could not connect");
    let tls = ["bench", "fanout", "--server", "https://chat.example", "--tokens", &stage.tokens];
    stage.chat.run(&[&tls[..], &one].concat()).expect_error(2, "does not begin with http://");
    let strangers = stage.chat.folder().join("strangers");
    std::fs::write(&strangers, "x".repeat(43)).unwrap();
    let args = ["bench", "fanout", "--server", &stage.url, "--tokens", strangers.to_str().unwrap()];
    let refused = stage.chat.run(&[&args[..], &one].concat()).expect_error(8, "HTTP 401");
    assert!(refused.stderr.contains("SECRET_KEY"), "{refused:?}");
}
