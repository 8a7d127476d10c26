//! What a client makes of what it hears: events taken, answers noted, and what they say against the contract.

use super::*;

/// Messages in a page.
const PAGE_MESSAGES: usize = 50;
/// Milliseconds after which nobody but the node ends somebody's typing, with what a network may save of them.
const EXPIRED_MS: u64 = 5_500;

impl Device {
    /// Takes an event; the end of the conversation if it is that.
    pub(super) fn take(&self, text: &str, session: &Ticketed) -> Option<End> {
        let frame: ServerFrame = match serde_json::from_str(text) {
            Ok(frame) => frame,
            Err(error) => {
                self.violated(format!("{text} is no event: {error}"));
                return Some(End::Lost);
            }
        };
        let mut line = text.to_owned();
        line.truncate(300);
        self.tell(line);
        let asked = frame.re.and_then(|re| {
            let asked = self.asked.borrow_mut().remove(&re);
            if asked.is_none() {
                self.violated(format!("{re} is answered twice"));
            }
            asked
        });
        self.check_repetition(&frame.event);
        match frame.event {
            ServerEvent::Status(Status::Connected { .. }) => {
                self.check_session(session, self.began_at.get(), "a sign-in");
                self.is_connected.set(true);
            }
            ServerEvent::RoomJoined(joined) => self.take_joined(asked, &joined),
            ServerEvent::NewMessage(new) => self.take_new(&new, session),
            ServerEvent::Changed(changed) => {
                self.count(Happened::HoleTold);
                let mut views = self.views.borrow_mut();
                let view = views.get_mut(&changed.room).unwrap();
                view.must_resume |= changed.seq.get() > view.last();
            }
            ServerEvent::RoomLeft(left) => {
                let mut views = self.views.borrow_mut();
                let view = views.get_mut(&left.room).unwrap();
                let is_own = |asked: &Asked| matches!(asked, Asked::Leave(room) if *room == left.room);
                if view.is_live && !self.asked.borrow().values().any(is_own) {
                    self.count(Happened::MembershipEndedElsewhere);
                }
                view.is_wanted = false;
                let is_joining = view.is_joining;
                view.end();
                view.is_joining = is_joining;
            }
            ServerEvent::History(history) => {
                let mut views = self.views.borrow_mut();
                let view = views.get_mut(&history.room).unwrap();
                if let Err(broken) = view.take_history(&history.messages, history.has_more) {
                    self.violated(broken);
                }
            }
            ServerEvent::Ack(ack) => self.take_ack(asked, &ack),
            ServerEvent::Presence(_) => {
                // It says that something was dropped: the end of somebody's typing may be among it.
                self.is_lossy.set(true);
                self.count(Happened::PresenceSentAfresh);
            }
            ServerEvent::UserTyping(typing) => {
                let mut views = self.views.borrow_mut();
                let view = views.get_mut(&typing.room).unwrap();
                if !view.is_live {
                    self.violated("typing is told of a room that is not heard");
                }
                let who = typing.user.username.as_str().to_owned();
                if typing.is_typing {
                    self.count(Happened::TypingHeard);
                    view.typers.insert(who, self.now());
                } else if view.typers.remove(&who).is_some_and(|since| self.now() - since >= EXPIRED_MS) {
                    self.count(Happened::TypingExpired);
                }
            }
            ServerEvent::Error(error) => return self.take_error(asked, &error),
            ServerEvent::Unknown => self.violated(format!("{text} is unknown")),
            _ => {}
        }
        None
    }

    /// What a join has answered comes again only together with something newer.
    fn check_repetition(&self, event: &ServerEvent) {
        for (room, view) in self.views.borrow().iter() {
            let Some(next) = view.must_come() else { continue };
            let is_next =
                matches!(event, ServerEvent::NewMessage(new) if new.room == *room && new.seq.get() == next);
            if !is_next && self.world.database.heals_whole(self.world.room_id(room)) {
                self.violated(format!("{room:?} was told again up to {}, without need", next - 1));
            }
        }
    }

