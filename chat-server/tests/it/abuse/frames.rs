//! Frames that break RFC 6455, each with the close code that it must get.

use tokio::io::AsyncWriteExt;

use super::Target;
use crate::support::Client;
use crate::support::frames::{
    BINARY, CLOSE, CONTINUES, CONTINUES_LAST, PING, TEXT, TEXT_BEGINS, frame, header, unmasked,
};

pub(super) async fn all(target: &Target) -> usize {
    let cases = cases();
    for (bytes, wanted, what) in &cases {
        let mut client = Client::with_bearer(target.address, &target.token).await;
        // The server may answer and end before it has read all.
        let _ = client.socket.get_mut().write_all(bytes).await;
        assert_eq!(client.closed().await, Some(*wanted), "{what}");
    }
    cases.len()
}

fn cases() -> Vec<(Vec<u8>, u16, &'static str)> {
    let too_long = "x".repeat(64 * 1024 + 1);
    let piece = vec![b'x'; 40_000];
    vec![
        (unmasked(TEXT, b"hi"), 1002, "not masked"),
        (unmasked(PING, b""), 1002, "a ping that is not masked"),
        (frame(TEXT | 0x40, b"hi"), 1002, "the first reserved bit, as if compressed"),
        (frame(TEXT | 0x20, b"hi"), 1002, "the second reserved bit"),
        (frame(TEXT | 0x10, b"hi"), 1002, "the third reserved bit"),
        (frame(PING | 0x40, b""), 1002, "a reserved bit of a ping"),
        (frame(0x83, b""), 1002, "a reserved kind of data"),
        (frame(0x87, b"hi"), 1002, "another reserved kind of data"),
        (frame(0x8B, b""), 1002, "a reserved kind of control"),
        (frame(0x8F, b""), 1002, "another reserved kind of control"),
        (frame(CONTINUES_LAST, b"hi"), 1002, "a continuation of nothing"),
        (frame(CONTINUES, b"hi"), 1002, "an unfinished continuation of nothing"),
        ([frame(TEXT_BEGINS, b"a"), frame(TEXT, b"b")].concat(), 1002, "a message inside another"),
        (frame(0x09, b"hi"), 1002, "a ping in fragments"),
        (frame(0x08, b""), 1002, "a close in fragments"),
        (frame(PING, &[b'x'; 126]), 1002, "a ping of more than 125 bytes"),
        (frame(CLOSE, &[3]), 1002, "a close with half a code"),
        (frame(CLOSE, &1005_u16.to_be_bytes()), 1002, "a close with a code that is never sent"),
        (frame(CLOSE, &999_u16.to_be_bytes()), 1002, "a close with a code that there is not"),
        (frame(CLOSE, &[0x03, 0xE8, 0xFF]), 1007, "a close whose reason is not UTF-8"),
        (frame(TEXT, &[0xFF, 0xFE]), 1007, "a text that is not UTF-8"),
        (frame(TEXT, &[0xC0, 0xAF]), 1007, "an overlong encoding"),
        (frame(TEXT, &[0xED, 0xA0, 0x80]), 1007, "half a surrogate pair"),
        (frame(TEXT, &[0xF4, 0x90, 0x80, 0x80]), 1007, "beyond the last character"),
        (frame(TEXT, &[0xE2, 0x82]), 1007, "a character that breaks off"),
        (
            [frame(TEXT_BEGINS, &[0xE2]), frame(CONTINUES_LAST, &[0x28])].concat(),
            1007,
            "a character torn in two",
        ),
        (frame(BINARY, &[1, 2, 3]), 1003, "a binary message"),
        (frame(BINARY, b""), 1003, "an empty binary message"),
        (frame(TEXT, too_long.as_bytes()), 1009, "one byte more than a frame may have"),
        (header(TEXT, 1 << 20), 1009, "a MiB announced and not sent"),
        (header(TEXT, 1 << 62), 1009, "four EiB announced"),
        (header(TEXT, u64::MAX), 1009, "all that a length can say"),
        (header(CONTINUES_LAST, 1 << 40), 1009, "a TiB announced for a continuation of nothing"),
        (
            [frame(TEXT_BEGINS, &piece), frame(CONTINUES_LAST, &piece)].concat(),
            1009,
            "a message too long as a whole",
        ),
        (frame(CLOSE, &1000_u16.to_be_bytes()), 1000, "a good close is answered with its own code"),
        (frame(CLOSE, &4999_u16.to_be_bytes()), 4999, "a good close with a code of its own"),
    ]
}
