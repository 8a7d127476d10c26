//! Whatever the network, the server and the application do: every message once, in order, and one view for all.

use chat_protocol::ErrorCode;
use proptest::prelude::*;

use super::model::{Fault, Telling};
use super::world::{World, room};

#[derive(Debug, Clone)]
enum Step {
    Send(usize),
    Post(usize, Telling),
    Edit(usize, usize, Telling),
    Page(usize),
    Leave(usize),
    LeaveElsewhere(usize),
    Join(usize),
    Up(Fault, Telling),
    Down(usize),
    Cut(Option<u16>),
    Vanish,
    Restart,
    Import,
    Pass(i64),
}

fn telling() -> impl Strategy<Value = Telling> {
    prop_oneof![
        6 => Just(Telling::Whole),
        1 => Just(Telling::Number),
        1 => Just(Telling::Lost),
        1 => Just(Telling::Twice),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    let codes =
        [ErrorCode::RateLimited, ErrorCode::Overloaded, ErrorCode::Unavailable, ErrorCode::StorageFull];
    prop_oneof![
        12 => Just(Fault::None),
        1 => prop::sample::select(codes.to_vec()).prop_map(Fault::Refused),
        1 => Just(Fault::Unknown),
        1 => Just(Fault::Unanswered),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let code = prop::sample::select(vec![None, Some(1001), Some(1011), Some(1013), Some(4000), Some(4001)]);
    prop_oneof![
        8 => (0_usize..2).prop_map(Step::Send),
        6 => (0_usize..2, telling()).prop_map(|(room, telling)| Step::Post(room, telling)),
        2 => (0_usize..2, 0_usize..50, telling())
            .prop_map(|(room, which, telling)| Step::Edit(room, which, telling)),
        1 => (0_usize..2).prop_map(Step::Page),
        1 => (0_usize..2).prop_map(Step::Leave),
        1 => (0_usize..2).prop_map(Step::LeaveElsewhere),
        2 => (0_usize..2).prop_map(Step::Join),
        16 => (fault(), telling()).prop_map(|(fault, telling)| Step::Up(fault, telling)),
        16 => (1_usize..5).prop_map(Step::Down),
        2 => code.prop_map(Step::Cut),
        1 => Just(Step::Vanish),
        1 => Just(Step::Restart),
        1 => Just(Step::Import),
        6 => (1_i64..60_000).prop_map(Step::Pass),
        6 => (1_i64..2_000).prop_map(Step::Pass),
    ]
}

fn run(world: &mut World, step: Step) {
    match step {
        Step::Send(which) => world.send(which),
        Step::Post(which, telling) => world.server.post(&room(which), "other", telling),
        Step::Edit(which, message, telling) => world.server.edit(&room(which), message, telling),
        Step::Page(which) => world.page(which),
        Step::Leave(which) => world.leave(which),
        Step::LeaveElsewhere(which) => world.leave_elsewhere(which),
        Step::Join(which) => world.join(which),
        Step::Up(fault, telling) => {
            world.up(fault, telling);
        }
        Step::Down(frames) => {
            for _ in 0..frames {
                world.down();
            }
        }
        Step::Cut(code) => world.cut(code),
        Step::Vanish => world.vanish(),
        Step::Restart => world.restart(),
        Step::Import => {
            world.server.import();
            world.cut(Some(1012));
        }
        Step::Pass(ms) => world.pass(ms),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn every_message_is_there_once_in_order_and_the_view_equals_a_fresh_fetch(
        by_first_frame: bool,
        steps in prop::collection::vec(step(), 0..150),
    ) {
        let mut world = World::new(by_first_frame);
        for step in steps {
            run(&mut world, step);
        }
        for which in 0..2 {
            world.join(which);
        }
        world.settle();
        // A hole shows at the next number.
        for which in 0..2 {
            world.server.post(&room(which), "last", Telling::Whole);
        }
        world.settle();
        world.check();
    }
}
