//! What happens to a shard's connections because time passes.

use std::rc::Rc;
use std::time::Duration;

use chat_domain::Timestamp;
use chat_protocol::CloseCode;

use crate::connection::socket::SocketWriter;
use crate::failure::Failure;
use crate::frame;
use crate::shard::state::{Connection, Lifecycle};
use crate::shard::{ConnectionKey, Shard};
use crate::survive::survive_now;

/// Looks after the time of a shard's connections: late commits, silent clients, ended sessions, closing sockets.
pub(crate) async fn run<W: SocketWriter>(shard: Rc<Shard<W>>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(shard.node.timers.tick_ms));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        survive_now("the timers of a shard", || {
            let now = shard.node.clock.now();
            shard.answer_late(now);
            shard.look_after_connections(now);
        });
    }
}

impl<W: SocketWriter> Shard<W> {
    /// Answers the sends whose commit takes too long: what is known is "unknown".
    fn answer_late(&self, now: Timestamp) {
        let late = self.requests.borrow_mut().take_late(now);
        for waiting in late {
            self.settle(&waiting, Err(Failure::unavailable()));
        }
    }

    fn look_after_connections(&self, now: Timestamp) {
        let timers = &self.node.timers;
        let mut expired = Vec::new();
        let mut leaving = Vec::new();
        let mut lost_presence = Vec::new();
        let mut pinged = Vec::new();
        for (slot, connection) in self.connections.borrow_mut().iter_mut() {
            let key = ConnectionKey { slot, serial: connection.serial };
            let silent_ms = now.ms_since(connection.heard_at);
            if connection.closes_at.is_some_and(|at| at <= now) || silent_ms >= timers.idle_ms() {
                connection.lifecycle = Lifecycle::Broken;
                connection.wake.notify_one();
                continue;
            }
            if connection.lifecycle != Lifecycle::Open {
                continue;
            }
            if silent_ms >= timers.ping_after_ms() && !connection.is_pinged {
                connection.is_pinged = true;
                pinged.push(key);
            }
            if let Some(identity) = &mut connection.identity {
                self.node.sightings.note(&mut identity.session, now);
                if identity.session.expires_at <= now {
                    expired.push(key);
                }
            }
            if connection.is_leaving(now) && connection.in_flight == 0 {
                leaving.push(key);
            }
            if connection.lost_presence && connection.outbox.bytes() == 0 {
                connection.lost_presence = false;
                lost_presence.push(key);
            }
        }
        for key in pinged {
            let _ = self.push(key, frame::PING);
        }
        for key in expired {
            self.close(key, CloseCode::SessionExpired);
        }
        for key in leaving {
            self.close(key, CloseCode::Restart);
        }
        for key in lost_presence {
            self.send_presence_afresh(key);
        }
    }

    /// Sends who is present in a connection's rooms, after an indication of it was dropped.
    fn send_presence_afresh(&self, key: ConnectionKey) {
        let live = |connection: &mut Connection<W>| {
            let live = connection.subscriptions.iter().filter(|subscription| subscription.is_present);
            live.map(|subscription| subscription.room_id).collect::<Vec<_>>()
        };
        for room_id in self.with(key, live).unwrap_or_default() {
            let Some(frame) = self.node.presence_frame(room_id) else { continue };
            let _ = self.push(key, frame);
        }
    }
}
