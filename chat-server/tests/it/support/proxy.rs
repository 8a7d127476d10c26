//! A TCP proxy whose traffic can be held: to each side the other one is there, and says nothing.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// A running proxy. Its threads end with their connections.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    is_held: Mutex<bool>,
    opened: Condvar,
}

impl Proxy {
    /// A proxy in front of the server that a URL names, and the URL through it.
    pub(crate) fn in_front_of(url: &mut String) -> Self {
        let begin = url.find('@').map_or_else(|| url.find("//").unwrap() + 2, |at| at + 1);
        let (head, rest) = url.split_at(begin);
        let (upstream, tail) = rest.split_once('/').unwrap();
        let proxy = Self::start(upstream.to_owned());
        *url = format!("{head}{}/{tail}", proxy.address);
        proxy
    }

    fn start(upstream: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, gate) = (listener.local_addr().unwrap(), Arc::new(Gate::default()));
        let theirs = Arc::clone(&gate);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(&upstream) else { continue };
                for (from, to) in [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))] {
                    let (from, to, gate) = (from.unwrap(), to.unwrap(), Arc::clone(&theirs));
                    std::thread::spawn(move || copy(from, to, &gate));
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
}

/// A proxy's traffic is held.
pub(crate) struct Hold(Arc<Gate>);

impl Drop for Hold {
    fn drop(&mut self) {
        *self.0.is_held.lock().unwrap() = false;
        self.0.opened.notify_all();
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, gate: &Gate) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        drop(gate.opened.wait_while(gate.is_held.lock().unwrap(), |is_held| *is_held).unwrap());
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
