//! People look at their sessions, end them, and change their password.

use std::time::{Duration, Instant};

use chat_domain::{RepositoryError, Username};
use serde_json::{Value, json};

use crate::support::http::Response;
use crate::support::server::credentials;
use crate::support::{Client, DEADLINE, Database, TestServer, http, on_each_backend, run};

/// How often a device connects and is signed out at once.
const CONNECTING: usize = 20;
/// Three times the second within which a connection is closed whose right ended.
const CLOSED_WITHIN: Duration = Duration::from_secs(3);

async fn get(server: &TestServer, token: &str) -> Response {
    http::get(server.address, "/api/v1/sessions", &[("Authorization", &format!("Bearer {token}"))]).await
}

/// The sessions that a person sees.
async fn sessions(server: &TestServer, token: &str) -> Vec<Value> {
    let answer = get(server, token).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["sessions"].as_array().unwrap().clone()
}

/// The id of the session of a token.
async fn id_of(server: &TestServer, token: &str) -> String {
    let own = sessions(server, token).await;
    let current: Vec<_> = own.iter().filter(|session| session["is_current"] == true).collect();
    assert_eq!(current.len(), 1, "{own:?}");
    current[0]["id"].as_str().unwrap().to_owned()
}

async fn post(server: &TestServer, token: &str, path: &str, body: &Value) -> Response {
    http::post(server.address, path, body, &[("Authorization", &format!("Bearer {token}"))]).await
}

async fn revoke(server: &TestServer, token: &str, body: Value) -> Response {
    post(server, token, "/api/v1/sessions/revoke", &body).await
}

fn password(name: &str, new: &str) -> Value {
    json!({"current_password": format!("password of {name}"), "new_password": new})
}

/// Waits for the close with which a connection ends whose session was ended.
async fn signed_out(client: &mut Client, since: Instant) {
    assert_eq!(client.closed().await, Some(4500));
    assert!(since.elapsed() < CLOSED_WITHIN, "{:?}", since.elapsed());
}

/// The times of a real server, where tests have shorter ones.
fn real_polls(config: &mut chat_server::Config) {
    config.timers.control_poll_ms = chat_server::Timers::default().control_poll_ms;
}

#[test]
fn people_see_their_own_sessions_those_seen_last_first() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let first = server.sign_up("ann").await;
            server.sign_up("bob").await;
            let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
            let login = credentials("ann");
            let second = http::post(server.address, "/api/v1/login", &login, &[("User-Agent", agent)]).await;
            let second = second.json()["token"].as_str().unwrap().to_owned();
            let own = sessions(&server, &second).await;
            assert_eq!(own.len(), 2, "{own:?}");
            let (is_current, devices): (Vec<_>, Vec<_>) =
                own.iter().map(|session| (session["is_current"].clone(), session["device"].clone())).unzip();
            assert_eq!(is_current, [true, false]);
            assert_eq!(devices, [json!("Firefox on Linux"), Value::Null]);
            for session in &own {
                let time = |name: &str| session[name].as_i64().unwrap();
                assert!(time("last_seen_at") >= time("created_at"), "{session}");
                assert_eq!(time("expires_at") - time("created_at"), 30 * 24 * 60 * 60 * 1_000);
                assert!(session["id"].is_string());
            }
            let of_first = sessions(&server, &first).await;
            assert_eq!((of_first[0]["id"].clone(), of_first[1]["id"].clone()), {
                (own[1]["id"].clone(), own[0]["id"].clone())
            });
            assert_eq!(get(&server, "nonsense").await.status, 401);
            let address = server.address;
            assert_eq!(http::get(address, "/api/v1/sessions", &[]).await.status, 401);
            let cookie = server.cookie("ann").await;
            let page = [("Cookie", cookie.as_str())];
            assert_eq!(http::get(address, "/api/v1/sessions", &page).await.status, 200, "no origin on a GET");
            let foreign = [("Cookie", cookie.as_str()), ("Origin", "http://evil.example")];
            assert_eq!(http::get(address, "/api/v1/sessions", &foreign).await.status, 403);
            assert_eq!(server.post("/api/v1/sessions", &json!({})).await.status, 405);
        });
    });
}

