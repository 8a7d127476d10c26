//! Who may come in on a connection: decided on the upgrade, or by the first frame.

use std::rc::Rc;
use std::time::Duration;

use chat_domain::SignedIn;
use chat_protocol::events::Status;
use chat_protocol::{
    ClientEvent, CloseCode, ErrorCode, FRAME_BYTES_MAX, Limits, PROTOCOL_LEVEL, Request, ServerEvent, decode,
};
use tokio::io::AsyncRead;

use crate::connection::reader::{Incoming, Reader};
use crate::connection::socket::SocketWriter;
use crate::failure::Failure;
use crate::node::Node;
use crate::node::connections::Closings;
use crate::shard::outbox::READ_BYTES_MAX;
use crate::shard::{Gone, Shard};

/// What the upgrade found out.
#[derive(Debug)]
pub(crate) enum Admission {
    /// Somebody is signed in, by the cookie or a bearer token; found so after this point. Boxed, because every idle
    /// connection's task has a place for it.
    SignedIn(Box<SignedIn>, Closings),
    /// Nobody yet: the first frame signs in.
    FirstFrame,
    /// A page came with a stale cookie. It can't see an HTTP status, so it gets a close code.
    Stale,
    /// Nobody: every message comes back.
    #[cfg(feature = "echo")]
    Echo,
}

/// How much a connection may hold, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Of one message.
    pub(crate) message_bytes: usize,
    /// Of what waits to be written, before the server stops reading.
    pub(crate) queue_bytes: usize,
}

impl Admission {
    /// How much the connection may hold.
    #[cfg_attr(
        not(feature = "echo"),
        expect(clippy::unused_self, unused_variables, reason = "the chat has one size")
    )]
    pub(crate) fn bounds(&self, node: &Node) -> Bounds {
        #[cfg(feature = "echo")]
        if matches!(self, Self::Echo) {
            let (message_bytes, queue_bytes) = (node.limits.echo_message_bytes, node.limits.echo_queue_bytes);
            return Bounds { message_bytes, queue_bytes };
        }
        Bounds { message_bytes: FRAME_BYTES_MAX, queue_bytes: READ_BYTES_MAX }
    }
}

/// The name and version that a client sees.
const SERVER: &str = concat!("chat-server ", env!("CARGO_PKG_VERSION"));

/// Signs somebody in on a new connection, or says with which code it ends.
pub(crate) async fn admit<R: AsyncRead + Unpin, W: SocketWriter>(
    reader: &mut Reader<R, W>,
    admission: Admission,
) -> Result<(), Option<CloseCode>> {
    match admission {
        Admission::Stale => Err(Some(CloseCode::SessionExpired)),
        #[cfg(feature = "echo")]
        Admission::Echo => Ok(()),
        Admission::SignedIn(signed_in, as_of) => {
            welcome(reader, *signed_in, as_of, None).map_err(|Gone| None)
        }
        Admission::FirstFrame => {
            let limit = Duration::from_millis(reader.shard.node.timers.sign_in_timeout_ms);
            let signed_in = tokio::time::timeout(limit, first_frames(reader)).await;
            signed_in.unwrap_or(Err(Some(CloseCode::SignInTimeout)))
        }
    }
}

/// Reads frames until one of them signs somebody in.
async fn first_frames<R: AsyncRead + Unpin, W: SocketWriter>(
    reader: &mut Reader<R, W>,
) -> Result<(), Option<CloseCode>> {
    loop {
        let text = match reader.next().await {
            Incoming::Text(text) => text,
            Incoming::Binary(_) => return Err(Some(CloseCode::Unsupported)),
            Incoming::Ended(code) => return Err(code),
        };
        let (id, failure) = match decode(&text) {
            Ok(Request { id, event: ClientEvent::Connect(connect) }) => {
                let as_of = reader.shard.node.connections.closings();
                match reader.shard.node.sign_in(&connect.token).await {
                    Ok(Some(signed_in)) => {
                        return welcome(reader, signed_in, as_of, id).map_err(|Gone| None);
                    }
                    Ok(None) => (id, Failure::unauthenticated()),
                    Err(failure) => (id, failure),
                }
            }
            Ok(Request { id, .. }) => {
                (id, Failure::new(ErrorCode::Unauthenticated, "sign in first: connect {token}"))
            }
            Err(bad) => (bad.id, Failure::new(bad.code, bad.message)),
        };
        // Nobody is signed in whose rate it would count in.
        reader.count_nuisance()?;
        let answered = reader.shard.refuse(reader.key, id.as_deref(), failure);
        answered.map_err(|Gone| None)?;
    }
}

fn welcome<R, W: SocketWriter>(
    reader: &Reader<R, W>,
    signed_in: SignedIn,
    as_of: Closings,
    id: Option<String>,
) -> Result<(), Gone> {
    let status = connected(&reader.shard, &signed_in);
    reader.shard.identify(reader.key, signed_in, as_of)?;
    reader.shard.answer(reader.key, id.as_deref(), &status)
}

/// What a signed-in client is told.
pub(crate) fn connected<W: SocketWriter>(shard: &Rc<Shard<W>>, signed_in: &SignedIn) -> ServerEvent {
    ServerEvent::Status(Status::Connected {
        user: signed_in.user.summary.clone().into(),
        epoch: shard.node.epoch.clone(),
        protocol: PROTOCOL_LEVEL,
        server: SERVER.to_owned(),
        limits: Limits {
            typing_start_interval_ms: shard.node.timers.typing.start_interval_ms,
            typing_expiry_ms: shard.node.timers.typing.expiry_ms,
            ..Limits::default()
        },
    })
}
