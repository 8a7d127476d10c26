//! What happened when: which rights ended, what was committed, who was a member.

use std::collections::{BTreeMap, BTreeSet};

use chat_domain::repository::{ControlLog, Messages, Participants, Rooms, Users};
use chat_domain::{
    ControlAction, ControlSeq, Message, MessageKind, Participant, RoomId, Seq, SessionId, Timestamp, UserId,
};

use super::{ALL, Database, Held};

/// Milliseconds within which a node obeys the control log: its own period and what a read takes.
const OBEYED_WITHIN_MS: u64 = 500;

/// What was committed when.
#[derive(Default)]
pub(super) struct Diary {
    committed: BTreeMap<(RoomId, Seq), u64>,
    /// Numbers whose commit seemed to fail.
    unheard: BTreeSet<(RoomId, Seq)>,
    revocations: Vec<Revocation>,
    last_control: ControlSeq,
    members: BTreeMap<(RoomId, UserId), Membership>,
    memberships: BTreeMap<(RoomId, UserId), Vec<(u64, bool)>>,
}

/// A right that ended.
#[derive(Debug, Clone, Copy)]
struct Revocation {
    seq: ControlSeq,
    at: u64,
    action: ControlAction,
    /// When the node had read of it.
    obeyed_at: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Membership {
    joined_at: Timestamp,
    read_seq: Seq,
}

impl From<&Participant> for Membership {
    fn from(participant: &Participant) -> Self {
        Self { joined_at: participant.joined_at, read_seq: participant.read_seq }
    }
}

/// What one transaction left behind.
#[derive(Default)]
pub(super) struct News {
    pub(super) messages: Vec<Message>,
    /// Memberships that are not what they were: before and after.
    memberships: BTreeMap<(RoomId, UserId), (Option<Membership>, Option<Membership>)>,
    actions: Vec<ControlAction>,
}

impl Held {
    /// Writes into the diary what is new in the repository.
    pub(super) fn note(&mut self, now: u64) -> News {
        let Self { repository, diary, .. } = self;
        let mut news = News::default();
        for room in repository.list_rooms(ALL).unwrap() {
            let told =
                diary.committed.range((room.id, Seq::ZERO)..=(room.id, Seq::new(i64::MAX))).next_back();
            let after = told.map_or(Seq::ZERO, |(&(_, seq), _)| seq);
            for message in repository.list_changes(room.id, after, ALL).unwrap() {
                diary.committed.insert((room.id, message.seq), now);
                news.messages.push(message);
            }
        }
        let mut members = BTreeMap::new();
        for user in repository.list_users(None, ALL).unwrap() {
            for held in repository.list_participations(user.id(), ALL).unwrap() {
                members.insert((held.room_id, held.user_id), Membership::from(&held));
            }
        }
        let keys: BTreeSet<_> = members.keys().chain(diary.members.keys()).copied().collect();
        for key in keys {
            let (was, is) = (diary.members.get(&key).copied(), members.get(&key).copied());
            if was != is {
                news.memberships.insert(key, (was, is));
            }
            if was.is_some() != is.is_some() {
                diary.memberships.entry(key).or_default().push((now, is.is_some()));
            }
        }
        diary.members = members;
        for entry in repository.list_control(diary.last_control, ALL).unwrap() {
            diary.last_control = entry.seq;
            let Some(action) = entry.action else { continue };
            news.actions.push(action);
            diary.revocations.push(Revocation { seq: entry.seq, at: now, action, obeyed_at: None });
        }
        news
    }

    /// Remembers that nobody heard of a commit.
    pub(super) fn hide(&mut self, news: &News) {
        self.diary.unheard.extend(news.messages.iter().map(|message| (message.room_id, message.seq)));
    }

