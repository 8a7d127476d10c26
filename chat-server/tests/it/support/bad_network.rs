//! A network that does to connections what bad networks do: byte by byte, late, cut in the middle of a frame, silent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Bytes that a direction carries before something happens to the connection.
const BYTES: std::ops::Range<u64> = 100..20_000;
/// The longest time that a piece is on its way.
const LATENCY_MS_MAX: u64 = 60;
/// For how long a connection says nothing before it is cut.
const SILENCE_MS: std::ops::Range<u64> = 500..3_000;
/// Bytes that are carried at once, at most.
const PIECE: usize = 1_460;

/// What happens to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Both sides see it end.
    Finished,
    /// Both sides see it reset.
    Reset,
    /// Neither side hears anything any more.
    Silent,
}

/// A proxy for WebSockets. It runs on the runtime in which it is made.
pub(crate) struct BadNetwork {
    pub(crate) address: SocketAddr,
    weather: Arc<Weather>,
}

struct Weather {
    is_good: AtomicBool,
    cleared: Notify,
    /// How often each fate befell a connection.
    fates: [AtomicUsize; 3],
    connections: AtomicU64,
    seed: u64,
}

impl BadNetwork {
    /// A bad network in front of a server.
    pub(crate) async fn before(server: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let weather = Arc::new(Weather {
            is_good: AtomicBool::new(false),
            cleared: Notify::new(),
            fates: Default::default(),
            connections: AtomicU64::new(0),
            seed,
        });
        let theirs = Arc::clone(&weather);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, server, Arc::clone(&theirs)));
            }
        });
        Self { address, weather }
    }

    /// Ends all connections that are there, and carries new ones well.
    pub(crate) fn clear_up(&self) {
        self.weather.is_good.store(true, Ordering::Relaxed);
        self.weather.cleared.notify_waiters();
    }

    /// How many connections there were, and how often each fate befell one.
    pub(crate) fn toll(&self) -> String {
        let [finished, reset, silent] = &self.weather.fates;
        let count = |fate: &AtomicUsize| fate.load(Ordering::Relaxed);
        format!(
            "{} connections, of which {} finished, {} reset, {} silent",
            self.weather.connections.load(Ordering::Relaxed),
            count(finished),
            count(reset),
            count(silent)
        )
    }
}

async fn carry(mut near: TcpStream, server: SocketAddr, weather: Arc<Weather>) {
    let number = weather.connections.fetch_add(1, Ordering::Relaxed);
    let mut random = fastrand::Rng::with_seed(weather.seed.wrapping_add(number));
    let Ok(mut far) = TcpStream::connect(server).await else { return };
    for stream in [&near, &far] {
        let _ = stream.set_nodelay(true);
    }
    let cleared = weather.cleared.notified();
    let is_good = weather.is_good.load(Ordering::Relaxed);
    let (up, down) = (Way::draw(&mut random, is_good), Way::draw(&mut random, is_good));
    let fate = {
        let ((mut near_reads, mut near_writes), (mut far_reads, mut far_writes)) =
            (near.split(), far.split());
        tokio::select! {
            () = up.carry(&mut near_reads, &mut far_writes) => Some(fate(&mut random)),
            () = down.carry(&mut far_reads, &mut near_writes) => Some(fate(&mut random)),
            // Whoever was there when it cleared up is cut off as well.
            () = cleared, if !is_good => None,
        }
    };
    if let (Some(fate), false) = (fate, is_good) {
        let [finished, reset, silent] = &weather.fates;
        let count = match fate {
            Fate::Finished => finished,
            Fate::Reset => reset,
            Fate::Silent => silent,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
    match fate {
        Some(Fate::Finished) => {
            let _ = tokio::join!(near.shutdown(), far.shutdown());
        }
        Some(Fate::Silent) if !is_good => {
            let silence = Duration::from_millis(random.u64(SILENCE_MS));
            let _ = tokio::time::timeout(silence, weather.cleared.notified()).await;
        }
        _ => {
            for stream in [&near, &far] {
                let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
            }
        }
    }
}

/// One direction of a connection.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// Bytes at once.
    piece: usize,
    /// How long each piece is on its way.
    latency: Duration,
    /// Bytes before it ends.
    bytes: u64,
}

impl Way {
    fn draw(random: &mut fastrand::Rng, is_good: bool) -> Self {
        if is_good {
            return Self { piece: PIECE, latency: Duration::ZERO, bytes: u64::MAX };
        }
        let is_drop_by_drop = random.u32(..4) == 0;
        let latency_ms = if is_drop_by_drop { 0 } else { random.u64(..LATENCY_MS_MAX) };
        // As often short as long.
        let bytes = random.u64(BYTES).min(random.u64(BYTES)).min(random.u64(BYTES));
        Self {
            piece: if is_drop_by_drop { 1 } else { PIECE },
            latency: Duration::from_millis(latency_ms),
            bytes,
        }
    }

    /// Carries bytes until so many of them have passed, or a side ends.
    async fn carry(self, from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) {
        let mut piece = vec![0; self.piece];
        let mut left = self.bytes;
        while left > 0 {
            let most = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let Ok(count @ 1..) = from.read(&mut piece[..most]).await else { return };
            if !self.latency.is_zero() {
                tokio::time::sleep(self.latency).await;
            }
            if to.write_all(&piece[..count]).await.is_err() {
                return;
            }
            left -= u64::try_from(count).unwrap();
        }
    }
}

fn fate(random: &mut fastrand::Rng) -> Fate {
    [Fate::Finished, Fate::Reset, Fate::Silent][random.usize(..3)]
}
