//! A network of a test's own behind a cable that can be pulled: what is beyond it vanishes without a word.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::support::{eventually, left_out};

/// The name of the cable's far end.
const FAR_END: &str = "far";
/// The addresses are taken from 198.18.0.0/15, which RFC 2544 sets apart for tests, in networks of four.
const NETWORKS: u32 = 1 << 15;
/// Networks that one test process makes, at most.
const NETWORKS_PER_PROCESS: u32 = 8;

/// A network namespace with a cable to this one; removed when it is dropped.
pub(super) struct Namespace {
    /// Lives in the namespace, which ends with it.
    keeper: Child,
    /// The name of the cable's near end.
    near_end: String,
    /// The address of this side.
    pub(super) near: Ipv4Addr,
    /// The address of the far side.
    pub(super) far: Ipv4Addr,
}

impl Namespace {
    /// Makes one. `None`, said loudly, where this process may not.
    pub(super) fn make(test: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        if !may_make_networks() {
            left_out(test, "only root may make networks, with `unshare` and `ip`");
            return None;
        }
        // It ends with its input, also when this process is killed.
        let keeper = Command::new("unshare").args(["--net", "cat"]).stdin(Stdio::piped()).spawn().unwrap();
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let path = format!("/proc/{}/ns/net", keeper.id());
        let is_there = || std::fs::read_link(&path).is_ok_and(|its| its != own).then_some(());
        eventually("a network namespace", is_there);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let network = (std::process::id() * NETWORKS_PER_PROCESS + number) % NETWORKS;
        let address =
            |host: u32| Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + 4 * network + host);
        let near_end = format!("ch{}x{number}", std::process::id());
        let made = Self { keeper, near_end, near: address(1), far: address(2) };
        made.lay_cable();
        Some(made)
    }

    fn lay_cable(&self) {
        let (near_end, keeper) = (self.near_end.as_str(), self.keeper.id().to_string());
        ip(&["link", "add", near_end, "type", "veth", "peer", "name", FAR_END, "netns", &keeper]);
        ip(&["address", "add", &format!("{}/30", self.near), "dev", near_end]);
        ip(&["link", "set", near_end, "up"]);
        self.inside(|| {
            ip(&["address", "add", &format!("{}/30", self.far), "dev", FAR_END]);
            ip(&["link", "set", FAR_END, "up"]);
        });
    }

    /// Runs something in the namespace.
    pub(super) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/proc/{}/ns/net", self.keeper.id())).unwrap();
        // A namespace is of a thread, and this one is thrown away.
        let enter =
            || move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        let thread = || {
            enter();
            work()
        };
        std::thread::scope(|scope| scope.spawn(thread).join().unwrap())
    }

    /// A connection from beyond the cable, to be used on this side as well.
    pub(super) fn dial(&self, port: u16) -> tokio::net::TcpStream {
        let stream = self.inside(|| TcpStream::connect(SocketAddr::from((self.near, port))).unwrap());
        stream.set_nonblocking(true).unwrap();
        tokio::net::TcpStream::from_std(stream).unwrap()
    }

    /// Pulls the cable.
    pub(super) fn unplug(&self) {
        self.inside(|| ip(&["link", "set", FAR_END, "down"]));
    }

    /// Puts it back.
    pub(super) fn plug_in(&self) {
        self.inside(|| ip(&["link", "set", FAR_END, "up"]));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["link", "delete", &self.near_end]).status();
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// Tries a namespace, and a cable in this one: a container may allow the one and not the other.
fn may_make_networks() -> bool {
    let succeeds = |program: &str, arguments: &[&str]| {
        let tried = Command::new(program).args(arguments).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let cable = format!("ch{}t", std::process::id());
    succeeds("unshare", &["--net", "ip", "link"])
        && succeeds("ip", &["link", "add", &cable, "type", "veth", "peer", "name", &format!("{cable}p")])
        && succeeds("ip", &["link", "delete", &cable])
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().unwrap();
    assert!(output.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
