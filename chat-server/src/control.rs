//! What this node does of its own accord: it obeys the control log, tells presence and typing, writes down who is
//! present and what was seen.

use std::sync::Arc;
use std::time::Duration;

use chat_domain::{
    Command, ControlAction, ControlEntry, ControlSeq, PresenceChange, Repository, RepositoryError, Room,
    RoomId, SessionId, UserId,
};
use chat_protocol::events::{RoomLeft, RoomLeftReason, UserJoined, UserLeft};
use chat_protocol::{CloseCode, ServerEvent};

use crate::ended_membership::EndedMembership;
use crate::failure::Failure;
use crate::frame;
use crate::node::Node;
use crate::node::metrics::StoreRead;
use crate::node::presence::Untold;
use crate::person::Person;
use crate::security_log;
use crate::shard::inbox::{ShardEvent, Unsubscribe};
use crate::store_access::Ticket;
use crate::survive::survive_now;

/// Entries of the control log read at once, at most; more are read right after.
const ENTRIES_MAX: u32 = 500;
/// Rooms that a node knows, at most.
pub(crate) const ROOMS_KNOWN_MAX: u32 = 10_000;

/// Obeys the control log from `seen` on, until the task is dropped.
pub(crate) async fn run_control_log(node: Arc<Node>, mut seen: ControlSeq) {
    let poll = Duration::from_millis(node.timers.control_poll_ms);
    let (mut is_away, mut has_more) = (false, false);
    loop {
        if !has_more {
            // A poll is due; a change of this very process need not wait for it.
            let _ = tokio::time::timeout(poll, node.control_changed.notified()).await;
        }
        match node.read(StoreRead::Control, move |repository| News::read(repository, seen)).await {
            Ok(news) => {
                if std::mem::take(&mut is_away) {
                    tracing::info!("the control log is read again");
                }
                node.metrics.database(true);
                has_more = news.has_more;
                match survive_now("the control log", || news.obey(&node)).flatten() {
                    Some(last) => seen = last,
                    None => has_more = false,
                }
            }
            Err(Failure { message: why, .. }) => {
                has_more = false;
                node.metrics.database(false);
                if !std::mem::replace(&mut is_away, true) {
                    tracing::warn!(why, "the control log can't be read");
                }
            }
        }
    }
}

/// What is new in the control log, with what is needed to obey it.
struct News {
    entries: Vec<ControlEntry>,
    /// Whether there may be more entries than were read.
    has_more: bool,
    /// All rooms, if any of them appeared or went.
    rooms: Option<Vec<Room>>,
    /// Memberships that ended and are still ended: whoever is back by now is not thrown out.
    ended: Vec<EndedMembership>,
}

impl News {
    fn read(repository: &mut dyn Repository, seen: ControlSeq) -> Result<Self, RepositoryError> {
        let entries = repository.list_control(seen, ENTRIES_MAX)?;
        let mut rooms = None;
        let mut ended = Vec::new();
        for entry in &entries {
            match entry.action {
                Some(ControlAction::RoomAdded { .. } | ControlAction::RoomArchived { .. })
                    if rooms.is_none() =>
                {
                    rooms = Some(repository.list_rooms(ROOMS_KNOWN_MAX)?);
                }
                Some(ControlAction::MemberLeft { room_id, user_id }) => {
                    let member = repository.find_members(&[(room_id, user_id)])?.pop().flatten();
                    if member.is_none_or(|member| member.participant.is_none()) {
                        ended.push(EndedMembership { room_id, user_id, control_seq: entry.seq });
                    }
                }
                _ => {}
            }
        }
        let has_more = u32::try_from(entries.len()).is_ok_and(|read| read >= ENTRIES_MAX);
        Ok(Self { entries, has_more, rooms, ended })
    }

    /// Does what the entries say; gives back the number of the last one.
    fn obey(self, node: &Node) -> Option<ControlSeq> {
        if let Some(rooms) = self.rooms {
            node.directory.replace(rooms);
            node.broadcast_to_all(&ServerEvent::RoomsChanged {});
        }
        for ended in self.ended {
            ended.tell(node);
        }
        for entry in &self.entries {
            let Some(action) = entry.action else { continue };
            tracing::debug!(action = action.name(), "control log");
            match action {
                ControlAction::SessionClosed { user_id, session_id } => {
                    close(node, user_id, Some(session_id), CloseCode::SignedOut);
                }
                ControlAction::SessionsClosed { user_id } => close(node, user_id, None, CloseCode::SignedOut),
                ControlAction::UserDisabled { user_id } => close(node, user_id, None, CloseCode::Disabled),
                ControlAction::RoomArchived { room_id } => archive(node, room_id, entry.seq),
                ControlAction::UserEnabled { .. }
                | ControlAction::RoomAdded { .. }
                | ControlAction::MemberLeft { .. } => {}
            }
        }
        self.entries.last().map(|entry| entry.seq)
    }
}

