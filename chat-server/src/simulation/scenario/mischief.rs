//! What people do, and what goes wrong.

use super::*;

/// Milliseconds for which commits seem to fail.
const UNHEARD_MS: u64 = 150;

impl Scenario {
    pub(super) fn write(&self, messages: usize, bytes: usize) {
        let (device, room) = (self.device(), self.room());
        for _ in 0..messages {
            let bytes = if self.is_flood { bytes } else { 1 + self.chance.below(bytes * 4) };
            device.write(room, "x".repeat(bytes));
        }
    }

    /// Somebody who hears a room reads nothing while a lot is said there, and others join it again all the time.
    pub(super) async fn flood(&mut self) {
        let room = self.room().clone();
        let hearing: Vec<_> = self.devices.iter().filter(|device| device.hears(&room)).cloned().collect();
        let [slow, others @ .., quick] = hearing.as_slice() else { return };
        self.has_flooded = true;
        slow.stall(*self.chance.pick(&STALLED_MS));
        for _ in 0..*self.chance.pick(&FLOODS) {
            quick.write(&room, "x".repeat(LARGE_BODY_BYTES));
        }
        for _ in 0..JOINS_IN_A_FLOOD {
            others.iter().for_each(|other| other.join_again(&room));
            tokio::time::sleep(Duration::from_millis(JOIN_AGAIN_MS)).await;
            self.world.watch();
        }
        quick.type_in(&room, true);
    }

    /// A message is stored although its commit seems to fail; then another one comes, and the first look at the hole
    /// between them fails.
    pub(super) async fn write_unheard(&self) {
        let room = self.room().clone();
        self.world.database.hide_commits_for(UNHEARD_MS);
        self.device().write(&room, "unheard".to_owned());
        tokio::time::sleep(Duration::from_millis(UNHEARD_MS)).await;
        self.world.database.fail_next_heal();
        self.device().write(&room, "behind a hole".to_owned());
    }

    /// Somebody leaves, and perhaps says again what was said before.
    pub(super) async fn leave(&self) {
        let device = Rc::clone(self.device());
        device.leave_room(self.room());
        if self.chance.one_in(2) {
            tokio::time::sleep(self.chance.ms(STEP_MS_MAX)).await;
            device.repeat(false);
        }
    }

    pub(super) async fn restart(&self) {
        let how = self.chance.below(4);
        if how > 0 && self.world.is_running() {
            self.world.trace.count(Happened::Killed);
        }
        match how {
            0 => self.world.stop_node().await,
            1 => self.world.kill_node(false).await,
            _ => self.world.kill_node(true).await,
        }
        tokio::time::sleep(self.chance.ms(2_000)).await;
        self.start_node().await;
    }

    pub(super) async fn start_node(&self) {
        while !self.world.is_running() {
            self.world.start_node();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Somebody loses a right, by an administrator's hand.
    pub(super) fn revoke(&self) {
        let (world, device) = (&self.world, self.device());
        let username = &world.people.iter().find(|(_, id)| *id == device.user_id).unwrap().0;
        let now = chat_domain::Timestamp::default();
        let session = device.session.borrow().as_ref().map(|session| session.id);
        world.trace.tell("admin", format!("takes a right of {}", device.name));
        match (self.chance.below(3), session) {
            (0, Some(session_id)) => {
                let id = device.user_id;
                let _ = world.database.administer(|repository| sign_out(repository, now, id, session_id));
            }
            (1, _) => {
                world.database.administer(|repository| disable_user(repository, now, username)).unwrap();
            }
            _ => {
                world
                    .database
                    .administer(|repository| sign_out_everywhere(repository, now, username))
                    .unwrap();
            }
        }
    }

    pub(super) async fn back_up_or_restore(&mut self) {
        let Some(backup) = self.backup.take() else {
            self.backup = Some(self.world.database.back_up());
            return;
        };
        self.world.kill_node(true).await;
        self.world.restore(&backup);
        self.start_node().await;
    }
}
