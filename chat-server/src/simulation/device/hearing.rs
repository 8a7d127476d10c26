//! What a client makes of what it hears: events taken, answers noted, and what they say against the contract.

use super::*;

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
        let asked = frame.re.and_then(|re| self.asked.borrow_mut().remove(&re));
        match frame.event {
            ServerEvent::Status(Status::Connected { .. }) => {
                self.check_session(session, self.began_at.get(), "a sign-in");
                self.is_connected.set(true);
                self.sign_ins.set(self.sign_ins.get() + 1);
            }
            ServerEvent::RoomJoined(joined) => self.take_joined(asked, &joined),
            ServerEvent::NewMessage(new) => self.take_new(&new, session),
            ServerEvent::Changed(changed) => {
                let mut views = self.views.borrow_mut();
                let view = views.get_mut(&changed.room).unwrap();
                view.must_resume |= changed.seq.get() > view.last();
            }
            ServerEvent::RoomLeft(left) => {
                let mut views = self.views.borrow_mut();
                let view = views.get_mut(&left.room).unwrap();
                // The person left on another device, perhaps.
                view.is_wanted = false;
                view.is_live = false;
                view.typers.clear();
            }
            ServerEvent::History(history) => {
                let mut views = self.views.borrow_mut();
                let view = views.get_mut(&history.room).unwrap();
                if let Err(broken) = view.take_history(&history.messages, history.has_more) {
                    self.violated(broken);
                }
            }
            ServerEvent::Ack(ack) => match asked {
                Some(Asked::Send(key, body)) => {
                    self.world.acknowledged(&self.name, self.user_id, &key, &body, &ack);
                    self.outbox.borrow_mut().retain(|unsent| unsent.key != key);
                }
                Some(Asked::Clash(..)) => self.violated("a key was taken twice"),
                Some(Asked::Mark(room, seq)) => {
                    self.marked.borrow_mut().insert(room, seq);
                }
                _ => {}
            },
            ServerEvent::UserTyping(typing) => {
                let mut views = self.views.borrow_mut();
                let view = views.get_mut(&typing.room).unwrap();
                if !view.is_live {
                    self.violated("typing is told of a room that is not heard");
                }
                let who = typing.user.username.as_str().to_owned();
                if typing.is_typing {
                    view.typers.insert(who, self.now());
                } else {
                    view.typers.remove(&who);
                }
            }
            ServerEvent::Error(error) => return self.take_error(asked, &error),
            ServerEvent::Unknown => self.violated(format!("{text} is unknown")),
            _ => {}
        }
        None
    }

    pub(super) fn take_joined(&self, asked: Option<Asked>, joined: &RoomJoined) {
        let Some(Asked::Join(room, position)) = asked else {
            return self.violated("a join is answered that was not asked for");
        };
        let mut views = self.views.borrow_mut();
        let view = views.get_mut(&room).unwrap();
        view.is_joining = false;
        if let Err(broken) = view.take_joined(position.as_ref(), joined) {
            self.violated(broken);
        }
    }

    pub(super) fn take_new(&self, new: &NewMessage, session: &Ticketed) {
        let room_id = self.world.room_id(&new.room);
        if let Some(committed_at) = self.world.database.committed_at(room_id, new.seq) {
            self.check_session(session, committed_at, "a message");
            let gone_since = self.world.database.membership_gone_since(room_id, self.user_id);
            if gone_since.is_some_and(|since| committed_at > since)
                && !self.world.database.was_member(room_id, self.user_id, committed_at)
            {
                self.violated(format!("a message came to somebody who is no member since {gone_since:?}"));
            }
        } else {
            self.violated(format!("number {} was never committed", new.seq));
        }
        let taken = self.views.borrow_mut().get_mut(&new.room).unwrap().take_live(new);
        match taken {
            Ok(Taken::Hole) if self.world.heals_whole() => {
                self.violated(format!("a hole before {} of {:?} is not signalled", new.seq, new.room));
            }
            Ok(_) => {}
            Err(broken) => self.violated(broken),
        }
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
        let not_before = self.now() + error.retry_after_ms.unwrap_or(RETRY_MS);
        match asked {
            None if error.code == ErrorCode::Unauthenticated => return Some(End::NotSignedIn),
            // The database was away when the device signed in.
            None => return Some(End::Lost),
            Some(Asked::Send(key, _)) => {
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
                } else {
                    self.violated(format!("a send is refused with {error:?}"));
                }
            }
            Some(Asked::Clash(room, key)) => {
                let is_right = error.code.may_retry()
                    || matches!(error.code, ErrorCode::KeyConflict | ErrorCode::Forbidden);
                if !is_right {
                    self.violated(format!("{key:?} in {room:?} with another body is refused with {error:?}"));
                }
            }
            Some(Asked::Join(room, _)) => {
                let mut views = self.views.borrow_mut();
                views.get_mut(&room).unwrap().is_joining = false;
            }
            Some(Asked::Leave(_) | Asked::History | Asked::Mark(..) | Asked::Other) => {}
        }
        None
    }

    /// Somebody who types has stopped long ago; only a reader that lost events may not know.
    pub(in crate::simulation) fn check_typing(&self) {
        let is_up = self.link.borrow().as_ref().is_some_and(|link| link.is_up());
        if self.is_lossy.get() || !is_up {
            return;
        }
        for (room, view) in self.views.borrow().iter() {
            for (who, since) in view.typers.iter().filter(|(_, since)| self.now() > *since + TYPING_MS) {
                self.violated(format!("{who} has typed in {room:?} since {since}"));
            }
        }
    }
}
