//! Reads the settings, starts the server, and stops it at a signal.
#![forbid(unsafe_code)]

use std::io::{IsTerminal, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

use chat_server::{
    Config, ConfigTask, Invocation, LogFormat, Registration, Server, Settings, settings_document,
};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

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
            Err(error) => fail(USAGE, &error.to_string()),
        },
    }
}

fn serve(invocation: &Invocation) -> ExitCode {
    let config = match invocation.config() {
        Ok(config) => config,
        Err(error) => return fail(USAGE, &error.to_string()),
    };
    if let Err(error) = log(&invocation.settings) {
        return fail(USAGE, &error);
    }
    std::panic::set_hook(Box::new(chat_server::log_panic));
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &error.to_string()),
    }
}

fn run(config: Config) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(config.bind).map_err(|error| format!("{}: {error}", config.bind))?;
    let (registration, has_public_url) = (config.registration, config.public_url.is_some());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut terminate, mut interrupt) = {
        let _guard = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let server = Server::start(config, listener)?;
    announce(server.address(), registration, has_public_url);
    runtime.block_on(async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    });
    tracing::info!("draining");
    server.stop();
    tracing::info!("stopped");
    Ok(())
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
    println!("listening on http://{address}");
}

fn log(settings: &Settings) -> Result<(), String> {
    let filter = EnvFilter::try_new(&settings.log).map_err(|error| format!("CHAT_LOG: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let installed = match settings.log_format {
        LogFormat::Human => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    installed.map_err(|error| format!("the log could not be started: {error}"))
}

/// Prints what was asked for. Whoever stops reading has seen enough.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn fail(code: u8, message: &str) -> ExitCode {
    eprintln!("chat-server: {message}");
    ExitCode::from(code)
}