    fn take_ack(&self, asked: Option<Asked>, ack: &Ack) {
        match asked {
            Some(Asked::Send(sending)) => {
                self.world.acknowledged(&self.name, self.user_id, &sending.key, &sending.body, ack);
                self.outbox.borrow_mut().retain(|unsent| unsent.key != sending.key);
                self.count_retry(&sending, ack);
            }
            Some(Asked::Clash(..)) => self.violated("a key was taken twice"),
            Some(Asked::Mark(room, seq)) => {
                let mut marked = self.marked.borrow_mut();
                let held = marked.entry(room).or_insert(seq);
                if seq < *held {
                    self.count(Happened::ReadPositionStayed);
                }
                *held = seq.max(*held);
            }
            _ => {}
        }
    }

    fn count_retry(&self, sending: &Sending, ack: &Ack) {
        let place = ack.room.as_ref().zip(ack.seq).map(|(room, seq)| (self.world.room_id(room), seq));
        let Some((room_id, seq)) = place.filter(|_| sending.was_stored) else { return };
        self.count(Happened::Retried);
        if !self.world.database.is_member(room_id, self.user_id) {
            self.count(Happened::RetriedByWhoLeft);
        }
        let committed_at = self.world.database.committed_at(room_id, seq);
        if self.doubted.borrow_mut().remove(&sending.key) && committed_at.is_some_and(|at| at <= sending.at) {
            self.count(Happened::AnsweredLate);
        }
    }

    pub(super) fn take_joined(&self, asked: Option<Asked>, joined: &RoomJoined) {
        let Some(Asked::Join(room, position)) = asked else {
            return self.violated("a join is answered that was not asked for");
        };
        let mut views = self.views.borrow_mut();
        let view = views.get_mut(&room).unwrap();
        view.is_joining = false;
        view.joined_at = self.now();
        if let Err(broken) = view.take_joined(position.as_ref(), joined) {
            self.violated(broken);
        }
        match position {
            Some((epoch, _)) if joined.reset && epoch != joined.epoch => self.count(Happened::ResetByEpoch),
            Some((_, after)) if joined.reset && after <= joined.last_seq.get() => {
                self.count(Happened::ResetByLength);
            }
            Some(_) if !joined.reset => {
                self.count(Happened::ResumeAnswered);
                if joined.messages.len() > PAGE_MESSAGES {
                    self.count(Happened::LongResumeAnswered);
                }
            }
            _ => {}
        }
    }

    pub(super) fn take_new(&self, new: &NewMessage, session: &Ticketed) {
        let room_id = self.world.room_id(&new.room);
        if let Some(committed_at) = self.world.database.committed_at(room_id, new.seq) {
            self.check_session(session, committed_at, "a message");
            let gone_since = self.world.database.membership_gone_since(room_id, self.user_id);
            if gone_since.is_some_and(|since| committed_at > since)
                && !self.world.database.may_have_read(room_id, self.user_id, committed_at)
            {
                self.violated(format!("a message came to somebody who is no member since {gone_since:?}"));
            }
        } else if self.hears_present_epoch(&new.room) {
            self.violated(format!("number {} was never committed", new.seq));
        }
        let mut views = self.views.borrow_mut();
        let view = views.get_mut(&new.room).unwrap();
        match view.take_live(new) {
            Ok(Taken::Hole) if self.world.database.heals_whole(room_id) => {
                self.violated(format!("a hole before {} of {:?} is not signalled", new.seq, new.room));
            }
            Ok(Taken::Again) => {
                self.violated(format!("number {} of {:?} is told twice", new.seq, new.room));
            }
            Ok(Taken::Applied) => {
                if view.joined_at == self.now() {
                    self.count(Happened::HeardDuringJoin);
                }
                if self.world.database.seemed_to_fail(room_id, new.seq) {
                    self.count(Happened::HoleHealed);
                }
            }
            Ok(_) => {}
            Err(broken) => self.violated(broken),
        }
    }

    /// Whether what is heard of a room can be what is stored now. What came before a restore may be read behind it.
    fn hears_present_epoch(&self, room: &RoomName) -> bool {
        let views = self.views.borrow();
        views[room].position.as_ref().is_none_or(|(epoch, _)| *epoch == self.world.database.epoch())
    }

