//! One run: people who chat, what goes wrong meanwhile, and what must hold when all is well again.

mod ending;
mod mischief;
mod nth_call;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chat_domain::{RoomId, RoomName, Seq, disable_user, enable_user, sign_out, sign_out_everywhere};
use tokio::task::LocalSet;

use super::chance::Chance;
use super::coverage::Happened;
use super::database::Snapshot;
use super::device::{Departure, Device};
use super::network::{Manners, WHOLE};
use super::trace::{Outcome, Trace};
use super::world::World;

pub(super) use nth_call::fail_nth_call;

/// Steps of a scenario, at most.
const STEPS_MAX: usize = 60;
/// Milliseconds between two steps, at most.
const STEP_MS_MAX: usize = 500;
/// How often it is looked whether something is violated.
const LOOKED_FOR_VIOLATIONS_EVERY: Duration = Duration::from_secs(1);
/// Bytes of a large message's body.
const LARGE_BODY_BYTES: usize = 8_000;
/// Milliseconds for which somebody reads nothing while that happens: so short that the close is read, or not.
const STALLED_MS: [u64; 2] = [1_500, 20_000];
/// Large messages at once: more than a reader's queue holds, or more than it holds beside typing and presence.
const FLOODS: [usize; 3] = [45, 45, 20];
/// How often somebody joins again while they come.
const JOINS_IN_A_FLOOD: usize = 20;
/// Milliseconds between two of these joins.
const JOIN_AGAIN_MS: u64 = 15;
/// Messages of a room with a history, at least: more than a page.
const HISTORY_MIN: usize = 60;
/// And at most: more than a resume carries.
const HISTORY_MAX: usize = 600;

/// Runs a seed.
pub(super) fn run(seed: u64) -> Outcome {
    play(|trace| Scenario::new(seed, trace).play())
}

/// Runs something in virtual time, on a runtime of its own.
fn play<F: Future<Output = ()>>(begin: impl FnOnce(Trace) -> F) -> Outcome {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let set = LocalSet::new();
    let trace = set.block_on(&runtime, async {
        let trace = Trace::begin();
        tokio::select! {
            biased;
            () = begin(trace.clone()) => {}
            () = violation(&trace) => {}
        }
        trace
    });
    drop(set);
    trace.end()
}

/// Waits until something is violated. A run that went on could try in vain for hours.
async fn violation(trace: &Trace) {
    while !trace.is_violated() {
        tokio::time::sleep(LOOKED_FOR_VIOLATIONS_EVERY).await;
    }
}

struct Scenario {
    world: Rc<World>,
    devices: Vec<Rc<Device>>,
    chance: Chance,
    backup: Option<Snapshot>,
    /// Whether people send more than a reader's queue holds.
    is_flood: bool,
    has_flooded: bool,
    /// Whether the network carries everything at once, as long as it carries anything.
    is_quick: bool,
}

impl Scenario {
    fn new(seed: u64, trace: Trace) -> Self {
        let chance = Chance::new(seed);
        let (people, rooms) = (2 + chance.below(3), 1 + chance.below(3));
        let world = World::new(chance.fork(), trace, people, rooms);
        let is_flood = chance.one_in(5);
        if is_flood {
            world.has_limits.set(false);
        }
        let chunk = if is_flood { WHOLE } else { *chance.pick(&[1, 20, 200, WHOLE, WHOLE]) };
        let latency_ms = if chunk < 200 { 0 } else { *chance.pick(&[0, 5, 50, 300]) };
        world.manners.set(Manners {
            latency_ms,
            chunk,
            buffer: *chance.pick(&[512, 4 * 1024, 16 * 1024]),
            cut_after: None,
        });
        let mut devices = Vec::new();
        for (n, (_, user_id)) in world.people.iter().enumerate() {
            for m in 0..1 + chance.below(2) {
                devices.push(Device::new(format!("user{n}.{m}"), *user_id, Rc::clone(&world)));
            }
        }
        Self {
            world,
            devices,
            chance,
            backup: None,
            is_flood,
            has_flooded: false,
            is_quick: chunk == WHOLE && latency_ms < 50,
        }
    }

    async fn play(mut self) {
        let world = Rc::clone(&self.world);
        if self.chance.one_in(6) {
            let history = HISTORY_MIN + self.chance.below(HISTORY_MAX - HISTORY_MIN);
            world.fill(world.rooms[0].1, history);
        }
        world.start_node();
        for device in &self.devices {
            tokio::task::spawn_local(Rc::clone(device).run());
            for (room, _) in &world.rooms {
                if !self.chance.one_in(4) {
                    device.want_room(room);
                }
            }
        }
        world.database.set_faults(*self.chance.pick(&[0, 4, 8, 30]));
        let steps = 20 + self.chance.below(STEPS_MAX - 20);
        for _ in 0..steps {
            tokio::time::sleep(self.chance.ms(STEP_MS_MAX)).await;
            self.step().await;
            world.watch();
            if self.is_quick {
                self.devices.iter().for_each(|device| device.check_typing());
            }
        }
        self.end().await;
        world.end().await;
    }

    fn device(&self) -> &Rc<Device> {
        self.chance.pick(&self.devices)
    }

    fn room(&self) -> &RoomName {
        &self.chance.pick(&self.world.rooms).0
    }

    /// Something happens.
    async fn step(&mut self) {
        let world = Rc::clone(&self.world);
        match self.chance.below(37) {
            0..=9 => self.write(1 + self.chance.below(4), 12),
            10 => self.device().repeat(false),
            11 => self.device().repeat(true),
            12 | 13 => self.device().type_in(self.room(), true),
            14 => self.device().type_in(self.room(), false),
            15 => self.device().mark_read(self.room()),
            16 => self.leave().await,
            17 | 18 => self.device().want_room(self.room()),
            19 | 20 => {
                let all = [Departure::Close, Departure::Drop, Departure::Reset, Departure::Vanish];
                self.device().depart(*self.chance.pick(&all));
            }
            21 => world.harm_a_link(),
            22 => {
                let cut_after = (!self.chance.one_in(3)).then(|| 500 + self.chance.below(8_000));
                world.manners.set(Manners { cut_after, ..world.manners.get() });
            }
            23 => {
                world.partition(!world.is_partitioned.get());
                world.trace.count_times(Happened::Partitioned, u64::from(world.is_partitioned.get()));
                self.devices.iter().for_each(|device| device.hear_late());
                world.trace.tell("network", format!("partitioned {}", world.is_partitioned.get()));
            }
            24 => self.device().stall(2_000 + u64::try_from(self.chance.below(20_000)).unwrap()),
            25 | 33 if self.is_flood && !self.has_flooded => {
                self.flood().await;
            }
            26 => self.restart().await,
            27 => world.database.leave_for(u64::try_from(self.chance.below(4_000)).unwrap()),
            28 => self.revoke(),
            29 => {
                for (username, _) in &world.people {
                    let now = chat_domain::Timestamp::default();
                    world.database.administer(|repository| enable_user(repository, now, username)).unwrap();
                }
            }
            30 => world.jump_wall_clock(i64::try_from(self.chance.below(7_200_000)).unwrap() - 3_600_000),
            31 => {
                let device = self.device();
                device.is_wanted.set(!device.is_wanted.get());
                if !device.is_wanted.get() {
                    device.depart(Departure::Close);
                }
                device.poke();
            }
            32 => self.back_up_or_restore().await,
            34 => self.device().depart_and_forget(),
            35 => self.device().list_rooms(),
            36 => self.write_unheard().await,
            _ => tokio::time::sleep(self.chance.ms(3_000)).await,
        }
    }
}
