//! The rules of typing where a thousand people type at once.

use std::hint::black_box;

use chat_domain::typing::{TypingBoard, TypingTimes};
use chat_domain::{RoomId, Timestamp, UserId};
use criterion::{BatchSize, Criterion, Throughput};

const TYPISTS: u32 = 1_000;
const ROOM: RoomId = RoomId::new(1);
const NOW: Timestamp = Timestamp::from_unix_ms(1_795_354_321_000);

/// Beginning, going on, looking for those who stopped, and all of them stopping.
pub(crate) fn measure(criterion: &mut Criterion) {
    let times = TypingTimes::default();
    let expired = NOW.plus_ms(times.expiry_ms);
    let mut group = criterion.benchmark_group("typing_1000");
    group.throughput(Throughput::Elements(TYPISTS.into()));
    group.bench_function("start", |bencher| {
        bencher.iter_batched_ref(|| TypingBoard::new(times), all_type, BatchSize::SmallInput);
    });
    group.bench_function("renew", |bencher| {
        let mut board = all_typing(times);
        bencher.iter(|| all_type(&mut board));
    });
    group.bench_function("sweep_nothing", |bencher| {
        let mut board = all_typing(times);
        bencher.iter(|| board.sweep(black_box(NOW)));
    });
    group.bench_function("sweep_all", |bencher| {
        let sweep = |board: &mut TypingBoard| board.sweep(black_box(expired));
        bencher.iter_batched_ref(|| all_typing(times), sweep, BatchSize::SmallInput);
    });
    group.finish();
}

fn all_typing(times: TypingTimes) -> TypingBoard {
    let mut board = TypingBoard::new(times);
    all_type(&mut board);
    board
}

fn all_type(board: &mut TypingBoard) {
    for typist in 1..=TYPISTS {
        black_box(board.start(ROOM, UserId::new(typist.into()), black_box(NOW)));
    }
}
