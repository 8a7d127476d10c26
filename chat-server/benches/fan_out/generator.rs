//! The generator: a thousand clients on one thread and one epoll.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::client::{Client, Counts};
use crate::shape::Shape;
use crate::target::Target;

/// Clients that connect at the same time.
const CONNECTING: usize = 64;
/// Bytes in the one read buffer that all clients share.
const READ_BYTES: usize = 256 * 1024;
/// How long the clients may take to join, or to get what is under way at the end.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long one wait for events may take.
const TURN: Duration = Duration::from_millis(20);

/// The clients of one run.
pub(crate) struct Generator {
    address: SocketAddr,
    shape: &'static Shape,
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    buffer: Vec<u8>,
    counts: Counts,
    is_sending: bool,
}

impl Generator {
    /// A generator without clients yet.
    pub(crate) fn new(address: SocketAddr, shape: &'static Shape) -> io::Result<Self> {
        Ok(Self {
            address,
            shape,
            poll: Poll::new()?,
            events: Events::with_capacity(shape.clients()),
            clients: Vec::with_capacity(shape.clients()),
            buffer: vec![0; READ_BYTES],
            counts: Counts::default(),
            is_sending: false,
        })
    }

    /// Connects clients, signs them in and joins their rooms, until there are so many.
    pub(crate) fn join(&mut self, clients: usize) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.counts.joined < clients {
            while self.clients.len() < clients.min(self.counts.joined + CONNECTING) {
                self.connect()?;
            }
            self.turn()?;
            if Instant::now() > deadline {
                return Err(self.stuck("joined"));
            }
        }
        Ok(())
    }

    /// What was counted so far.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Lets every sender begin; from now on each echo is followed by the next message.
    pub(crate) fn begin(&mut self) -> io::Result<()> {
        self.is_sending = true;
        let window = self.shape.window;
        self.clients.iter_mut().try_for_each(|client| client.begin(window))
    }

    /// Reads and sends for some time.
    pub(crate) fn run_for(&mut self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn()?;
        }
        Ok(())
    }

    /// Ends the sending, and waits until every client has every message of its room: nothing lost, nothing twice.
    pub(crate) fn finish(mut self, target: Target) -> io::Result<()> {
        self.is_sending = false;
        let mut last_seqs = vec![0; self.shape.rooms];
        for (number, client) in self.clients.iter().enumerate() {
            last_seqs[self.shape.room_of(number)] += client.sent();
        }
        let has_all = |(number, client): (usize, &Client)| {
            client.has_all(last_seqs[self.shape.room_of(number)], target.acknowledges())
        };
        let deadline = Instant::now() + PATIENCE;
        while !self.clients.iter().enumerate().all(has_all) {
            self.turn()?;
            if Instant::now() > deadline {
                return Err(self.stuck("had all its messages and acks"));
            }
        }
        // What is sent twice comes after what is sent once.
        self.run_for(TURN)
    }

    fn connect(&mut self) -> io::Result<()> {
        let number = self.clients.len();
        let mut client = Client::connect(number, self.address, self.shape)?;
        self.poll.registry().register(&mut client.stream, Token(number), Interest::READABLE)?;
        self.clients.push(client);
        Ok(())
    }

    /// Waits for events once, and reads every socket that has something.
    fn turn(&mut self) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(TURN)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        for event in &self.events {
            let client = &mut self.clients[event.token().0];
            client.read(&mut self.buffer, &mut self.counts, self.is_sending)?;
        }
        Ok(())
    }

    fn stuck(&self, what: &str) -> io::Error {
        let seconds = PATIENCE.as_secs();
        let states: Vec<String> = self.clients.iter().take(3).map(Client::state).collect();
        io::Error::other(format!("not every client has {what} within {seconds} s: {}, …", states.join("; ")))
    }
}
