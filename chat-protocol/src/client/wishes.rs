//! What the application wants: to be in rooms, to say something, to know something.

use chat_domain::limits::ROOMS_JOINED_MAX;
use chat_domain::{Body, MessageKey, RoomName, Seq, Timestamp};

use crate::ClientEvent;
use crate::client::requests::Purpose;
use crate::client::room_state::RoomState;
use crate::client::{Action, Client, OutboxError, Position, RequestId};
use crate::events::{Connect, GetHistory, MarkRead, Typing};

/// Unanswered questions of the application, at most; one more is refused.
pub const QUESTIONS_MAX: usize = 64;

/// Why a wish of the application is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    /// The client holds as many rooms as a person may be a member of.
    #[error("the client is in {ROOMS_JOINED_MAX} rooms, which is the limit")]
    TooManyRooms,
    /// Too many questions wait for their answers.
    #[error("{QUESTIONS_MAX} questions wait for their answers, which is the limit")]
    TooManyQuestions,
    /// There is no connection to ask on.
    #[error("there is no connection")]
    NotConnected,
}

impl Client {
    /// A new token, for now and for coming back.
    pub fn renew_token(&mut self, token: String, now: Timestamp) -> Vec<Action> {
        self.token = Some(token.clone());
        if self.connection.is_open() {
            self.request(Purpose::Renew, &ClientEvent::Connect(Connect { token }), now);
        }
        self.take()
    }

    /// Becomes a member of a room and follows it over every reconnect, from a position that was kept or from the
    /// last page.
    ///
    /// # Errors
    /// [`WishError::TooManyRooms`].
    pub fn join(
        &mut self,
        room: RoomName,
        position: Option<Position>,
        now: Timestamp,
    ) -> Result<Vec<Action>, WishError> {
        let rooms_max = usize::try_from(ROOMS_JOINED_MAX).unwrap_or(usize::MAX);
        if self.rooms.len() >= rooms_max && !self.rooms.contains_key(&room) {
            return Err(WishError::TooManyRooms);
        }
        self.rooms.entry(room).or_insert_with(|| RoomState::new(position)).stay();
        self.flush(now);
        Ok(self.take())
    }

    /// Ends the membership, as soon as there is a connection. What the outbox holds for the room is refused then.
    pub fn leave(&mut self, room: &RoomName, now: Timestamp) -> Vec<Action> {
        if let Some(state) = self.rooms.get_mut(room) {
            state.leave();
            self.flush(now);
        }
        self.take()
    }

    /// Sends a message as soon as may be, once, whatever happens. The key is new, random, and kept with the message.
    ///
    /// # Errors
    /// [`OutboxError`]; nothing is sent then.
    pub fn send(
        &mut self,
        room: RoomName,
        body: Body,
        key: MessageKey,
        now: Timestamp,
    ) -> Result<Vec<Action>, OutboxError> {
        if self.connection.is_ended() {
            return Err(OutboxError::Ended);
        }
        if let Some(state) = self.rooms.get_mut(&room) {
            // The server ends the typing at a send.
            state.typing_stops();
        }
        self.outbox.add(room, body, key, now)?;
        self.flush(now);
        Ok(self.take())
    }

    /// The person types: told at most once in 3 s, and only where it is heard.
    pub fn typing(&mut self, room: &RoomName, now: Timestamp) -> Vec<Action> {
        let interval_ms = self.limits.typing_start_interval_ms;
        if let Some(state) = self.rooms.get_mut(room)
            && state.typing_starts(now, interval_ms)
        {
            self.post(&ClientEvent::TypingStart(Typing { room: room.clone() }));
        }
        self.take()
    }

    /// The person no longer types; told if the start was.
    pub fn typing_stopped(&mut self, room: &RoomName) -> Vec<Action> {
        if self.rooms.get_mut(room).is_some_and(RoomState::typing_stops) {
            self.post(&ClientEvent::TypingStop(Typing { room: room.clone() }));
        }
        self.take()
    }

    /// Asks for the rooms there are; [`Event::Answer`](crate::client::Event::Answer) brings them.
    ///
    /// # Errors
    /// [`WishError::NotConnected`], [`WishError::TooManyQuestions`].
    pub fn get_rooms(&mut self, now: Timestamp) -> Result<(RequestId, Vec<Action>), WishError> {
        self.ask(&ClientEvent::GetRooms {}, now)
    }

    /// Asks for the messages below a number; [`Event::Answer`](crate::client::Event::Answer) brings them.
    ///
    /// # Errors
    /// [`WishError::NotConnected`], [`WishError::TooManyQuestions`].
    pub fn get_history(
        &mut self,
        room: RoomName,
        before: Seq,
        now: Timestamp,
    ) -> Result<(RequestId, Vec<Action>), WishError> {
        let limit = self.limits.history_limit_max;
        self.ask(&ClientEvent::GetHistory(GetHistory { room, before, limit }), now)
    }

    /// Says how far the person has read.
    ///
    /// # Errors
    /// [`WishError::NotConnected`], [`WishError::TooManyQuestions`].
    pub fn mark_read(
        &mut self,
        room: RoomName,
        seq: Seq,
        now: Timestamp,
    ) -> Result<(RequestId, Vec<Action>), WishError> {
        self.ask(&ClientEvent::MarkRead(MarkRead { room, seq }), now)
    }

    fn ask(&mut self, event: &ClientEvent, now: Timestamp) -> Result<(RequestId, Vec<Action>), WishError> {
        if !self.connection.is_open() {
            return Err(WishError::NotConnected);
        }
        if self.requests.asked() >= QUESTIONS_MAX {
            return Err(WishError::TooManyQuestions);
        }
        let id = self.request(Purpose::Ask, event, now);
        Ok((id, self.take()))
    }
}