    /// Checks that what a transaction left behind is whole; says what is not.
    pub(super) fn check(&mut self, news: &News) -> Vec<String> {
        let mut broken = Vec::new();
        for room in self.repository.list_rooms(ALL).unwrap() {
            let members = self.diary.members.keys().filter(|(room_id, _)| *room_id == room.id).count();
            if usize::try_from(room.members) != Ok(members) {
                broken.push(format!("{room:?} has {members} members"));
            }
            let newest = news.messages.iter().filter(|message| message.room_id == room.id);
            let seqs: Vec<Seq> = newest.map(|message| message.seq).collect();
            let is_dense = seqs.windows(2).all(|pair| pair[0].next() == pair[1]);
            if !is_dense || seqs.last().is_some_and(|&last| last != room.last_seq) {
                broken.push(format!("{room:?} got the numbers {seqs:?}"));
            }
            if room.announces_members {
                broken.extend(news.unannounced(room.id));
            }
        }
        broken.extend(news.unlogged());
        broken.extend(news.fallen());
        broken.extend(news.messages.iter().filter_map(|message| self.unpermitted(news, message)));
        broken
    }

    /// A text by somebody who was a member neither before its transaction nor after it, or who has not read it.
    fn unpermitted(&self, news: &News, message: &Message) -> Option<String> {
        let author = message.author.as_ref().filter(|_| message.kind == MessageKind::Text)?;
        let key = (message.room_id, author.id);
        let is = self.diary.members.get(&key);
        let was = news.memberships.get(&key).and_then(|(was, _)| was.as_ref());
        if is.or(was).is_none() {
            return Some(format!("{message:?} is by nobody who is a member"));
        }
        let is_unread = is.is_some_and(|is| is.read_seq < message.seq);
        is_unread.then(|| format!("{message:?} is not read by its author, {is:?}"))
    }
}

impl News {
    fn kinds(&self, (room_id, user_id): (RoomId, UserId), kind: MessageKind) -> i64 {
        let by = |message: &&Message| {
            message.room_id == room_id
                && message.kind == kind
                && message.author.as_ref().is_some_and(|author| author.id == user_id)
        };
        i64::try_from(self.messages.iter().filter(by).count()).unwrap()
    }

    /// Memberships of a room that changed without a message that says so, or the other way round.
    fn unannounced(&self, room_id: RoomId) -> Vec<String> {
        let mut broken = Vec::new();
        let authors =
            self.messages.iter().filter_map(|message| Some((message.room_id, message.author.as_ref()?.id)));
        let keys: BTreeSet<_> = authors.chain(self.memberships.keys().copied()).collect();
        for key in keys.into_iter().filter(|key| key.0 == room_id) {
            let announced = self.kinds(key, MessageKind::Join) - self.kinds(key, MessageKind::Leave);
            let (was, is) = self.memberships.get(&key).copied().unwrap_or_default();
            if announced != i64::from(is.is_some()) - i64::from(was.is_some()) {
                broken.push(format!("{key:?} was {was:?}, is {is:?}, and {announced} messages say so"));
            }
        }
        broken
    }

    /// Memberships that ended without an entry in the control log.
    fn unlogged(&self) -> Vec<String> {
        let ended = self.memberships.iter().filter(|(_, (was, is))| was.is_some() && is.is_none());
        let unlogged = ended.filter(|&(&(room_id, user_id), _)| {
            !self.actions.contains(&ControlAction::MemberLeft { room_id, user_id })
        });
        unlogged
            .map(|(key, _)| format!("{key:?} is no member any more, and the log doesn't say so"))
            .collect()
    }

    /// Read positions that fell.
    fn fallen(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for (key, change) in &self.memberships {
            if let (Some(was), Some(is)) = change
                && (was.joined_at == is.joined_at && is.read_seq < was.read_seq)
            {
                broken.push(format!("{key:?} had read up to {}, and now to {}", was.read_seq, is.read_seq));
            }
        }
        broken
    }
}

impl Database {
    /// The node has read the control log up to a number.
    pub(super) fn obeyed(&self, seq: ControlSeq) {
        let now = self.trace.now_ms();
        let mut held = self.held.lock().unwrap();
        let last_failed_read = held.last_failed_read;
        let mut late = Vec::new();
        for revocation in &mut held.diary.revocations {
            if revocation.seq <= seq && revocation.obeyed_at.is_none() {
                revocation.obeyed_at = Some(now);
                let is_excused = last_failed_read.is_some_and(|at| at >= revocation.at);
                if now - revocation.at > OBEYED_WITHIN_MS && !is_excused {
                    late.push(format!("{revocation:?} was obeyed at {now} only"));
                }
            }
        }
        drop(held);
        late.iter().for_each(|late| self.trace.violated("control", late));
    }

