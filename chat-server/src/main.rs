//! Reads the settings, starts the server, and stops it at a signal; or looks at the settings.
#![forbid(unsafe_code)]

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use chat_server::{
    Config, ConfigTask, Invocation, LogFormat, Registration, Server, Settings, Stopped, listen,
    settings_document,
};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit code of a server that did not start, or ended before all was done.
const FAILED: u8 = 1;
/// The exit code of settings that can't be used.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let invocation = match Invocation::read(std::env::args_os()) {
        Ok(invocation) => invocation,
        Err(error) => error.exit(),
    };
    match invocation.task {
        None => serve(&invocation),
        Some(ConfigTask::Show) => {
            if invocation.config().is_err() {
                eprintln!("these settings can't be used; `chat-server config check` says why");
            }
            print(&invocation.show())
        }
        Some(ConfigTask::Doc) => print(&settings_document()),
        Some(ConfigTask::Check) => match invocation.config() {
            Ok(_) => print("OK\n"),
            Err(error) => {
                eprintln!("{error}");
                ExitCode::from(USAGE)
            }
        },
    }
}

fn serve(invocation: &Invocation) -> ExitCode {
    let settings = &invocation.settings;
    // A filter that can't be read is among the problems of the settings.
    let has_log = chat_server::start_log(&settings.log, settings.log_format).is_ok();
    std::panic::set_hook(Box::new(chat_server::log_panic));
    let served = match invocation.config() {
        Ok(config) => run(config).map_err(|error| (FAILED, error.to_string())),
        Err(error) => Err((USAGE, error.to_string())),
    };
    match served {
        Ok(code) => code,
        Err((code, why)) => {
            tell(settings, has_log, &why);
            ExitCode::from(code)
        }
    }
}

fn run(config: Config) -> Result<ExitCode, Box<dyn std::error::Error>> {
    chat_server::raise_open_files(config.limits.connections);
    let listener = listen(config.bind).map_err(|error| format!("{}: {error}", config.bind))?;
    let (registration, has_public_url) = (config.registration, config.public_url.is_some());
    let mut signals = Signals::new()?;
    let server = Server::start(config, listener)?;
    announce(server.address(), registration, has_public_url);
    signals.wait();
    tracing::info!("draining; another signal ends at once");
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        signals.wait();
        tracing::warn!("ended at once by another signal");
        std::process::exit(FAILED.into())
    })?;
    match server.stop() {
        Stopped::InOrder => {
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        Stopped::Unfinished => Err("the time to stop was up before all was done".into()),
    }
}

/// The signals that end the server.
struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let guard = runtime.enter();
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        drop(guard);
        Ok(Self { runtime, terminate, interrupt })
    }

    /// Waits for the next one.
    fn wait(&mut self) {
        let Self { runtime, terminate, interrupt } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        });
    }
}

#[expect(clippy::print_stdout, reason = "the one line on standard output that says where the server is")]
fn announce(address: SocketAddr, registration: Registration, has_public_url: bool) {
    match registration {
        Registration::Open => {
            tracing::info!("registration is open: everybody who reaches the page may sign up")
        }
        Registration::Closed => {
            tracing::info!("registration is closed: add users with `chat-cli user add NAME`");
        }
    }
    if !address.ip().is_loopback() && !has_public_url {
        tracing::warn!(
            "without CHAT_PUBLIC_URL only this machine's own names are allowed as the page's origin"
        );
    }
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
    println!("listening on http://{address}");
}

/// Says why the server ends: to people, or to whoever reads JSON, unless that log leaves even errors out.
fn tell(settings: &Settings, has_log: bool, why: &str) {
    if has_log && settings.log_format == LogFormat::Json && tracing::enabled!(tracing::Level::ERROR) {
        for why in why.lines() {
            tracing::error!(why, "the server ends");
        }
    } else {
        eprintln!("chat-server: {why}");
    }
}

/// Prints what was asked for. Whoever stops reading has seen enough.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}
