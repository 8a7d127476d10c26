//! Raw bytes on a WebSocket after its handshake: frames of any form, cut anywhere, to a reader that may not read.
//!
//! The first byte says who is there (its lowest two bits), whether the client reads (the next one), and into pieces of
//! how many bytes the rest is cut (the others; 0 is one piece).
#![no_main]

use chat_fuzz::frames::{self, Sent};
use chat_server::fuzzing::{Chat, Person, Wire};
use libfuzzer_sys::fuzz_target;

/// Pieces that are looked at one by one, at most; what is left comes at once.
const PIECES_MAX: usize = 64;
/// Bytes that may wait for a client that doesn't read: what waits before reading stops, one answer with what was held
/// back behind it, and 256 KiB of live events.
const QUEUED_BYTES_MAX: usize = (64 + 3 * 128 + 256) * 1024;
/// Milliseconds after which a silent connection is gone.
const GONE_MS: u64 = 50_000;

fuzz_target!(|bytes: &[u8]| {
    let Some((&manner, bytes)) = bytes.split_first() else { return };
    let who = [None, Some(Person::Ann), Some(Person::Bob), None][usize::from(manner & 3)];
    let reads = manner & 4 == 0;
    let piece = match usize::from(manner >> 3) {
        0 => usize::MAX,
        bytes => bytes,
    };
    Chat::run(async |chat| {
        let wire = chat.socket(who).await;
        if !reads {
            wire.set_room(0);
        }
        let (first, rest) = bytes.split_at(piece.saturating_mul(PIECES_MAX).min(bytes.len()));
        for piece in first.chunks(piece).chain([rest]) {
            wire.send(piece);
            chat.settle().await;
            assert!(chat.queued_bytes() <= QUEUED_BYTES_MAX);
        }
        wire.finish();
        chat.settle().await;
        if !wire.has_ended() {
            chat.wait_ms(GONE_MS).await;
        }
        check(&wire);
    });
});

/// The connection is gone, and what was written on it are frames, with nothing after a close.
fn check(wire: &Wire) {
    assert!(wire.has_ended(), "the connection stays");
    let mut written = wire.take_written();
    let mut is_closed = false;
    while let Some(sent) = frames::next(&mut written) {
        assert!(!is_closed, "nothing follows a close");
        is_closed = matches!(sent, Sent::Close);
    }
    assert!(written.is_empty(), "half a frame");
}
