//! All clients of a load, on one thread and one epoll.

use std::io;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};

use super::client::Client;
use super::ledger::{Again, Ledger};
use super::metrics::StoreReads;
use super::stopwatch::{SECOND_NS, Stopwatch, seconds};
use super::target::{Target, not_connected};
use super::watch::Watch;
use crate::error::CliError;

/// Bytes in the one read buffer that all clients share; the longest answer of the server is shorter.
const READ_BYTES: usize = 512 * 1024;
/// Events that one look at the sockets brings, at most.
const EVENTS_MAX: usize = 4_096;
/// How long one wait for events may take, in nanoseconds.
const TURN_NS: u64 = 20_000_000;
/// How long nothing may come of what is waited for.
const PATIENCE_NS: u64 = seconds(10);
/// How long what stands in the sockets of clients that stalled may take to come out.
const DRAIN_NS: u64 = seconds(1);
/// The token of whatever is no client.
pub(super) const NO_CLIENT: Token = Token(usize::MAX);

/// The clients and what they count.
pub(super) struct Swarm {
    pub(super) ledger: Ledger,
    pub(super) watch: Watch,
    target: Target,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    clients: Vec<Client>,
}

impl Swarm {
    /// Clients that are not connected yet: one for each token and the rooms that go with it.
    pub(super) fn new(
        target: Target,
        plan: impl IntoIterator<Item = (String, Vec<u32>)>,
        ledger: Ledger,
        watch: Watch,
    ) -> Result<Self, CliError> {
        let clients = plan
            .into_iter()
            .enumerate()
            .map(|(number, (token, rooms))| Client::new(number, target.upgrade_request(&token), rooms))
            .collect();
        Ok(Self {
            ledger,
            watch,
            target,
            poll: Poll::new().map_err(|error| no_epoll(&error))?,
            events: Events::with_capacity(EVENTS_MAX),
            buffer: vec![0; READ_BYTES],
            clients,
        })
    }

    /// The server's reads of the database since it began, where it tells them.
    pub(super) fn store_reads(&self) -> Option<StoreReads> {
        self.target.store_reads()
    }

    /// Whoever else wants to wake the loop.
    pub(super) fn registry(&self) -> &mio::Registry {
        self.poll.registry()
    }

    /// Connects the first `count` clients and joins their rooms, so many at a time.
    pub(super) fn join(&mut self, count: usize, at_once: usize) -> Result<(), CliError> {
        self.ledger.look_at_clock();
        self.ledger.joins.reset();
        self.ledger.joining_since_ns = self.ledger.now_ns;
        let mut begun = usize_of(self.ledger.counts.joined);
        self.wait_for("joined their rooms", |swarm| {
            let joined = usize_of(swarm.ledger.counts.joined);
            while begun < count.min(joined.saturating_add(at_once)) {
                swarm.connect(begun)?;
                begun += 1;
            }
            Ok(joined >= count)
        })
    }

    /// Ends all connections. With [`Memory::Kept`] the clients will resume.
    pub(super) fn part(&mut self, memory: Memory) {
        for client in &mut self.clients {
            client.part(&mut self.ledger);
            if memory == Memory::Lost {
                client.forget();
            }
        }
        self.ledger.again.clear();
    }

    /// Lets clients send: `at_once` messages now, and others when an own one comes back, until there were so many.
    pub(super) fn begin(
        &mut self,
        senders: impl IntoIterator<Item = usize>,
        at_once: u64,
        in_all: u64,
    ) -> Result<(), CliError> {
        for number in senders {
            if let Some(client) = self.clients.get_mut(number) {
                client.begin(at_once, in_all, &mut self.ledger)?;
            }
        }
        Ok(())
    }

    /// Lets every client read the history of its room: one page after the other, of so many messages.
    pub(super) fn begin_paging(&mut self, limit: u32) -> Result<(), CliError> {
        self.clients.iter_mut().try_for_each(|client| client.begin_paging(limit, &mut self.ledger))
    }

    /// Lets a client send a message that was due at some time.
    pub(super) fn send(&mut self, number: usize, due_ns: u64) -> Result<(), CliError> {
        match self.clients.get_mut(number) {
            Some(client) => client.send(due_ns, &mut self.ledger),
            None => Ok(()),
        }
    }

    /// Lets joined clients never read again.
    pub(super) fn stall(&mut self, numbers: impl IntoIterator<Item = usize>) -> Result<(), CliError> {
        for number in numbers {
            let stream = self.clients.get_mut(number).and_then(|client| client.stall(&mut self.ledger));
            if let Some(stream) = stream {
                self.poll.registry().deregister(stream).map_err(|error| no_epoll(&error))?;
            }
        }
        Ok(())
    }

    /// How many of the clients that stalled were not closed. To find out they read all that there is.
    pub(super) fn held(&mut self) -> Result<usize, CliError> {
        let until_ns = self.ledger.stopwatch.ns().saturating_add(DRAIN_NS);
        loop {
            let mut held = 0;
            for client in &mut self.clients {
                held += usize::from(client.is_held(&mut self.buffer, &mut self.ledger)?);
            }
            if held == 0 || self.ledger.stopwatch.ns() >= until_ns {
                return Ok(held);
            }
            self.turn(TURN_NS)?;
        }
    }