    /// Rights that ended and of which the node, which runs all the time, has not read for too long.
    pub(in crate::simulation) fn disobeyed(&self) -> Vec<String> {
        let now = self.trace.now_ms();
        let held = self.held.lock().unwrap();
        let open = held.diary.revocations.iter().filter(|revocation| revocation.obeyed_at.is_none());
        let late = open.filter(|revocation| now - revocation.at > OBEYED_WITHIN_MS);
        late.map(|revocation| format!("{revocation:?} is not obeyed")).collect()
    }

    /// A node starts: nobody is connected to it who must not be.
    pub(in crate::simulation) fn node_starts(&self) {
        let now = self.trace.now_ms();
        let mut held = self.held.lock().unwrap();
        held.failed_heals.clear();
        for revocation in &mut held.diary.revocations {
            revocation.obeyed_at.get_or_insert(now);
        }
    }

    /// When a message was committed.
    pub(in crate::simulation) fn committed_at(&self, room_id: RoomId, seq: Seq) -> Option<u64> {
        self.held.lock().unwrap().diary.committed.get(&(room_id, seq)).copied()
    }

    /// Whether the commit of a message seemed to fail.
    pub(in crate::simulation) fn seemed_to_fail(&self, room_id: RoomId, seq: Seq) -> bool {
        self.held.lock().unwrap().diary.unheard.contains(&(room_id, seq))
    }

    /// Whether somebody is a member now.
    pub(in crate::simulation) fn is_member(&self, room_id: RoomId, user_id: UserId) -> bool {
        self.held.lock().unwrap().diary.members.contains_key(&(room_id, user_id))
    }

    /// Whether somebody was a member at some time or became one later: then what was said at that time is theirs to read.
    pub(in crate::simulation) fn may_have_read(&self, room_id: RoomId, user_id: UserId, at: u64) -> bool {
        let held = self.held.lock().unwrap();
        let changes = held.diary.memberships.get(&(room_id, user_id));
        let (mut was, mut became) = (false, false);
        for &(when, is) in changes.into_iter().flatten() {
            if when > at {
                became |= is;
            } else {
                // In the millisecond of a change both are right.
                was = is || when == at;
            }
        }
        was || became
    }

    /// Since when a session that was opened behind an entry of the control log has been gone, as the node knows.
    pub(in crate::simulation) fn session_gone_since(
        &self,
        user_id: UserId,
        session_id: SessionId,
        opened_behind: ControlSeq,
    ) -> Option<u64> {
        self.gone_since(
            |action| match action {
                ControlAction::SessionClosed { session_id: closed, .. } => closed == session_id,
                ControlAction::SessionsClosed { user_id: whose }
                | ControlAction::UserDisabled { user_id: whose } => whose == user_id,
                _ => false,
            },
            opened_behind,
        )
    }

    /// Since when the node has known of the last end of a membership.
    pub(in crate::simulation) fn membership_gone_since(
        &self,
        room_id: RoomId,
        user_id: UserId,
    ) -> Option<u64> {
        let ended = ControlAction::MemberLeft { room_id, user_id };
        let held = self.held.lock().unwrap();
        let last = held.diary.revocations.iter().rfind(|revocation| revocation.action == ended)?;
        Some(held.excused(last.obeyed_at?))
    }

    fn gone_since(&self, is_meant: impl Fn(ControlAction) -> bool, behind: ControlSeq) -> Option<u64> {
        let held = self.held.lock().unwrap();
        let meant = held.diary.revocations.iter().filter(|held| held.seq > behind && is_meant(held.action));
        let obeyed_at = meant.filter_map(|revocation| revocation.obeyed_at).min()?;
        Some(held.excused(obeyed_at))
    }
}

impl Held {
    /// A look at a right that failed is repeated.
    fn excused(&self, obeyed_at: u64) -> u64 {
        obeyed_at.max(self.last_failed_read.filter(|&at| at >= obeyed_at).unwrap_or(0))
    }
}
