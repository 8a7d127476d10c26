//! What people do, and what goes wrong.

use super::*;

impl Scenario {
    fn write(&self, messages: usize, bytes: usize) {
        let (device, room) = (self.device(), self.room());
        for _ in 0..messages {
            let bytes = if self.is_flood { bytes } else { 1 + self.chance.below(bytes * 4) };
            device.write(room, "x".repeat(bytes));
        }
    }

    async fn restart(&self) {
        match self.chance.below(4) {
            0 => self.world.stop_node().await,
            1 => self.world.kill_node(false).await,
            _ => self.world.kill_node(true).await,
        }
        tokio::time::sleep(self.chance.ms(2_000)).await;
        self.start_node().await;
    }

    async fn start_node(&self) {
        while !self.world.is_running() {
            self.world.start_node();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Somebody loses a right, by an administrator's hand.
    fn revoke(&self) {
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

    async fn back_up_or_restore(&mut self) {
        let Some(backup) = self.backup.take() else {
            self.backup = Some(self.world.database.back_up());
            return;
        };
        self.world.kill_node(true).await;
        self.world.restore(&backup);
        self.start_node().await;
    }
}
