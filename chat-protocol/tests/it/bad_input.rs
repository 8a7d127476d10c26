//! Whatever a client sends gets the error that the protocol promises.

use chat_protocol::{ErrorCode, decode};
use proptest::prelude::*;

use ErrorCode::{BadField, BadJson, EmptyBody, KeyMissing, MessageTooLong, UnknownRoom, UnknownType};

#[test]
fn bad_frames_get_the_promised_code() {
    let long_body =
        format!(r#"{{"type":"send_message","room":"a","key":"k","body":"{}"}}"#, "x".repeat(8_193));
    let long_key = format!(r#"{{"type":"send_message","room":"a","key":"{}","body":"x"}}"#, "k".repeat(65));
    let long_room = format!(r#"{{"type":"join_room","room":"{}"}}"#, "r".repeat(101));
    let long_id = format!(r#"{{"type":"ping","id":"{}"}}"#, "i".repeat(65));
    let deep = format!("{}{}", r#"{"type":"ping","x":"#, "[".repeat(500));
    let table: &[(&str, ErrorCode)] = &[
        ("", BadJson),
        ("hello", BadJson),
        ("{", BadJson),
        ("null", BadJson),
        ("[]", BadJson),
        (r#"["ping"]"#, BadJson),
        (r#"{"type":"ping"}x"#, BadJson),
        (r#"{"type":"ping","type":"ping"}"#, BadJson),
        (r#"{"type":"ping","id":"\ud800"}"#, BadJson),
        (&deep, BadJson),
        ("{}", BadField),
        (r#"{"type":null}"#, BadField),
        (r#"{"type":7}"#, BadField),
        (r#"{"type":"ping","id":7}"#, BadField),
        (&long_id, BadField),
        (r#"{"type":""}"#, UnknownType),
        (r#"{"type":"Ping"}"#, UnknownType),
        (r#"{"type":"drop_tables"}"#, UnknownType),
        (r#"{"type":"join_room"}"#, BadField),
        (r#"{"type":"join_room","room":7}"#, BadField),
        (r#"{"type":"join_room","room":["a"]}"#, BadField),
        (r#"{"type":"join_room","room":"No Such"}"#, UnknownRoom),
        (r#"{"type":"join_room","room":""}"#, UnknownRoom),
        (&long_room, UnknownRoom),
        (r#"{"type":"join_room","room":"a","after":"5"}"#, BadField),
        (r#"{"type":"join_room","room":"a","after":-1}"#, BadField),
        (r#"{"type":"join_room","room":"a","after":1.5}"#, BadField),
        (r#"{"type":"join_room","room":"a","after":9223372036854775808}"#, BadField),
        (r#"{"type":"join_room","room":"a","epoch":5}"#, BadField),
        (r#"{"type":"leave_room","room":null}"#, BadField),
        (r#"{"type":"get_history","room":"a"}"#, BadField),
        (r#"{"type":"get_history","room":"a","before":5,"limit":0}"#, BadField),
        (r#"{"type":"get_history","room":"a","before":5,"limit":101}"#, BadField),
        (r#"{"type":"get_history","room":"a","before":5,"limit":"9"}"#, BadField),
        (r#"{"type":"send_message","room":"a","body":"x"}"#, KeyMissing),
        (r#"{"type":"send_message","room":"a","body":"x","key":null}"#, KeyMissing),
        (r#"{"type":"send_message","room":"a","body":"x","key":""}"#, KeyMissing),
        (r#"{"type":"send_message","room":"a","body":"x","key":5}"#, BadField),
        (r#"{"type":"send_message","room":"a","body":"x","key":"ä"}"#, BadField),
        (&long_key, BadField),
        (r#"{"type":"send_message","room":"a","key":"k"}"#, BadField),
        (r#"{"type":"send_message","room":"a","key":"k","body":{}}"#, BadField),
        (r#"{"type":"send_message","room":"a","key":"k","body":""}"#, EmptyBody),
        (r#"{"type":"send_message","room":"a","key":"k","body":" \n\u200b"}"#, EmptyBody),
        (r#"{"type":"send_message","room":"a","key":"k","body":"a\u0000b"}"#, BadField),
        (&long_body, MessageTooLong),
        (r#"{"type":"mark_read","room":"a"}"#, BadField),
        (r#"{"type":"mark_read","room":"a","seq":null}"#, BadField),
        (r#"{"type":"typing_start"}"#, BadField),
        (r#"{"type":"connect"}"#, BadField),
        (r#"{"type":"connect","token":5}"#, BadField),
    ];
    for (frame, wanted) in table {
        let refused = decode(frame).expect_err(frame);
        assert_eq!(refused.code, *wanted, "{frame}: {}", refused.message);
    }
}

#[test]
fn a_refusal_repeats_the_id_and_names_the_field_but_not_its_value() {
    let refused = decode(r#"{"type":"join_room","id":"4","room":{"secret":1}}"#).unwrap_err();
    assert_eq!(refused.id.as_deref(), Some("4"));
    assert_eq!(refused.message, "field \"room\" must be a string");
    let refused = decode(r#"{"type":"send_message","room":"a","key":"k","body":secret}"#).unwrap_err();
    assert!(!refused.message.contains("secret"), "{}", refused.message);
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,300}") {
        let _ = decode(&text);
    }

    #[test]
    fn no_object_panics(
        kind in "(send_message|join_room|get_history|mark_read|connect|typing_start|[a-z_]{0,12})",
        room in ".{0,40}", body in ".{0,80}", key in ".{0,80}", number in any::<i64>(),
    ) {
        let frame = serde_json::json!({
            "type": kind, "id": key, "room": room, "body": body, "key": key, "token": body,
            "after": number, "before": number, "limit": number, "seq": number, "epoch": room,
        });
        let _ = decode(&frame.to_string());
    }

    #[test]
    fn no_damaged_frame_panics(
        frame in proptest::sample::select(FRAMES),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..4, "[\\x00-\\x7f]{0,3}|.{0,2}"), 1..6),
    ) {
        let mut chars: Vec<char> = frame.chars().collect();
        for (at, dropped, put) in edits {
            let begin = at.index(chars.len() + 1);
            let end = (begin + dropped).min(chars.len());
            chars.splice(begin..end, put.chars());
        }
        let text: String = chars.into_iter().collect();
        // Damage may leave a good frame; a bad one gets a text that holds nothing of it but the names of fields.
        if let Err(bad) = decode(&text) {
            prop_assert!(bad.message.len() < 300, "{}", bad.message);
        }
    }
}

/// Good frames to be damaged.
const FRAMES: &[&str] = &[
    r#"{"type":"send_message","id":"7","room":"general","body":"h\u00e9 \ud83d\ude00","key":"0198f1c2-a"}"#,
    r#"{"type":"join_room","id":"1","room":"general","after":41,"epoch":"e"}"#,
    r#"{"type":"get_history","room":"general","before":9223372036854775807,"limit":100}"#,
    r#"{"type":"mark_read","room":"general","seq":1.0e2,"x":[{"y":[null,true]}]}"#,
    r#"{"type":"connect","token":"abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"}"#,
    r#"{"type":"typing_start","room":"workout-tips"}"#,
];
