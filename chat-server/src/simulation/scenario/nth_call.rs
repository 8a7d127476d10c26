//! One small scenario over and over, and each time another call of the repository fails in it.

use super::super::database::{FailedCall, Fate};
use super::ending::REST_S;
use super::*;

/// The seed of the small scenario.
const SEED: u64 = 1;
/// Messages that its room begins with: more than a page.
const OLD_MESSAGES: usize = 60;

/// Runs the small scenario; the call that comes after so many others fails. Says which one that was.
pub(in crate::simulation) fn fail_nth_call(after: usize, fate: Fate) -> (Outcome, Option<FailedCall>) {
    let failed = Rc::new(std::cell::Cell::new(None));
    let theirs = Rc::clone(&failed);
    let outcome = play(move |trace| async move {
        let mut scenario = Scenario::small(trace);
        let database = Arc::clone(&scenario.world.database);
        database.fail_once(after, fate);
        scenario.chat().await;
        theirs.set(database.end_trial());
        scenario.calm_down();
        scenario.settle("at last").await;
        tokio::time::sleep(Duration::from_secs(REST_S)).await;
        scenario.check_held("without a resume");
        scenario.end_shortly().await;
        scenario.world.end().await;
    });
    (outcome, failed.get())
}

impl Scenario {
    /// Two people with three devices and one room with a history, on a good network.
    fn small(trace: Trace) -> Self {
        let chance = Chance::new(SEED);
        let world = World::new(chance.fork(), trace, 2, 1);
        world.has_limits.set(false);
        world.is_slow.set(false);
        world.fill(world.rooms[0].1, OLD_MESSAGES);
        let owners = [(0, "user0.0"), (0, "user0.1"), (1, "user1.0")];
        let device =
            |(n, name): (usize, &str)| Device::new(name.to_owned(), world.people[n].1, Rc::clone(&world));
        let devices = owners.into_iter().map(device).collect();
        Self { world, devices, chance, backup: None, is_flood: false, has_flooded: false, is_quick: true }
    }

    /// They do everything once that people do.
    async fn chat(&mut self) {
        let (world, room) = (Rc::clone(&self.world), self.world.rooms[0].0.clone());
        let room = &room;
        self.start_node().await;
        for device in &self.devices {
            device.want_room(room);
            tokio::task::spawn_local(Rc::clone(device).run());
        }
        let [first, second, other] = self.devices.as_slice() else { return };
        let pause = |ms| tokio::time::sleep(Duration::from_millis(ms));
        pause(600).await;
        first.write(room, "one".to_owned());
        first.write(room, "two".to_owned());
        other.write(room, "three".to_owned());
        other.type_in(room, true);
        pause(300).await;
        first.repeat(false);
        second.mark_read(room);
        second.list_rooms();
        second.page_back();
        other.depart(Departure::Drop);
        pause(100).await;
        first.write(room, "four".to_owned());
        pause(2_000).await;
        second.leave_room(room);
        pause(800).await;
        first.want_room(room);
        second.want_room(room);
        pause(500).await;
        let session = other.session.borrow().as_ref().map(|session| session.id);
        if let Some(session_id) = session {
            let now = chat_domain::Timestamp::default();
            let _ =
                world.database.administer(|repository| sign_out(repository, now, other.user_id, session_id));
        }
        pause(1_500).await;
        world.kill_node(true).await;
        self.start_node().await;
        pause(600).await;
    }
}