    /// Nothing new may come on a session that has ended.
    pub(super) fn check_session(&self, session: &Ticketed, happened_at: u64, what: &str) {
        let gone_since =
            self.world.database.session_gone_since(self.user_id, session.id, session.opened_behind);
        if let Some(since) = gone_since.filter(|since| happened_at > since + UNDER_WAY_MS) {
            self.violated(format!("{what} of {happened_at} came on a session that is gone since {since}"));
        }
    }

    pub(super) fn take_error(&self, asked: Option<Asked>, error: &Error) -> Option<End> {
        if error.code == ErrorCode::Internal {
            self.violated("an internal error");
        }
        match error.code {
            ErrorCode::RateLimited => self.count(Happened::RateLimited),
            ErrorCode::Overloaded => self.count(Happened::Overloaded),
            _ => {}
        }
        match asked {
            None => self.violated(format!("{error:?} answers nothing")),
            Some(Asked::Connect) if error.code == ErrorCode::Unauthenticated => {
                return Some(End::NotSignedIn);
            }
            // The database was away when the device signed in.
            Some(Asked::Connect) => return Some(End::Lost),
            Some(Asked::Send(sending)) => self.take_refusal(sending.key, error),
            Some(Asked::Clash(room, key)) => {
                let is_right = error.code.may_retry()
                    || matches!(error.code, ErrorCode::KeyConflict | ErrorCode::Forbidden);
                if !is_right {
                    self.violated(format!("{key:?} in {room:?} with another body is refused with {error:?}"));
                }
                if error.code == ErrorCode::KeyConflict {
                    self.count(Happened::KeyConflict);
                }
            }
            Some(Asked::Join(room, _)) => {
                self.postpone(&room, error);
                self.views.borrow_mut().get_mut(&room).unwrap().is_joining = false;
            }
            Some(Asked::Leave(room)) => self.postpone(&room, error),
            Some(Asked::History | Asked::Mark(..) | Asked::Other) => {}
        }
        None
    }

    /// Joins or leaves a room later, as that was refused.
    fn postpone(&self, room: &RoomName, error: &Error) {
        let not_before = self.now() + error.retry_after_ms.unwrap_or(RETRY_MS);
        self.views.borrow_mut().get_mut(room).unwrap().not_before = not_before;
    }

    fn take_refusal(&self, key: MessageKey, error: &Error) {
        let not_before = self.now() + error.retry_after_ms.unwrap_or(RETRY_MS);
        if error.code == ErrorCode::NotAMember {
            if self.world.is_stored(self.user_id, &key) {
                self.violated(format!("{key:?} is stored, and refused to who left"));
            }
            self.outbox.borrow_mut().retain(|unsent| unsent.key != key);
        } else if error.code.may_retry() || error.code == ErrorCode::Forbidden {
            // Who was shut out tries again when let in.
            for unsent in self.outbox.borrow_mut().iter_mut().filter(|unsent| unsent.key == key) {
                (unsent.is_under_way, unsent.not_before) = (false, not_before);
            }
            if error.code == ErrorCode::Unavailable {
                self.doubted.borrow_mut().insert(key);
            }
        } else {
            self.violated(format!("a send is refused with {error:?}"));
        }
    }

    /// Somebody who types has stopped long ago; only a reader that lost events may not know.
    pub(in crate::simulation) fn check_typing(&self) {
        let is_up = self.link.borrow().as_ref().is_some_and(|link| link.is_up());
        if self.is_lossy.get() || !is_up {
            return;
        }
        let typed_at = self.world.typed_at.borrow();
        for (room, view) in self.views.borrow().iter() {
            for (who, since) in &view.typers {
                let again = typed_at.get(&(room.clone(), who.clone())).copied().unwrap_or_default();
                if self.now() > again.max(*since) + TYPING_MS {
                    self.violated(format!("{who} has typed in {room:?} since {since}, and again at {again}"));
                }
            }
        }
    }
}
