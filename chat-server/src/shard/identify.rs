//! Signing somebody in on a connection.

use std::rc::Rc;
use std::time::Duration;

use chat_domain::{Repository, RepositoryError, SessionId, SignedIn, UserId};
use chat_protocol::CloseCode;

use crate::connection::socket::SocketWriter;
use crate::node::connections::{Closings, ConnectionAddress};
use crate::node::metrics::StoreRead;
use crate::person::Person;
use crate::shard::inbox::ShardEvent;
use crate::shard::state::Identity;
use crate::shard::{ConnectionKey, Gone, Shard};

impl<W: SocketWriter> Shard<W> {
    /// Signs somebody in on a connection who was found signed in after `as_of`; the person's oldest connections
    /// above the limit are closed.
    pub(crate) fn identify(
        self: &Rc<Self>,
        key: ConnectionKey,
        signed_in: SignedIn,
        as_of: Closings,
    ) -> Result<(), Gone> {
        let SignedIn { user, session } = signed_in;
        let (user_id, session_id) = (user.id(), session.id);
        let address = ConnectionAddress { shard: self.index, slot: key.slot, serial: key.serial, session_id };
        let user = Person::new(user.summary).map_err(|error| {
            tracing::error!(%error, "a person could not be encoded");
            Gone
        })?;
        self.with(key, |connection| connection.identity = Some(Identity { user, session }))?;
        let above = self.node.connections.add(user_id, address, self.node.limits.connections_per_user);
        for address in above {
            if let Some(inbox) = self.node.inboxes.get(address.shard) {
                inbox.post(ShardEvent::Close { address, code: CloseCode::TooManyConnections });
            }
        }
        if self.node.connections.closings() != as_of {
            tokio::task::spawn_local(look_again(Rc::clone(self), key, user_id, session_id));
        }
        Ok(())
    }
}

/// Closes a connection whose right ended between the look that let it in and the moment from which on the control log
/// finds it.
async fn look_again<W: SocketWriter>(
    shard: Rc<Shard<W>>,
    key: ConnectionKey,
    user_id: UserId,
    session_id: SessionId,
) {
    while shard.is_open(key) {
        match shard
            .node
            .read(StoreRead::Session, move |repository| ended(repository, user_id, session_id))
            .await
        {
            Ok(Some(code)) => return shard.close(key, code),
            Ok(None) => return,
            // Nothing is known: the database is away.
            Err(_) => tokio::time::sleep(Duration::from_millis(shard.node.timers.control_poll_ms)).await,
        }
    }
}

/// How a session ended, if it did.
fn ended(
    repository: &mut dyn Repository,
    user_id: UserId,
    session_id: SessionId,
) -> Result<Option<CloseCode>, RepositoryError> {
    let is_let_in = repository.find_user(user_id)?.is_some_and(|user| !user.is_disabled);
    let is_there = repository.find_session_of(user_id, session_id)?.is_some();
    Ok(match (is_let_in, is_there) {
        (false, _) => Some(CloseCode::Disabled),
        (true, false) => Some(CloseCode::SignedOut),
        (true, true) => None,
    })
}
