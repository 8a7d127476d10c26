//! `connect` on an open connection: renews its token.

use chat_protocol::ErrorCode;
use chat_protocol::events::Connect;

use super::{Answer, Scope};
use crate::connection::{connected, socket::SocketWriter};
use crate::failure::Failure;
use crate::node::rates::Act;

pub(super) async fn handle<W: SocketWriter>(scope: Scope<'_, W>, event: Connect) -> Answer {
    let Scope { shard, key } = scope;
    let node = &shard.node;
    node.rates.take(Act::Read, shard.user(key)?.id, node.clock.now())?;
    let as_of = node.connections.closings();
    let signed_in = node.sign_in(&event.token).await?.ok_or_else(Failure::unauthenticated)?;
    if shard.user(key)?.id != signed_in.user.id() {
        return Err(Failure::new(
            ErrorCode::Forbidden,
            "the token is another person's; open another connection",
        ));
    }
    let status = connected(shard, &signed_in);
    shard.identify(key, signed_in, as_of)?;
    Ok(Some(status))
}
