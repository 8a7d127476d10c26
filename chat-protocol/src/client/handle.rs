//! What each frame of the server does to the client.

use chat_domain::{MessageKey, RoomName, Seq, Timestamp};

use crate::client::incoming::Incoming;
use crate::client::requests::Purpose;
use crate::client::room_state::RoomState;
use crate::client::times::Chance;
use crate::client::{Action, Client, End, Event, Refusal, RequestId};
use crate::events::{Ack, NewMessage, RoomJoined, RoomLeft, RoomLeftReason, RoomsList, Status};
use crate::{ErrorCode, Limits, Message, RoomEntry, ServerEvent, User};

impl Client {
    pub(super) fn handle(&mut self, incoming: Incoming, now: Timestamp, chance: Chance) {
        match incoming {
            Incoming::Event { re, event } => {
                let request = re.and_then(|id| Some((id, self.requests.answered(id)?)));
                match request {
                    Some((id, purpose)) => self.answered(id, purpose, event, now, chance),
                    None => self.event(event, now),
                }
            }
            Incoming::Refusal { re, refusal } => self.refusal(re, refusal, now, chance),
            Incoming::Number { room, seq } => {
                if let Some(room) = self.rooms.get_mut(&room) {
                    room.changed(seq);
                }
            }
            Incoming::Unknown { re } => self.refusal(re, Refusal::UNREADABLE, now, chance),
        }
    }

    fn refusal(&mut self, re: Option<RequestId>, refusal: Refusal, now: Timestamp, chance: Chance) {
        if let Some(id) = re
            && let Some(purpose) = self.requests.answered(id)
        {
            self.refused(id, purpose, refusal, now, chance);
        }
    }

    fn answered(
        &mut self,
        id: RequestId,
        purpose: Purpose,
        event: ServerEvent,
        now: Timestamp,
        chance: Chance,
    ) {
        match (purpose, event) {
            (Purpose::SignIn | Purpose::Renew, event @ ServerEvent::Status(_)) => self.event(event, now),
            (Purpose::Join { resumes, .. }, ServerEvent::RoomJoined(joined)) => {
                self.joined(joined, resumes);
            }
            (Purpose::Rooms, ServerEvent::RoomsList(list)) => self.listed(list),
            (Purpose::Leave { room }, ServerEvent::Ack(_)) => self.left(&room),
            (Purpose::Send { key }, ServerEvent::Ack(Ack { seq, .. })) => self.acked(&key, seq, now),
            (Purpose::Ask, event) => self.tell(Event::Answer { id, event }),
            (purpose, _) => self.refused(id, purpose, Refusal::UNREADABLE, now, chance),
        }
    }

    /// What was asked is not done; what waiting helps is asked again.
    pub(super) fn refused(
        &mut self,
        id: RequestId,
        purpose: Purpose,
        refusal: Refusal,
        now: Timestamp,
        chance: Chance,
    ) {
        match purpose {
            Purpose::SignIn if !refusal.may_retry() || refusal.is(ErrorCode::Unauthenticated) => {
                self.end(End::SignIn(refusal));
            }
            Purpose::SignIn => {
                if let Some(delay_ms) = refusal.retry_after_ms {
                    self.connection.asked_to_wait(delay_ms);
                }
                self.actions.push(Action::Close);
                self.lost(super::CLOSED_WITHOUT_CODE, now, chance);
            }
            Purpose::Renew | Purpose::Ask => self.tell(Event::Refused { id, refusal }),
            Purpose::Rooms => {
                self.list_at = Some(refusal.retry_at(self.lists_refused, now, &self.times));
                self.lists_refused = self.lists_refused.saturating_add(1);
                if !refusal.may_retry() {
                    self.tell(Event::Refused { id, refusal });
                }
            }
            Purpose::Join { room, .. } | Purpose::Leave { room } if refusal.may_retry() => {
                let until = refusal.retry_at(0, now, &self.times);
                if let Some(room) = self.rooms.get_mut(&room) {
                    room.postponed(until);
                }
            }
            Purpose::Join { room, .. } => {
                self.rooms.remove(&room);
                self.tell(Event::RoomRefused { room, refusal });
            }
            // Whoever can't leave is no member, or there is no such room.
            Purpose::Leave { room } => self.left(&room),
            Purpose::Send { key } => {
                if let Some(message) = self.outbox.refused(&key, &refusal, now, &self.times) {
                    self.tell(Event::SendFailed { room: message.room, key, refusal });
                }
            }
        }
    }

