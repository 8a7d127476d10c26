//! Pages of history over a connection, in rooms of a thousand messages and of ten million: a page must not cost more
//! because much lies in front of it.

use std::fmt::Write;
use std::fs::File;
use std::io;
use std::time::Instant;

use tempfile::TempDir;

use crate::arguments::Arguments;
use crate::chat_cli::{self, figure};
use crate::disk;
use crate::full_room;
use crate::pinning::Pinning;
use crate::process::Process;
use crate::report::median;
use crate::target::{TOKENS, chat_server};

/// Messages in the rooms; the first is what the others are compared with.
const SIZES: [u32; 3] = [1_000, 100_000, 10_000_000];
const HEAD: &str = "\
| messages in the room | database, MB | page of 50, p50 ms | p99 ms | p50 / the smallest's | p99 / the smallest's \
| pages/s | server CPU µs per page | server's memory, MiB | others' CPU % |
|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
";
const BYTES_PER_MB: f64 = 1e6;
const KIB_PER_MIB: f64 = 1_024.0;

/// A data folder with a room full of messages.
struct Filled {
    messages: u32,
    folder: TempDir,
}

/// What a run brought.
#[derive(Debug, Clone, Copy)]
struct Figures {
    p50_ms: f64,
    p99_ms: f64,
    pages_per_s: f64,
    server_us_each: f64,
    server_kib: f64,
    others_cpu: f64,
}

/// Reads each room in turn, round after round, each time with a fresh server.
pub(crate) fn measure(arguments: &Arguments, pinning: &Pinning) -> io::Result<String> {
    let mut sizes = SIZES.map(|messages| messages.min(arguments.messages_max)).to_vec();
    sizes.dedup();
    let rooms = sizes.into_iter().map(Filled::new).collect::<io::Result<Vec<_>>>()?;
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        let round =
            rooms.iter().map(|room| room.read(arguments.seconds, pinning)).collect::<io::Result<Vec<_>>>()?;
        for (room, figures) in rooms.iter().zip(&round) {
            eprintln!(
                "round {number}, {} messages: p50 {:.3} ms, p99 {:.3} ms",
                room.messages, figures.p50_ms, figures.p99_ms
            );
        }
        rounds.push(round);
    }
    report(&rooms, &rounds)
}

impl Filled {
    fn new(messages: u32) -> io::Result<Self> {
        let (folder, started) = (tempfile::tempdir_in(disk::FOLDER)?, Instant::now());
        full_room::make(folder.path(), messages)?;
        let filled = Self { messages, folder };
        let (mb, seconds) = (filled.bytes()? / BYTES_PER_MB, started.elapsed().as_secs_f64());
        eprintln!("a room of {messages} messages takes {mb:.0} MB; it was made in {seconds:.1} s");
        Ok(filled)
    }

    fn bytes(&self) -> io::Result<f64> {
        let bytes = std::fs::metadata(chat_cli::database(self.folder.path()))?.len();
        // As kilobytes, which a number with a loss-free conversion holds.
        Ok(f64::from(u32::try_from(bytes / 1_000).unwrap_or(u32::MAX)) * 1_000.0)
    }

    /// Runs a server on it, and one client who reads pages at random places.
    fn read(&self, seconds: u64, pinning: &Pinning) -> io::Result<Figures> {
        // The disk is not what is measured: the whole file goes through memory once.
        io::copy(&mut File::open(chat_cli::database(self.folder.path()))?, &mut io::sink())?;
        let server = Process::start(chat_server(self.folder.path(), pinning))?;
        let tokens = self.folder.path().join(TOKENS);
        let load = chat_cli::load_on(&server, "history", &tokens, [format!("--seconds={seconds}")]);
        let document = chat_cli::load(&load, pinning)?;
        let figure = |name| figure(&document, name);
        if figure("short_pages")? > 0.0 {
            return Err(io::Error::other(format!("pages were not whole: {document}")));
        }
        let figures = Figures {
            p50_ms: figure("page_ms/p50")?,
            p99_ms: figure("page_ms/p99")?,
            pages_per_s: figure("pages_per_s")?,
            server_us_each: figure("server/cpu_us_each")?,
            server_kib: server.resident_kib()?,
            others_cpu: figure("others_cpu")?,
        };
        server.stop()?;
        Ok(figures)
    }
}

fn report(rooms: &[Filled], rounds: &[Vec<Figures>]) -> io::Result<String> {
    let mut text = HEAD.to_owned();
    for (place, room) in rooms.iter().enumerate() {
        let of =
            |figure: fn(&Figures) -> f64| median(rounds.iter().map(|round| figure(&round[place])).collect());
        let ratio = |figure: fn(&Figures) -> f64| {
            median(rounds.iter().map(|round| figure(&round[place]) / figure(&round[0])).collect())
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "| {} | {:.1} | {:.3} | {:.3} | {:.2} | {:.2} | {:.0} | {:.1} | {:.1} | {:.0} |",
            room.messages,
            room.bytes()? / BYTES_PER_MB,
            of(|figures| figures.p50_ms),
            of(|figures| figures.p99_ms),
            ratio(|figures| figures.p50_ms),
            ratio(|figures| figures.p99_ms),
            of(|figures| figures.pages_per_s),
            of(|figures| figures.server_us_each),
            of(|figures| figures.server_kib / KIB_PER_MIB),
            of(|figures| figures.others_cpu * 100.0),
        );
    }
    Ok(text)
}
