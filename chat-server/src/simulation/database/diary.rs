//! What happened when: which rights ended, what was committed, who was a member.

use super::*;

impl Database {
    /// The node has read the control log up to a number.
    pub(in crate::simulation) fn obeyed(&self, seq: ControlSeq) {
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

    /// A node starts: nobody is connected to it who must not be.
    pub(in crate::simulation) fn node_starts(&self) {
        let now = self.trace.now_ms();
        let mut held = self.held.lock().unwrap();
        for revocation in &mut held.diary.revocations {
            revocation.obeyed_at.get_or_insert(now);
        }
    }

    /// When a message was committed.
    pub(in crate::simulation) fn committed_at(&self, room_id: RoomId, seq: Seq) -> Option<u64> {
        self.held.lock().unwrap().diary.committed.get(&(room_id, seq)).copied()
    }

    /// Whether somebody was a member at some time.
    pub(in crate::simulation) fn was_member(&self, room_id: RoomId, user_id: UserId, at: u64) -> bool {
        let held = self.held.lock().unwrap();
        let changes = held.diary.memberships.get(&(room_id, user_id));
        // In the millisecond of a change both are right.
        let mut was = false;
        for &(when, is) in changes.into_iter().flatten() {
            if when > at {
                break;
            }
            was = is || when == at;
        }
        was
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
        self.gone_since(|action| action == ended, ControlSeq::ZERO)
    }

    pub(super) fn gone_since(
        &self,
        is_meant: impl Fn(ControlAction) -> bool,
        behind: ControlSeq,
    ) -> Option<u64> {
        let held = self.held.lock().unwrap();
        let meant = held.diary.revocations.iter().filter(|held| held.seq > behind && is_meant(held.action));
        let obeyed_at = meant.filter_map(|revocation| revocation.obeyed_at).min()?;
        // A look at the session that failed is repeated.
        Some(obeyed_at.max(held.last_failed_read.filter(|&at| at >= obeyed_at).unwrap_or(0)))
    }
}
