//! Events to JSON and back, as the server does it and as a client does it.

use std::hint::black_box;

use chat_domain::{MessageId, MessageKind, Seq, Timestamp, UserId};
use chat_protocol::events::{NewMessage, SendMessage};
use chat_protocol::{ClientEvent, Message, ServerEvent, ServerFrame, User, decode, encode, encode_request};
use criterion::{Criterion, Throughput};

const BODY: &str =
    "Three sets of twelve, and the last one slower: that is what made the difference for me. Thank you!";
const KEY: &str = "0198f1c2-7c31-7d0e-9c1f-0d9a4b7e5f21";

/// Both directions of the two events that come most often.
pub(crate) fn measure(criterion: &mut Criterion) {
    let send = send_message();
    let sent = encode_request(&send, Some("7")).expect("an event");
    let new = new_message();
    let mut told = Vec::new();
    encode(&new, &mut told).expect("an event");

    let mut group = criterion.benchmark_group("send_message");
    group.throughput(Throughput::Bytes(bytes(sent.len())));
    group.bench_function("encode", |bencher| bencher.iter(|| encode_request(black_box(&send), Some("7"))));
    group.bench_function("decode", |bencher| bencher.iter(|| decode(black_box(&sent))));
    group.finish();

    let mut group = criterion.benchmark_group("new_message");
    group.throughput(Throughput::Bytes(bytes(told.len())));
    let mut buffer = Vec::with_capacity(told.len());
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            buffer.clear();
            encode(black_box(&new), &mut buffer)
        });
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| serde_json::from_slice::<ServerFrame>(black_box(&told)));
    });
    group.finish();
}

fn send_message() -> ClientEvent {
    ClientEvent::SendMessage(SendMessage {
        room: "general".parse().expect("a name"),
        body: BODY.parse().expect("a body"),
        key: KEY.parse().expect("a key"),
    })
}

fn new_message() -> ServerEvent {
    let seq = Seq::new(1_234);
    let user = User {
        id: UserId::new(3),
        username: "ann".parse().expect("a name"),
        display_name: "Ann".parse().expect("a name"),
    };
    let message = Message {
        id: MessageId::new(98_765),
        seq,
        changed_seq: seq,
        user: Some(user),
        body: BODY.to_owned(),
        kind: MessageKind::Text,
        created_at: Timestamp::from_unix_ms(1_795_354_321_000),
        edited_at: None,
        key: Some(KEY.parse().expect("a key")),
    };
    ServerEvent::NewMessage(NewMessage { room: "general".parse().expect("a name"), seq, message })
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
