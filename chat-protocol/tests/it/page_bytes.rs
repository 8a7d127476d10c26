//! What a message is counted with in a page is never less than what it takes on the wire, and not much more.

use chat_domain::{
    Body, DisplayName, Message, MessageId, MessageKey, MessageKind, RoomId, Seq, Timestamp, UserId,
    UserSummary, Username,
};
use proptest::prelude::*;

/// How much more a message may be counted with, beside what may have to be escaped and is not.
const CLOSE_BYTES: usize = 40;

fn encoded_bytes(message: &Message) -> usize {
    // Behind each comes a comma.
    serde_json::to_string(&chat_protocol::Message::from(message.clone())).unwrap().len() + 1
}

fn author() -> impl Strategy<Value = Option<UserSummary>> {
    let names = ("[a-z0-9][a-z0-9._-]{1,31}", ".{1,64}").prop_filter_map("names", |(name, display_name)| {
        Some((Username::new(name).ok()?, DisplayName::new(display_name).ok()?))
    });
    let author = (any::<i64>(), names).prop_map(|(id, (username, display_name))| UserSummary {
        id: UserId::new(id),
        username,
        display_name,
    });
    prop::option::of(author)
}

fn message() -> impl Strategy<Value = Message> {
    let body = r#"(.|[\\"\n\t]){1,300}"#.prop_filter_map("a body", |text| Body::new(text).ok());
    let key = prop::option::of("[ -~]{1,64}".prop_map(|key| MessageKey::new(key).unwrap()));
    let kind = prop::sample::select(vec![MessageKind::Text, MessageKind::System, MessageKind::Join]);
    let numbers = (any::<i64>(), any::<i64>(), any::<i64>(), any::<i64>(), any::<Option<i64>>());
    (body, author(), key, kind, numbers).prop_map(|(body, author, key, kind, numbers)| {
        let (id, seq, changed_seq, created_at, edited_at) = numbers;
        Message {
            id: MessageId::new(id),
            room_id: RoomId::new(1),
            seq: Seq::new(seq),
            changed_seq: Seq::new(changed_seq),
            author,
            body: body.as_str().to_owned(),
            kind,
            created_at: Timestamp::from_unix_ms(created_at),
            edited_at: edited_at.map(Timestamp::from_unix_ms),
            key,
        }
    })
}

proptest! {
    #[test]
    fn a_message_takes_no_more_on_the_wire_than_it_is_counted_with(message in message()) {
        prop_assert!(encoded_bytes(&message) <= message.page_bytes(), "{message:?}");
    }
}

#[test]
fn an_ordinary_message_is_counted_with_little_more_than_it_takes() {
    let message = Message {
        id: MessageId::new(1_017),
        room_id: RoomId::new(1),
        seq: Seq::new(42),
        changed_seq: Seq::new(42),
        author: Some(UserSummary {
            id: UserId::new(3),
            username: Username::new("ann").unwrap(),
            display_name: DisplayName::new("Ann").unwrap(),
        }),
        body: "hi".to_owned(),
        kind: MessageKind::Text,
        created_at: Timestamp::from_unix_ms(1_795_354_321_000),
        edited_at: None,
        key: Some(MessageKey::new("0198f1c2-7c1e-7a53-9d0e-1f6a1c2b3d4e").unwrap()),
    };
    let (counted, encoded) = (message.page_bytes(), encoded_bytes(&message));
    assert!((encoded..=encoded + CLOSE_BYTES).contains(&counted), "{counted} for {encoded}");
}