#[test]
fn one_session_is_revoked_and_its_sockets_close() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start_with(database, real_polls);
            let laptop = server.sign_up("ann").await;
            let phone = server.sign_in("ann").await;
            let bobs = server.sign_up("bob").await;
            let mut on_laptop = Client::with_token(&server, &laptop).await;
            let mut on_phone = Client::with_token(&server, &phone).await;
            let mut second_on_phone = Client::with_token(&server, &phone).await;
            let mut bob = Client::with_token(&server, &bobs).await;

            for unknown in [id_of(&server, &bobs).await, "999999".to_owned(), "-1".to_owned()] {
                let refused = revoke(&server, &laptop, json!({"session_id": unknown})).await;
                assert_eq!((refused.status, refused.code().as_str()), (404, "unknown_session"), "{unknown}");
            }
            let since = Instant::now();
            let session_id = id_of(&server, &phone).await;
            assert_eq!(revoke(&server, &laptop, json!({"session_id": session_id})).await.status, 204);
            signed_out(&mut on_phone, since).await;
            signed_out(&mut second_on_phone, since).await;
            assert_eq!(get(&server, &phone).await.status, 401);
            let again = revoke(&server, &laptop, json!({"session_id": session_id})).await;
            assert_eq!(again.status, 404);
            let by_the_ended = revoke(&server, &phone, json!({"others": true})).await;
            assert_eq!((by_the_ended.status, by_the_ended.code().as_str()), (401, "unauthenticated"));
            on_laptop.ask(json!({"type": "ping"})).await;
            bob.ask(json!({"type": "ping"})).await;

            let own = json!({"session_id": id_of(&server, &laptop).await});
            let since = Instant::now();
            assert_eq!(revoke(&server, &laptop, own).await.status, 204, "one's own is a sign-out");
            signed_out(&mut on_laptop, since).await;
        });
    });
}

#[test]
fn all_other_sessions_are_revoked_and_their_sockets_close() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start_with(database, real_polls);
            let kept = server.sign_up("ann").await;
            let mut others = Vec::new();
            for _ in 0..3 {
                let token = server.sign_in("ann").await;
                others.push(Client::with_token(&server, &token).await);
            }
            let mut on_kept = Client::with_token(&server, &kept).await;
            let mut bob = Client::sign_up(&server, "bob").await;
            let since = Instant::now();
            assert_eq!(revoke(&server, &kept, json!({"others": true})).await.status, 204);
            for other in &mut others {
                signed_out(other, since).await;
            }
            assert_eq!(sessions(&server, &kept).await.len(), 1);
            on_kept.ask(json!({"type": "ping"})).await;
            bob.ask(json!({"type": "ping"})).await;
        });
    });
}

#[test]
fn a_changed_password_counts_and_ends_the_other_sessions() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start_with(database, real_polls);
            let kept = server.sign_up("ann").await;
            let mut on_kept = Client::with_token(&server, &kept).await;
            let mut other = Client::with_token(&server, &server.sign_in("ann").await).await;
            let path = "/api/v1/password";
            let table = [
                (password("bob", "a new password"), 401, "wrong_credentials"),
                (password(&"x".repeat(2_000), "a new password"), 401, "wrong_credentials"),
                (password("ann", "short"), 400, "weak_password"),
                (password("ann", &"x".repeat(1_025)), 400, "weak_password"),
                (json!({"new_password": "a new password"}), 400, "bad_field"),
            ];
            for (body, status, code) in table {
                let refused = post(&server, &kept, path, &body).await;
                assert_eq!((refused.status, refused.code().as_str()), (status, code), "{body}");
            }
            let good = password("ann", "a new password");
            assert_eq!(server.post(path, &good).await.status, 401, "nobody is signed in");
            other.ask(json!({"type": "ping"})).await;

            let since = Instant::now();
            assert_eq!(post(&server, &kept, path, &good).await.status, 204);
            signed_out(&mut other, since).await;
            on_kept.ask(json!({"type": "ping"})).await;
            assert_eq!(sessions(&server, &kept).await.len(), 1);
            assert_eq!(server.post("/api/v1/login", &credentials("ann")).await.status, 401);
            let new = json!({"username": "ann", "password": "a new password"});
            assert_eq!(server.post("/api/v1/login", &new).await.status, 200);
            assert_eq!(post(&server, &kept, path, &good).await.status, 401, "the old one is wrong now");
        });
    });
}

#[test]
fn what_a_page_changes_comes_from_an_allowed_origin() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        server.sign_up("ann").await;
        let cookie = server.cookie("ann").await;
        let origin = server.origin();
        let changes = [
            ("/api/v1/sessions/revoke", json!({"others": true})),
            ("/api/v1/password", password("ann", "a new password")),
        ];
        for (path, body) in changes {
            for origin in [None, Some("http://evil.example"), Some("null")] {
                let mut headers = vec![("Cookie", cookie.as_str())];
                headers.extend(origin.map(|origin| ("Origin", origin)));
                let refused = http::post(server.address, path, &body, &headers).await;
                assert_eq!(
                    (refused.status, refused.code().as_str()),
                    (403, "forbidden"),
                    "{path} {origin:?}"
                );
            }
            let headers = [("Cookie", cookie.as_str()), ("Origin", origin.as_str())];
            assert_eq!(http::post(server.address, path, &body, &headers).await.status, 204, "{path}");
        }
    });
}