    /// Reads and sends until some time.
    pub(super) fn run_until(&mut self, end_ns: u64) -> Result<(), CliError> {
        while self.ledger.stopwatch.ns() < end_ns {
            self.turn(TURN_NS)?;
        }
        self.ledger.look_at_clock();
        Ok(())
    }

    /// Reads and sends for some time.
    pub(super) fn run_for(&mut self, ns: u64) -> Result<(), CliError> {
        self.run_until(self.ledger.stopwatch.ns().saturating_add(ns))
    }

    /// Lets nobody send any more, and waits until everybody has everything. What does not come is lost.
    pub(super) fn finish(&mut self, acks: Acks) -> Result<(), CliError> {
        for client in &mut self.clients {
            client.stop();
        }
        self.settle(acks)
    }

    /// Waits until everybody has everything that was and will be sent.
    pub(super) fn settle(&mut self, acks: Acks) -> Result<(), CliError> {
        let mut last_news_ns = self.ledger.stopwatch.ns();
        let mut last_counts = (0, 0);
        loop {
            let counts = self.ledger.counts;
            let is_acknowledged = acks == Acks::None || counts.acks >= counts.sent;
            if counts.deliveries >= counts.expected && is_acknowledged {
                // What is sent twice comes after what is sent once.
                return self.run_for(TURN_NS);
            }
            if (counts.deliveries, counts.acks) != last_counts {
                last_counts = (counts.deliveries, counts.acks);
                last_news_ns = self.ledger.stopwatch.ns();
            } else if self.ledger.stopwatch.ns() > last_news_ns.saturating_add(PATIENCE_NS) {
                return Ok(());
            }
            self.turn(TURN_NS)?;
        }
    }

    /// Waits for events once, and goes on with every socket that has something.
    pub(super) fn turn(&mut self, wait_ns: u64) -> Result<(), CliError> {
        match self.poll.poll(&mut self.events, Some(Duration::from_nanos(wait_ns))) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            polled => polled.map_err(|error| no_epoll(&error))?,
        }
        for event in &self.events {
            if let Some(client) = self.clients.get_mut(event.token().0) {
                client.go_on(event.is_writable(), &mut self.buffer, &mut self.ledger)?;
            }
        }
        self.ledger.look_at_clock();
        while let Some(Again { client, room, .. }) = self.ledger.take_again() {
            match room {
                None => self.connect(client)?,
                Some(room) => {
                    if let Some(client) = self.clients.get_mut(client) {
                        client.join(room, &mut self.ledger)?;
                    }
                }
            }
        }
        self.watch.look(self.ledger.now_ns, &self.ledger.counts);
        Ok(())
    }

    fn connect(&mut self, number: usize) -> Result<(), CliError> {
        let Some(client) = self.clients.get_mut(number) else { return Ok(()) };
        let stream = client.connect(self.target.connect().map_err(|error| not_connected(&error))?);
        self.poll
            .registry()
            .register(stream, Token(number), Interest::READABLE | Interest::WRITABLE)
            .map_err(|error| no_epoll(&error))
    }

    /// Turns until something is so, as long as more clients join.
    fn wait_for(
        &mut self,
        what: &str,
        mut is_so: impl FnMut(&mut Self) -> Result<bool, CliError>,
    ) -> Result<(), CliError> {
        let (mut last_joined, mut last_news_ns) = (0, self.ledger.stopwatch.ns());
        while !is_so(self)? {
            self.turn(TURN_NS)?;
            let joined = self.ledger.counts.joined;
            if joined != last_joined {
                (last_joined, last_news_ns) = (joined, self.ledger.now_ns);
            } else if self.ledger.now_ns > last_news_ns.saturating_add(PATIENCE_NS) {
                let patience_s = PATIENCE_NS / SECOND_NS;
                let text = format!("{joined} clients have {what}, and for {patience_s} s no other one");
                return Err(CliError::server(text, "see the server's log; take fewer clients"));
            }
        }
        Ok(())
    }
}

/// Whether clients that part keep their positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    /// They resume.
    Kept,
    /// They come as if for the first time.
    Lost,
}

/// Whether the server says that a message is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acks {
    /// For each.
    Each,
    /// It is a baseline that stores nothing.
    None,
}

/// A new load's ledger.
pub(super) fn ledger(body_bytes: u32, rooms: u32) -> Result<Ledger, CliError> {
    let nonce = u32::from_le_bytes(crate::line::random()?);
    Ok(Ledger::new(Stopwatch::start(), nonce, usize::try_from(body_bytes).unwrap_or(usize::MAX), rooms))
}

fn no_epoll(error: &io::Error) -> CliError {
    CliError::failed(
        format!("the system waits for no sockets: {error}"),
        "see its limits of open files and epoll",
    )
}

fn usize_of(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