/// Closes a person's connections, or those of one session.
fn close(node: &Node, user_id: UserId, session_id: Option<SessionId>, code: CloseCode) {
    let mut closed = 0;
    for address in node.connections.to_close(user_id) {
        let is_meant = session_id.is_none_or(|session_id| address.session_id == session_id);
        if let (true, Some(inbox)) = (is_meant, node.inboxes.get(address.shard)) {
            inbox.post(ShardEvent::Close { address, code });
            closed += 1;
        }
    }
    security_log::revoked(user_id, code, closed);
}

fn archive(node: &Node, room_id: RoomId, control_seq: ControlSeq) {
    let Some(room) = node.directory.name(room_id) else { return };
    node.presence.forget(room_id);
    let event = ServerEvent::RoomLeft(RoomLeft { room, reason: RoomLeftReason::Archived });
    node.unsubscribe(Unsubscribe {
        room_id,
        user_id: None,
        control_seq,
        frame: frame::of_event(&event, None),
    });
}

/// Tells presence and ends typing, until the task is dropped.
pub(crate) async fn run_ephemeral(node: Arc<Node>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(node.timers.presence_flush_ms));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        survive_now("typing and presence", || tell_ephemeral(&node));
    }
}

fn tell_ephemeral(node: &Node) {
    node.sweep_typing();
    for inbox in node.inboxes.iter() {
        node.presence.note_lost(inbox.take_dropped());
    }
    for (room_id, untold) in node.presence.take_untold() {
        match untold {
            Untold::Changes(changes) => tell_changes(node, room_id, changes),
            Untold::List => tell_list(node, room_id),
        }
    }
}

fn tell_list(node: &Node, room_id: RoomId) {
    let Some(frame) = node.presence_frame(room_id) else { return };
    for inbox in node.inboxes.iter() {
        inbox.post_ephemeral(room_id, frame.clone(), None);
    }
}

fn tell_changes(node: &Node, room_id: RoomId, changes: Vec<PresenceChange<Person>>) {
    let Some(room) = node.directory.name(room_id) else { return };
    let (members, online) = (node.directory.members(room_id), node.presence.online(room_id));
    for change in changes {
        let (user_id, room, user) = (change.user.id, room.clone(), (*change.user).clone().into());
        let event = match change.left {
            None => ServerEvent::UserJoined(UserJoined { room, user, members, online }),
            Some(reason) => {
                ServerEvent::UserLeft(UserLeft { room, user, reason: reason.into(), members, online })
            }
        };
        node.broadcast_ephemeral(room_id, &event, user_id);
    }
}

/// Writes down who is present and which sessions were seen, clears doubts about failed commits, and drops what was kept
/// of a storm, until the task is dropped.
pub(crate) async fn run_upkeep(node: Arc<Node>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(node.timers.upkeep_ms));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let has_doubts = node.tops.has_doubts();
        node.room_reads.forget_participants();
        let Ok(store) = node.store() else { continue };
        for records in node.presence.take_unwritten() {
            if store.submit(Command::RecordPresence(records.clone()), Ticket::Nobody).is_err() {
                node.presence.put_back(&records);
            }
        }
        // The later of the two clocks: a session must not seem unseen once the other one counts.
        let seen_at = node.clock.now().max(node.clock.wall());
        if let Some(command) = node.sightings.take(seen_at) {
            let _ = store.submit(command, Ticket::Nobody);
        }
        if has_doubts {
            // An empty commit: when it succeeds, the doubts are cleared with it.
            let _ = store.submit(Command::RecordPresence(Vec::new()), Ticket::Nobody);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::defect::node;
    use crate::shard::inbox::EPHEMERAL_MAX;

    #[test]
    fn a_room_of_which_a_shard_dropped_something_is_told_its_presence_afresh() {
        let (node, room_id) = (node(), RoomId::new(1));
        let inbox = &node.inboxes[0];
        for _ in 0..=EPHEMERAL_MAX {
            inbox.post_ephemeral(room_id, Bytes::new(), None);
        }
        assert_eq!(inbox.take().len(), EPHEMERAL_MAX);
        tell_ephemeral(&node);
        tell_ephemeral(&node);
        let told = inbox.take();
        assert!(matches!(told[..], [ShardEvent::Ephemeral { except: None, .. }]), "{told:?}");
    }
}