    fn event(&mut self, event: ServerEvent, now: Timestamp) {
        match event {
            ServerEvent::Status(Status::Connected { user, epoch, limits, .. }) => {
                self.welcomed(user, &epoch, limits, now);
            }
            ServerEvent::Status(Status::Closing { reconnect_after_ms }) => {
                self.connection.asked_to_wait(reconnect_after_ms);
            }
            ServerEvent::NewMessage(message) => self.message(message),
            ServerEvent::Changed(changed) => {
                if let Some(room) = self.rooms.get_mut(&changed.room) {
                    room.changed(changed.seq);
                }
            }
            ServerEvent::RoomLeft(event) => self.room_left(event),
            // Answers to what is asked no more: its time was over, and it was asked again.
            ServerEvent::RoomJoined(_)
            | ServerEvent::RoomsList(_)
            | ServerEvent::History(_)
            | ServerEvent::Ack(_)
            | ServerEvent::Pong {}
            | ServerEvent::Error(_)
            | ServerEvent::Unknown => {}
            ServerEvent::RoomsChanged {}
            | ServerEvent::ReadMarker(_)
            | ServerEvent::UserJoined(_)
            | ServerEvent::UserLeft(_)
            | ServerEvent::Presence(_)
            | ServerEvent::UserTyping(_) => self.tell(Event::Live(event)),
        }
    }

    fn welcomed(&mut self, user: User, epoch: &str, limits: Limits, now: Timestamp) {
        if self.user.is_some_and(|before| before != user.id) {
            self.end(End::OtherUser);
            return;
        }
        self.user = Some(user.id);
        self.limits = limits;
        if self.connection.is_connecting() {
            self.connection.welcomed(now);
            self.tell(Event::Connected { user });
        }
        for room in self.rooms.values_mut() {
            room.forget_other_epoch(epoch);
        }
    }

    /// Which memberships have lasted while there was no connection; only these rooms are joined again.
    fn listed(&mut self, list: RoomsList) {
        for RoomEntry { name, .. } in list.rooms.iter().filter(|room| !room.joined) {
            if self.rooms.get(name).is_some_and(RoomState::is_unconfirmed) {
                self.room_left(RoomLeft { room: name.clone(), reason: RoomLeftReason::Unknown });
            }
        }
        self.lists_refused = 0;
        self.rooms.values_mut().for_each(RoomState::confirmed);
        self.tell(Event::Live(ServerEvent::RoomsList(list)));
    }

    fn joined(&mut self, joined: RoomJoined, resumes: bool) {
        let name = joined.room.clone();
        let own: Vec<_> = joined.messages.iter().filter_map(|message| self.own_key(&name, message)).collect();
        let Some(room) = self.rooms.get_mut(&name) else { return };
        let Some(event) = room.joined(joined, resumes) else { return };
        self.tell(event);
        for (key, seq) in own {
            self.settled(&key, Some(seq));
        }
    }

    fn message(&mut self, event: NewMessage) {
        let own = self.own_key(&event.room, &event.message);
        let Some(room) = self.rooms.get_mut(&event.room) else { return };
        let Some(event) = room.message(event) else { return };
        self.tell(event);
        if let Some((key, seq)) = own {
            self.settled(&key, Some(seq));
        }
    }

    /// The key of a message that shows that one of the outbox is stored. Another person may have used the same key,
    /// and one that stands for something else is for the server to refuse.
    fn own_key(&self, room: &RoomName, message: &Message) -> Option<(MessageKey, Seq)> {
        let author = message.user.as_ref().map(|user| user.id);
        let key = message.key.as_ref().filter(|_| author.is_some() && author == self.user)?;
        self.outbox.holds(room, &message.body, key).then(|| (key.clone(), message.seq))
    }

    fn acked(&mut self, key: &MessageKey, seq: Option<Seq>, now: Timestamp) {
        let room = self.settled(key, seq);
        if let Some(room) = room.and_then(|room| self.rooms.get_mut(&room))
            && let Some(seq) = seq
        {
            room.acked(seq, now, &self.times);
        }
    }

    /// The server has a message: by its ack, or because the room showed it. Which comes first is told.
    fn settled(&mut self, key: &MessageKey, seq: Option<Seq>) -> Option<RoomName> {
        let message = self.outbox.settled(key)?;
        self.tell(Event::Sent { room: message.room.clone(), key: message.key, seq });
        Some(message.room)
    }

    /// The leave is done. Whoever wants back in meanwhile joins afresh.
    fn left(&mut self, name: &RoomName) {
        if let Some(room) = self.rooms.get_mut(name)
            && !room.left()
        {
            self.rooms.remove(name);
            self.tell(Event::RoomLeft { room: name.clone(), reason: RoomLeftReason::Left });
        }
    }

    /// The membership ended, here or elsewhere.
    fn room_left(&mut self, event: RoomLeft) {
        let RoomLeft { room: name, reason } = event;
        let Some(room) = self.rooms.get_mut(&name) else { return };
        if !room.ended() {
            self.rooms.remove(&name);
        }
        self.tell(Event::RoomLeft { room: name, reason });
    }
}
