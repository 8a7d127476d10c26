//! A TCP proxy whose traffic can be held, so that to each side the other one is there and says nothing, and whose
//! connections can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use socket2::SockRef;

/// A running proxy. Its threads end with their connections.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    gate: Arc<Gate>,
}

/// Where a connection is cut, and how; both of its sides are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) place: Place,
    pub(crate) ending: Ending,
}

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Behind the next bytes of the client.
    BehindRequest,
    /// In front of what the server says with this text in it.
    Before(&'static str),
    /// In the middle of this text of the server.
    Within(&'static str),
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Fin,
    Rst,
}

#[derive(Default)]
struct Gate {
    is_held: Mutex<bool>,
    opened: Condvar,
    /// The cut that is to be made.
    cut: Mutex<Option<Cut>>,
}

impl Proxy {
    /// A proxy in front of the server that a URL names, and the URL through it.
    pub(crate) fn in_front_of(url: &mut String) -> Self {
        let begin = url.find('@').map_or_else(|| url.find("//").unwrap() + 2, |at| at + 1);
        let (head, rest) = url.split_at(begin);
        let (upstream, tail) = rest.split_once('/').unwrap();
        let proxy = Self::to(upstream.to_owned());
        *url = format!("{head}{}/{tail}", proxy.address);
        proxy
    }

    /// A proxy in front of an address.
    pub(crate) fn to(upstream: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, gate) = (listener.local_addr().unwrap(), Arc::new(Gate::default()));
        let theirs = Arc::clone(&gate);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(&upstream) else { continue };
                let is_cut = Arc::new(AtomicBool::new(false));
                let (gate, near_again, far_again) = (&theirs, near.try_clone(), far.try_clone());
                let requests = Way { from: near, to: far, is_of_client: true };
                let answers = Way { from: far_again.unwrap(), to: near_again.unwrap(), is_of_client: false };
                for way in [requests, answers] {
                    let (gate, is_cut) = (Arc::clone(gate), Arc::clone(&is_cut));
                    std::thread::spawn(move || way.copy(&gate, &is_cut));
                }
            }
        });
        Self { address, gate }
    }

    /// Lets nothing through until the answer is dropped; then also what waited.
    pub(crate) fn hold(&self) -> Hold {
        *self.gate.is_held.lock().unwrap() = true;
        Hold(Arc::clone(&self.gate))
    }

    /// Cuts a connection, once.
    pub(crate) fn cut(&self, cut: Cut) {
        *self.gate.cut.lock().unwrap() = Some(cut);
    }
}

/// A proxy's traffic is held.
pub(crate) struct Hold(Arc<Gate>);

impl Drop for Hold {
    fn drop(&mut self) {
        *self.0.is_held.lock().unwrap() = false;
        self.0.opened.notify_all();
    }
}

/// One direction of a connection.
struct Way {
    from: TcpStream,
    to: TcpStream,
    is_of_client: bool,
}

impl Way {
    fn copy(mut self, gate: &Gate, is_cut: &AtomicBool) {
        let mut bytes = [0; 16 * 1024];
        while let Ok(count @ 1..) = self.from.read(&mut bytes) {
            drop(gate.opened.wait_while(gate.is_held.lock().unwrap(), |is_held| *is_held).unwrap());
            // Held until the connection is cut, so that no answer to what came just before slips through.
            let mut armed = gate.cut.lock().unwrap();
            if is_cut.load(Ordering::SeqCst) {
                return;
            }
            if let Some((passed, ending)) = self.take_cut(&mut armed, &bytes[..count]) {
                let _ = self.to.write_all(&bytes[..passed]);
                return self.end(ending, is_cut);
            }
            drop(armed);
            if self.to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        // A reset is made by closing, when the other direction has let go as well.
        if !is_cut.load(Ordering::SeqCst) {
            let _ = self.to.shutdown(Shutdown::Both);
        }
    }

    /// Whether the connection is to be cut here, how, and behind how many bytes.
    fn take_cut(&self, armed: &mut Option<Cut>, bytes: &[u8]) -> Option<(usize, Ending)> {
        let Cut { place, ending } = (*armed)?;
        let find = |text: &str| bytes.windows(text.len()).position(|window| window == text.as_bytes());
        let passed = match (place, self.is_of_client) {
            (Place::BehindRequest, true) => bytes.len(),
            (Place::Before(text), false) => find(text).map(|_| 0)?,
            (Place::Within(text), false) => find(text)? + text.len() / 2,
            _ => return None,
        };
        *armed = None;
        Some((passed, ending))
    }

    fn end(self, ending: Ending, is_cut: &AtomicBool) {
        is_cut.store(true, Ordering::SeqCst);
        let how = match ending {
            Ending::Fin => Shutdown::Both,
            // Only the other direction is woken; what the close sends is a reset.
            Ending::Rst => Shutdown::Read,
        };
        for stream in [&self.from, &self.to] {
            if ending == Ending::Rst {
                SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
            }
            let _ = stream.shutdown(how);
        }
    }
}
