//! A server in this process, with short times.

use std::net::{SocketAddr, TcpListener};

use chat_domain::typing::TypingTimes;
use chat_server::{Config, Registration, Server, Settings, Stopped, Timers};
use chat_store::{Store, StoreOptions};
use clap::Parser;

use super::Database;
use super::http::{self, Response};

/// A running server and its database.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) database: Database,
    server: Option<Server>,
    change: fn(&mut Config),
}

impl TestServer {
    /// A server on an empty database.
    pub(crate) fn start(database: Database) -> Self {
        Self::start_with(database, |_| {})
    }

    /// A server with changed settings.
    pub(crate) fn start_with(database: Database, change: fn(&mut Config)) -> Self {
        let mut config = config(&database);
        change(&mut config);
        let listener = TcpListener::bind(config.bind).unwrap();
        let server = Server::start(config, listener).unwrap();
        Self { address: server.address(), database, server: Some(server), change }
    }

    /// Stops the server, gives the database to a new one.
    pub(crate) fn restart(self) -> Self {
        self.stopped(|database| database)
    }

    /// Stops the server, and starts a new one on what becomes of the database.
    pub(crate) fn stopped(mut self, work: impl FnOnce(Database) -> Database) -> Self {
        assert_eq!(self.server.take().unwrap().stop(), Stopped::InOrder);
        let change = self.change;
        let database = std::mem::replace(&mut self.database, Database::sqlite());
        Self::start_with(work(database), change)
    }

    /// Why a server doesn't start.
    pub(crate) fn try_start(database: &Database, listener: TcpListener) -> Result<(), String> {
        let started = Server::start(config(database), listener);
        started.map(|server| assert_eq!(server.stop(), Stopped::InOrder)).map_err(|error| error.to_string())
    }

    /// The same database, past the server, as `chat-cli` uses it.
    pub(crate) fn store(&self) -> Store {
        Store::open(&self.database.url.parse().unwrap(), &StoreOptions::default()).unwrap()
    }

    /// The origin of the server's own page.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Registers somebody with the password `password of NAME`, and signs them in; gives back the token.
    pub(crate) async fn sign_up(&self, name: &str) -> String {
        let registered = self.post("/api/v1/register", &credentials(name)).await;
        assert_eq!(registered.status, 201, "{}", registered.body);
        self.sign_in(name).await
    }

    /// Signs somebody in; gives back the token.
    pub(crate) async fn sign_in(&self, name: &str) -> String {
        let signed_in = self.post("/api/v1/login", &credentials(name)).await;
        assert_eq!(signed_in.status, 200, "{}", signed_in.body);
        signed_in.json()["token"].as_str().unwrap().to_owned()
    }

    /// Signs somebody in as a page does; gives back the cookie.
    pub(crate) async fn cookie(&self, name: &str) -> String {
        let mut body = credentials(name);
        body["cookie"] = serde_json::json!(true);
        let origin = self.origin();
        let answer = http::post(self.address, "/api/v1/login", &body, &[("Origin", &origin)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json().get("token"), None, "the cookie carries it");
        let set = answer.header("set-cookie").unwrap();
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"), "{set}");
        set.split(';').next().unwrap().to_owned()
    }

    pub(crate) async fn post(&self, path: &str, body: &serde_json::Value) -> Response {
        http::post(self.address, path, body, &[]).await
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            let _ = server.stop();
        }
    }
}

/// The body that registers somebody or signs them in.
pub(crate) fn credentials(name: &str) -> serde_json::Value {
    serde_json::json!({"username": name, "password": format!("password of {name}")})
}

fn config(database: &Database) -> Config {
    let arguments = [
        "chat-server",
        "--bind",
        "127.0.0.1:0",
        "--database-url",
        &database.url,
        "--data-dir",
        database.folder.path().to_str().unwrap(),
        "--secret-key",
        "a secret of the tests",
        "--limit-messages-per-second",
        "0",
        "--limit-logins-per-minute",
        "0",
        "--limit-registrations-per-minute",
        "0",
    ];
    let mut config = Config::from_settings(&Settings::parse_from(arguments)).unwrap();
    config.registration = Registration::Open;
    config.timers = Timers {
        control_poll_ms: 50,
        presence_flush_ms: 20,
        tick_ms: 20,
        upkeep_ms: 100,
        presence_grace_ms: 300,
        typing: TypingTimes { expiry_ms: 400, start_interval_ms: 200 },
        close_timeout_ms: 500,
        drain_spread_ms: 50,
        drain_timeout_ms: 2_000,
        ..Timers::default()
    };
    config
}
