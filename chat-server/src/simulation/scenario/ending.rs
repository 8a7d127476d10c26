//! How a run ends: nothing fails any more, and what was promised must hold.

use super::*;

/// Seconds within which everything settles once nothing fails any more: a half-open connection is noticed after 39.
const SETTLED_WITHIN_S: u64 = 120;
/// Seconds of rest after that. A doubt is cleared by a commit that begins within 5 and takes 6 at most, as its news do;
/// typing ends within 6.
pub(super) const REST_S: u64 = 20;

impl Scenario {
    /// Ends the run.
    pub(super) async fn end(self) {
        self.calm_down();
        self.settle("at last").await;
        tokio::time::sleep(Duration::from_secs(REST_S)).await;
        self.check_held("without a resume");
        self.say_a_last_word().await;
        self.check_held("after a commit of unknown outcome");
        self.come_and_go_unheard().await;
        self.end_shortly().await;
    }

    /// What must hold when nothing has failed for a while.
    pub(super) async fn end_shortly(&self) {
        self.devices.iter().for_each(|device| device.check_typing());
        self.world.check_typing();
        for disobeyed in self.world.database.disobeyed() {
            self.world.trace.violated("control", disobeyed);
        }
        self.resume_once_more().await;
        self.page_back().await;
        self.compare().await;
        self.world.check_database();
        self.check_marks();
    }

    /// Nothing fails any more, and everybody is where they want to be.
    pub(super) fn calm_down(&self) {
        let world = &self.world;
        world.trace.tell("scenario", "calms down");
        world.calm_network();
        world.database.set_faults(0);
        world.database.come_back();
        for (username, _) in &world.people {
            let now = chat_domain::Timestamp::default();
            world.database.administer(|repository| enable_user(repository, now, username)).unwrap();
        }
        for device in &self.devices {
            device.calm_down();
            world.rooms.iter().for_each(|(room, _)| device.want_room(room));
        }
    }

    pub(super) async fn settle(&self, when: &str) {
        self.start_node().await;
        for _ in 0..SETTLED_WITHIN_S * 4 {
            tokio::time::sleep(Duration::from_millis(250)).await;
            self.world.watch();
            for device in &self.devices {
                self.world.rooms.iter().for_each(|(room, _)| device.want_room(room));
            }
            if self.devices.iter().all(|device| device.is_settled()) {
                return;
            }
        }
        for device in self.devices.iter().filter(|device| !device.is_settled()) {
            device.violated(format!("does not settle {when}: {}", device.unsettled()));
        }
    }

    /// Everybody holds every wanted room up to its last number.
    pub(super) fn check_held(&self, when: &str) {
        for device in &self.devices {
            for (room, view) in device.views.borrow().iter().filter(|(_, view)| view.is_live) {
                let stored = self.world.database.messages(self.world.room_id(room));
                let last = stored.last().map_or(0, |message| message.seq.get());
                let epoch = view.position.as_ref().map(|(epoch, _)| epoch.clone());
                if view.last() != last || epoch != Some(self.world.database.epoch()) {
                    device.violated(format!("{when} it holds {room:?} up to {:?} of {last}", view.position));
                }
            }
        }
    }

    /// The last message of each room is stored although its commit seems to fail: nothing follows that shows the hole.
    async fn say_a_last_word(&self) {
        self.world.database.hide_commits_for(500);
        for (room, _) in &self.world.rooms {
            self.device().write(room, "the last word".to_owned());
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.settle("after the last word").await;
        tokio::time::sleep(Duration::from_secs(REST_S)).await;
    }

    /// Somebody comes and goes, and both commits seem to fail: again nothing follows that shows the hole.
    async fn come_and_go_unheard(&self) {
        let (device, (room, _)) = (self.device(), &self.world.rooms[0]);
        device.leave_room(room);
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.world.database.hide_commits_for(500);
        device.want_room(room);
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.settle("after it came unheard").await;
        tokio::time::sleep(Duration::from_secs(REST_S)).await;
        self.check_held("after somebody came unheard");
        self.world.database.hide_commits_for(500);
        device.leave_room(room);
        tokio::time::sleep(Duration::from_secs(REST_S)).await;
        self.check_held("after somebody went unheard");
        self.settle("after it came back").await;
        tokio::time::sleep(Duration::from_secs(REST_S)).await;
    }

    /// Everybody comes back once more.
    async fn resume_once_more(&self) {
        for device in &self.devices {
            device.depart(Departure::Drop);
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        self.settle("after a resume").await;
        self.check_held("after a resume");
    }

    async fn page_back(&self) {
        for _ in 0..SETTLED_WITHIN_S * 4 {
            if !self.devices.iter().map(|device| device.page_back()).fold(false, |any, is| any | is) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// What everybody caught up with is what a newcomer fetches, and what is stored.
    async fn compare(&self) {
        let user_id = self.world.people[0].1;
        let auditor = Device::new("auditor".to_owned(), user_id, Rc::clone(&self.world));
        self.world.rooms.iter().for_each(|(room, _)| auditor.want_room(room));
        tokio::task::spawn_local(Rc::clone(&auditor).run());
        for _ in 0..SETTLED_WITHIN_S * 4 {
            tokio::time::sleep(Duration::from_millis(250)).await;
            if auditor.is_settled() && !auditor.page_back() {
                break;
            }
        }
        let fresh = auditor.views.borrow();
        for device in &self.devices {
            for (room, view) in device.views.borrow().iter().filter(|(_, view)| view.is_live) {
                if view.held != fresh[room].held {
                    let differing =
                        view.held.iter().find(|(seq, held)| fresh[room].held.get(seq) != Some(held));
                    device.violated(format!(
                        "{room:?} has {} messages, afresh {}; first difference {differing:?}",
                        view.held.len(),
                        fresh[room].held.len()
                    ));
                }
            }
        }
        for (room, room_id) in &self.world.rooms {
            let stored = self.world.database.messages(*room_id);
            let stored = stored.into_iter().map(|message| {
                let seq = message.seq.get();
                (seq, serde_json::to_string(&chat_protocol::Message::from(message)).unwrap())
            });
            if !fresh[room].held.iter().map(|(seq, held)| (*seq, held.clone())).eq(stored) {
                auditor.violated(format!("{room:?} afresh is not what is stored"));
            }
        }
    }

    /// A read position that was acknowledged never falls, unless the person left or a restore took it back.
    fn check_marks(&self) {
        for device in &self.devices {
            for (room, marked) in device.marked() {
                let room_id: RoomId = self.world.room_id(&room);
                let participations = self
                    .world
                    .database
                    .look(|repository| repository.list_participations(device.user_id, 100).unwrap());
                let held = participations.iter().find(|held| held.room_id == room_id);
                if held.is_some_and(|held| held.read_seq < Seq::new(marked)) && self.backup_is_unused() {
                    device.violated(format!("it had read {room:?} up to {marked}, and {held:?} is stored"));
                }
            }
        }
    }

    fn backup_is_unused(&self) -> bool {
        !self.world.database.epoch().contains('+')
    }
}
