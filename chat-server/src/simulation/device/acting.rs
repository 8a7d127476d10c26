//! What a person does with a client, and what can be seen of it from outside.

use super::*;

impl Device {
    pub(in crate::simulation) fn want_room(&self, room: &RoomName) {
        if !std::mem::replace(&mut self.views.borrow_mut().get_mut(room).unwrap().is_wanted, true) {
            self.poke.notify_one();
        }
    }

    pub(in crate::simulation) fn leave_room(&self, room: &RoomName) {
        self.views.borrow_mut().get_mut(room).unwrap().is_wanted = false;
        self.ask(ClientEvent::LeaveRoom(LeaveRoom { room: room.clone() }), Asked::Leave(room.clone()));
    }

    pub(in crate::simulation) fn write(&self, room: &RoomName, body: String) {
        let number = self.sent_keys.borrow().len();
        let key = MessageKey::new(format!("{}-{number}", self.name)).unwrap();
        self.sent_keys.borrow_mut().push((room.clone(), key.clone(), body.clone()));
        let unsent = Unsent { key, room: room.clone(), body, is_under_way: false, not_before: 0 };
        self.outbox.borrow_mut().push_back(unsent);
        self.poke.notify_one();
    }

    /// Sends something again that may be acknowledged already, or something else with its key.
    pub(in crate::simulation) fn repeat(&self, is_changed: bool) {
        let Some((room, key, body)) = self.sent_keys.borrow().last().cloned() else { return };
        let sent = if is_changed { format!("{body}, changed") } else { body.clone() };
        // A key that is not stored yet would be taken by the other body.
        if is_changed && !self.world.is_stored(self.user_id, &key) {
            return;
        }
        let asked = if is_changed {
            Asked::Clash(room.clone(), key.clone())
        } else {
            Asked::Send(self.sending(key.clone(), body))
        };
        self.ask(ClientEvent::SendMessage(SendMessage { room, body: Body::new(sent).unwrap(), key }), asked);
    }

    /// Marks everything as read, and then perhaps what came long ago.
    pub(in crate::simulation) fn mark_read(&self, room: &RoomName) {
        let last = self.views.borrow()[room].last();
        if last > 0 {
            let chance = &self.world.chance;
            let earlier = i64::try_from(chance.below(usize::try_from(last).unwrap())).unwrap();
            let is_moved_back = chance.one_in(2);
            for seq in [Some(last), is_moved_back.then_some(1 + earlier)].into_iter().flatten() {
                let event = MarkRead { room: room.clone(), seq: Seq::new(seq) };
                self.ask(ClientEvent::MarkRead(event), Asked::Mark(room.clone(), seq));
            }
        }
    }

    pub(in crate::simulation) fn type_in(&self, room: &RoomName, is_typing: bool) {
        if self.views.borrow()[room].is_live {
            let typing = Typing { room: room.clone() };
            let person = self.world.people.iter().find(|(_, user_id)| *user_id == self.user_id);
            if let (true, Some((username, _))) = (is_typing, person) {
                let key = (room.clone(), username.as_str().to_owned());
                self.world.typed_at.borrow_mut().insert(key, self.now());
            }
            let event =
                if is_typing { ClientEvent::TypingStart(typing) } else { ClientEvent::TypingStop(typing) };
            self.ask(event, Asked::Other);
        }
    }

    pub(in crate::simulation) fn stall(&self, ms: u64) {
        self.stalled_until.set(self.now() + ms);
        self.is_lossy.set(true);
        self.poke.notify_one();
    }

    /// What is told to this connection may be late or lost.
    pub(in crate::simulation) fn hear_late(&self) {
        self.is_lossy.set(true);
    }

    pub(in crate::simulation) fn depart(&self, departure: Departure) {
        if self.link.borrow().is_some() {
            self.departure.set(Some(departure));
            self.poke.notify_one();
        }
    }

