//! A room that is kept saturated while something else is measured.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

use crate::chat_cli::{self, figure};
use crate::pinning::Pinning;
use crate::shape::Shape;
use crate::target::Running;

/// Seconds that it lasts longer than what is measured beside it: that has to connect, to warm up and to end.
const LONGER_S: u64 = 7;
/// The generator tells every second how far it is; so much earlier than it was told, the load may have begun.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// A generator at work; it goes when this is dropped.
pub(super) struct Saturation {
    generator: Child,
    progress: BufReader<ChildStderr>,
    ends: Instant,
}

impl Saturation {
    /// Starts it, and waits until everybody is in and the load runs.
    pub(super) fn begin(
        running: &Running,
        shape: &Shape,
        seconds: u64,
        pinning: &Pinning,
    ) -> io::Result<Self> {
        let lasting_s = seconds + LONGER_S;
        let load = running.load("fanout", &running.tokens(), shape.arguments(lasting_s));
        let mut command = pinning.generator(chat_cli::find()?.as_os_str());
        command.args(load).args(["--progress", chat_cli::AS_JSON]);
        let mut generator = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let stderr = generator.stderr.take().ok_or_else(|| io::Error::other("no standard error"))?;
        let ends = Instant::now();
        let mut saturation = Self { generator, progress: BufReader::new(stderr), ends };
        let mut line = String::new();
        while !line.starts_with("measuring") {
            line.clear();
            if saturation.progress.read_line(&mut line)? == 0 {
                return Err(io::Error::other("the load on the large room ended before it was measured"));
            }
        }
        saturation.ends = Instant::now() + Duration::from_secs(lasting_s) - TOLD_EVERY;
        Ok(saturation)
    }

    /// Waits for its end, and says how many deliveries a second there were. An error if it ended too early.
    pub(super) fn end(mut self) -> io::Result<f64> {
        let is_early = Instant::now() > self.ends;
        let (mut told, mut document) = (String::new(), Vec::new());
        self.progress.read_to_string(&mut told)?;
        if let Some(stdout) = &mut self.generator.stdout {
            stdout.read_to_end(&mut document)?;
        }
        if is_early || !self.generator.wait()?.success() {
            return Err(io::Error::other(format!("the large room was not saturated all the time: {told}")));
        }
        figure(&chat_cli::parse(&document)?, "deliveries_per_s")
    }
}

impl Drop for Saturation {
    fn drop(&mut self) {
        let _ = self.generator.kill();
        let _ = self.generator.wait();
    }
}
