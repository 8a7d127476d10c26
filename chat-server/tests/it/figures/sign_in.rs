//! Nobody learns from the time of a refusal who has an account.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::outage::server::ChatServer;
use crate::support::{Database, LENIENCE, http, run};

/// Tries of each kind, in turn: what else the machine does falls on both.
const TRIES: usize = 200;
/// How far apart the medians may be. On a busy machine a hash takes several times as long, and they are further apart.
const APART: Duration = Duration::from_millis(2);

#[test]
fn an_unknown_user_is_refused_as_slowly_as_a_wrong_password() {
    let database = Database::sqlite();
    let server = ChatServer::start(&database.url);
    run(async {
        let address = server.process.address;
        server.sign_up("ann").await;
        let (mut unknown, mut wrong) = (Vec::new(), Vec::new());
        for _ in 0..TRIES {
            unknown.push(refusal(address, "nobody").await);
            wrong.push(refusal(address, "ann").await);
        }
        let (unknown, wrong) = (median(unknown), median(wrong));
        let figures = format!("medians of {TRIES}: an unknown user {unknown:?}, a wrong password {wrong:?}");
        println!("{figures}");
        let apart_max = (APART * LENIENCE).max(wrong / 8);
        assert!(unknown.abs_diff(wrong) < apart_max, "{figures}");
    });
}

/// How long it takes to be told that one may not come in.
async fn refusal(address: SocketAddr, name: &str) -> Duration {
    let since = Instant::now();
    let attempt = json!({"username": name, "password": "not the password"});
    let answer = http::post(address, "/api/v1/login", &attempt, &[]).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "wrong_credentials"));
    since.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