    /// Goes offline and loses some of what it holds, as a device does that was away for long.
    pub(in crate::simulation) fn depart_and_forget(&self) {
        if self.link.borrow().is_some() {
            self.is_forgetful.set(true);
            self.depart(Departure::Drop);
        } else {
            self.forget();
        }
    }

    pub(super) fn forget(&self) {
        for view in self.views.borrow_mut().values_mut() {
            let kept = self.world.chance.below(usize::try_from(view.last()).unwrap() + 1);
            view.forget_after(i64::try_from(kept).unwrap());
        }
    }

    /// Ends all that the scenario did to this device.
    pub(in crate::simulation) fn calm_down(&self) {
        self.stalled_until.set(0);
        self.is_wanted.set(true);
        self.poke.notify_one();
    }

    pub(in crate::simulation) fn poke(&self) {
        self.poke.notify_one();
    }

    /// Whether nothing is left to do: connected, everything sent, every wanted room live and up to date.
    pub(in crate::simulation) fn is_settled(&self) -> bool {
        self.is_connected.get()
            && self.link.borrow().as_ref().is_some_and(|link| link.is_up())
            && self.outbox.borrow().is_empty()
            && self
                .views
                .borrow()
                .values()
                .all(|view| !view.is_joining && !view.must_resume && view.is_live == view.is_wanted)
    }

    pub(in crate::simulation) fn unsettled(&self) -> String {
        let views: Vec<String> = self
            .views
            .borrow()
            .iter()
            .map(|(room, view)| {
                format!(
                    "{}: wanted {} live {} joining {} resume {} last {}",
                    room.as_str(),
                    view.is_wanted,
                    view.is_live,
                    view.is_joining,
                    view.must_resume,
                    view.last()
                )
            })
            .collect();
        format!("connected {}, outbox {:?}, {views:?}", self.is_connected.get(), self.outbox.borrow())
    }

    /// Pages back in every room that is not held whole; says whether any is left.
    pub(in crate::simulation) fn page_back(&self) -> bool {
        let mut before = Vec::new();
        for (room, view) in self.views.borrow().iter() {
            if view.is_wanted && view.has_older {
                before.push((room.clone(), view.held.keys().next().copied().unwrap_or(view.last() + 1)));
            }
        }
        let is_asking = self.asked.borrow().values().any(|asked| matches!(asked, Asked::History));
        for (room, before) in before.iter().filter(|_| !is_asking) {
            let event = GetHistory { room: room.clone(), before: Seq::new(*before), limit: 100 };
            self.ask(ClientEvent::GetHistory(event), Asked::History);
        }
        !before.is_empty()
    }

    /// Joins a room once more that it hears.
    pub(in crate::simulation) fn join_again(&self, room: &RoomName) {
        self.views.borrow_mut().get_mut(room).unwrap().must_resume |= self.hears(room);
        self.poke.notify_one();
    }

    /// Asks which rooms there are.
    pub(in crate::simulation) fn list_rooms(&self) {
        self.ask(ClientEvent::GetRooms {}, Asked::Other);
    }

    /// Whether it hears a room.
    pub(in crate::simulation) fn hears(&self, room: &RoomName) -> bool {
        let views = self.views.borrow();
        self.is_connected.get() && views[room].is_live && !views[room].must_resume
    }

    pub(in crate::simulation) fn marked(&self) -> BTreeMap<RoomName, i64> {
        self.marked.borrow().clone()
    }

    // The connection.

    pub(super) fn ask(&self, event: ClientEvent, asked: Asked) -> bool {
        let link = self.link.borrow();
        let Some(link) = link.as_ref().filter(|_| self.is_connected.get()) else { return false };
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        let id = id.to_string();
        let frame = encode_request(&event, Some(&id)).unwrap();
        self.asked.borrow_mut().insert(id, asked);
        link.client_send(&frames::text(&frame));
        true
    }
}