#[test]
fn a_request_to_revoke_names_one_session_or_the_others() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        let token = server.sign_up("ann").await;
        let id = id_of(&server, &token).await;
        let bad = [
            json!({}),
            json!({"others": false}),
            json!({"others": true, "session_id": id}),
            json!({"others": "yes"}),
            json!({"session_id": 12}),
            json!({"session_id": "twelve"}),
            json!({"session_id": "99999999999999999999"}),
            json!({"session_id": null}),
        ];
        for body in bad {
            let refused = revoke(&server, &token, body.clone()).await;
            assert_eq!((refused.status, refused.code().as_str()), (400, "bad_field"), "{body}");
        }
        assert_eq!(sessions(&server, &token).await.len(), 1);
    });
}

#[test]
fn guessing_the_current_password_is_as_slow_as_signing_in() {
    run(async {
        let server =
            TestServer::start_with(Database::sqlite(), |config| config.limits.logins_per_minute = Some(3));
        let token = server.sign_up("ann").await;
        let guess = password("bob", "a new password");
        for _ in 0..2 {
            assert_eq!(post(&server, &token, "/api/v1/password", &guess).await.status, 401);
        }
        let refused = post(&server, &token, "/api/v1/password", &guess).await;
        assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limited"));
        assert_eq!(server.post("/api/v1/login", &credentials("ann")).await.status, 429);
    });
}

/// Short times: what is seen is written down ten times before it would count as unseen.
fn short_idle(config: &mut chat_server::Config) {
    config.limits.session_idle_ms = 3_000;
    config.timers.session_touch_ms = 300;
}

#[test]
fn a_session_ends_that_is_not_seen_and_an_open_connection_is_seen() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start_with(database, short_idle);
            let connected = server.sign_up("ann").await;
            let mut on_connected = Client::with_token(&server, &connected).await;
            let asking = server.sign_in("ann").await;
            let unseen = server.sign_in("ann").await;
            let connected_id = id_of(&server, &connected).await;
            let unseen_id = id_of(&server, &unseen).await;
            let gone = async {
                loop {
                    let ids: Vec<Value> = sessions(&server, &asking)
                        .await
                        .into_iter()
                        .map(|session| session["id"].clone())
                        .collect();
                    if !ids.contains(&json!(unseen_id)) {
                        return ids;
                    }
                }
            };
            // By now the other two would have ended too, had they not been seen.
            let left = tokio::time::timeout(DEADLINE, gone).await.unwrap();
            assert!(left.contains(&json!(connected_id)) && left.len() == 2, "{left:?}");
            assert_eq!(get(&server, &unseen).await.status, 401);
            let bearer = format!("Bearer {unseen}");
            assert!(Client::connect(&server, &[("authorization", &bearer)]).await.is_err());
            on_connected.ask(json!({"type": "ping"})).await;
            Client::with_token(&server, &connected).await;
        });
    });
}

#[test]
fn being_seen_is_written_down_once_in_a_while_and_not_with_every_request() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start_with(database, |config| {
                config.timers.session_touch_ms = 1_000;
                config.timers.upkeep_ms = 1;
            });
            let token = server.sign_up("ann").await;
            let store = server.store();
            let written = || {
                let user = Username::new("ann").unwrap();
                let listed = store.read(|repository| {
                    let user = repository.find_user_by_name(&user)?.unwrap();
                    repository.list_sessions(user.id(), 1)
                });
                listed.map_err(|error: RepositoryError| error).unwrap()[0].session.last_seen_at.unix_ms()
            };
            let begun = written();
            let mut times = vec![begun];
            while times.len() < 3 {
                assert_eq!(get(&server, &token).await.status, 200);
                let now = written();
                if now != times[times.len() - 1] {
                    times.push(now);
                }
                assert!(now - begun < 15_000, "{times:?}");
            }
            for (earlier, later) in times.iter().zip(&times[1..]) {
                assert!(later - earlier >= 1_000, "{times:?}");
            }
        });
    });
}

/// Signs a device out at the very moment at which it connects, again and again: whichever comes first, the connection
/// ends or never begins.
#[test]
fn a_connection_that_begins_while_its_session_ends_is_closed() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let keeper = server.sign_up("ann").await;
            for _ in 0..CONNECTING {
                let token = server.sign_in("ann").await;
                let bearer = format!("Bearer {token}");
                let headers = [("authorization", bearer.as_str())];
                let others = json!({"others": true});
                let (connected, revoked) =
                    tokio::join!(Client::connect(&server, &headers), revoke(&server, &keeper, others));
                assert_eq!(revoked.status, 204);
                if let Ok(mut client) = connected {
                    assert_eq!(client.closed().await, Some(4500));
                }
            }
        });
    });
}
