//! Signing up, in and out; where a browser may come from.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use crate::support::server::credentials;
use crate::support::{Client, Database, TestServer, http, on_each_backend, run};

#[test]
fn people_register_and_sign_in() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let ann = json!({"username": "ann", "password": "password of ann", "display_name": "Ann Ärmel"});
            let registered = server.post("/api/v1/register", &ann).await;
            assert_eq!(registered.status, 201);
            assert_eq!(registered.json()["user"]["display_name"], "Ann Ärmel");
            let again = server.post("/api/v1/register", &ann).await;
            assert_eq!((again.status, again.code().as_str()), (409, "name_taken"));
            let signed_in = server.post("/api/v1/login", &credentials("ann")).await;
            assert_eq!(signed_in.status, 200);
            assert_eq!(signed_in.json()["user"], registered.json()["user"]);
            assert_eq!(signed_in.header("set-cookie"), None);
            let stranger = server.post("/api/v1/login", &credentials("nobody")).await;
            let wrong = json!({"username": "ann", "password": "password of bob"});
            let wrong = server.post("/api/v1/login", &wrong).await;
            assert_eq!((wrong.status, wrong.code().as_str()), (401, "wrong_credentials"));
            assert_eq!(stranger.body, wrong.body, "nobody learns who exists");
        });
    });
}

#[test]
fn bad_sign_ups_are_refused_by_name() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        let long = "x".repeat(1_025);
        let table: &[(Value, u16, &str)] = &[
            (json!({"username": "a", "password": "long enough"}), 400, "invalid_name"),
            (json!({"username": "Ann", "password": "long enough"}), 400, "invalid_name"),
            (json!({"username": "<b>", "password": "long enough"}), 400, "invalid_name"),
            (
                json!({"username": "ann", "password": "long enough", "display_name": "\u{202e}nna"}),
                400,
                "invalid_name",
            ),
            (json!({"username": "ann", "password": "long enough", "display_name": " "}), 400, "invalid_name"),
            (json!({"username": "ann", "password": "seven77"}), 400, "weak_password"),
            (json!({"username": "ann", "password": long}), 400, "weak_password"),
            (json!({"username": "ann"}), 400, "bad_field"),
            (json!({"username": 7, "password": "long enough"}), 400, "bad_field"),
            (json!([]), 400, "bad_field"),
        ];
        for (body, status, code) in table {
            let answer = server.post("/api/v1/register", body).await;
            assert_eq!((answer.status, answer.code().as_str()), (*status, *code), "{body}");
        }
        let address = server.address;
        let plain = "{\"username\":\"ann\",\"password\":\"long enough\"}";
        let length = plain.len().to_string();
        let form = [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", &length)];
        let answer =
            http::exchange(address, &http::request("POST", "/api/v1/register", address, &form, plain)).await;
        assert_eq!(answer.status, 415);
        let broken = [("Content-Type", "application/json"), ("Content-Length", "5")];
        let answer =
            http::exchange(address, &http::request("POST", "/api/v1/login", address, &broken, "{\"a\":"))
                .await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_json"));
        let huge = json!({"username": "ann", "password": "x".repeat(9_000)});
        assert_eq!(server.post("/api/v1/login", &huge).await.status, 413);
        assert_eq!(http::get(address, "/nowhere", &[]).await.status, 404);
        assert_eq!(http::get(address, "/api/v1/login", &[]).await.status, 405);
    });
}

#[test]
fn nobody_registers_where_registration_is_closed() {
    run(async {
        let closed =
            |config: &mut chat_server::Config| config.registration = chat_server::Registration::Closed;
        let server = TestServer::start_with(Database::sqlite(), closed);
        let answer = server.post("/api/v1/register", &credentials("ann")).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "registration_closed"));
    });
}

#[test]
fn a_page_signs_in_with_a_cookie_and_only_from_an_allowed_origin() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        server.sign_up("ann").await;
        let cookie = server.cookie("ann").await;
        let origin = server.origin();
        let page = http::get(server.address, "/chat", &[("Cookie", &cookie)]).await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("<fitness-chat"), "{}", page.body);
        assert!(
            page.header("content-security-policy").unwrap().contains("require-trusted-types-for 'script'")
        );
        let without = http::get(server.address, "/chat", &[]).await;
        assert_eq!((without.status, without.header("location")), (303, Some("/login")));

        let mut ann = Client::connect(&server, &[("cookie", &cookie), ("origin", &origin)]).await.unwrap();
        assert_eq!(ann.expect("status").await["user"]["username"], "ann");
        for bad in ["http://evil.example", "null"] {
            let refused = Client::connect(&server, &[("cookie", &cookie), ("origin", bad)]).await;
            assert_eq!(status(refused), 403, "{bad}");
            let without = Client::connect(&server, &[("origin", bad)]).await;
            assert_eq!(status(without), 403, "{bad}, also without a cookie");
        }
        assert_eq!(status(Client::connect(&server, &[("cookie", &cookie)]).await), 403, "no origin at all");
        let rebound = [("cookie", cookie.as_str()), ("origin", origin.as_str()), ("host", "evil.example")];
        assert_eq!(status(Client::connect(&server, &rebound).await), 403, "a foreign host");
        let body = credentials("ann");
        let foreign =
            http::post(server.address, "/api/v1/login", &body, &[("Origin", "http://evil.example")]).await;
        assert_eq!((foreign.status, foreign.code().as_str()), (403, "forbidden"));
    });
}

fn status(refused: Result<Client, Error>) -> u16 {
    match refused {
        Err(Error::Http(answer)) => answer.status().as_u16(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the upgrade was let through"),
    }
}

#[test]
fn signing_out_closes_that_devices_sockets_and_no_others() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            server.sign_up("ann").await;
            let cookie = server.cookie("ann").await;
            let origin = server.origin();
            let headers = [("cookie", cookie.as_str()), ("origin", origin.as_str())];
            let mut page = Client::connect(&server, &headers).await.unwrap();
            page.expect("status").await;
            let token = server.sign_in("ann").await;
            let mut phone = Client::with_token(&server, &token).await;

            let foreign = [("Cookie", cookie.as_str()), ("Origin", "http://evil.example")];
            assert_eq!(http::post(server.address, "/api/v1/logout", &json!({}), &foreign).await.status, 403);
            let own = [("Cookie", cookie.as_str()), ("Origin", origin.as_str())];
            let out = http::post(server.address, "/api/v1/logout", &json!({}), &own).await;
            assert_eq!(out.status, 204);
            assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
            assert_eq!(page.closed().await, Some(4500));
            phone.ask(json!({"type": "ping"})).await;

            let mut stale = Client::connect(&server, &headers).await.unwrap();
            assert_eq!(stale.closed().await, Some(4501), "a page can't see a 401");
            let bearer = format!("Bearer {token}");
            let bearer = [("Authorization", bearer.as_str())];
            assert_eq!(http::post(server.address, "/api/v1/logout", &json!({}), &bearer).await.status, 204);
            assert_eq!(phone.closed().await, Some(4500));
            assert_eq!(http::post(server.address, "/api/v1/logout", &json!({}), &bearer).await.status, 401);
        });
    });
}

#[test]
fn the_first_frame_signs_in_or_the_connection_ends() {
    run(async {
        let quick = |config: &mut chat_server::Config| config.timers.sign_in_timeout_ms = 300;
        let server = TestServer::start_with(Database::sqlite(), quick);
        let token = server.sign_up("ann").await;
        let mut late = Client::connect(&server, &[]).await.unwrap();
        let mut ann = Client::connect(&server, &[]).await.unwrap();
        assert_eq!(ann.refused(json!({"type": "get_rooms"})).await, "unauthenticated");
        assert_eq!(ann.refused(json!({"type": "connect", "token": "nonsense"})).await, "unauthenticated");
        let status = ann.ask(json!({"type": "connect", "token": token})).await;
        assert_eq!((status["type"].clone(), status["status"].clone()), (json!("status"), json!("connected")));
        assert_eq!(status["user"]["username"], "ann");
        assert_eq!(late.closed().await, Some(4503));
        let renewed = ann.ask(json!({"type": "connect", "token": server.sign_in("ann").await})).await;
        assert_eq!(renewed["status"], "connected", "the same frame renews the token");
        let bobs = server.sign_up("bob").await;
        assert_eq!(ann.refused(json!({"type": "connect", "token": bobs})).await, "forbidden");
    });
}

#[test]
fn a_bad_bearer_token_gets_401_and_bad_handshakes_get_an_answer() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        for bad in ["Bearer nonsense", "Bearer ", "Basic YTpi"] {
            assert_eq!(status(Client::connect(&server, &[("authorization", bad)]).await), 401, "{bad}");
        }
        let good = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let table: [(&str, &str, u16); 5] = [
            ("Connection", "close", 426),
            ("Upgrade", "h2c", 426),
            ("Sec-WebSocket-Version", "8", 426),
            ("Sec-WebSocket-Key", "short", 400),
            ("Sec-WebSocket-Key", "bm90IHNpeHRlZW4=", 400),
        ];
        for (name, value, wanted) in table {
            let mut headers = good;
            headers.iter_mut().find(|(held, _)| *held == name).unwrap().1 = value;
            let answer = http::get(server.address, "/ws", &headers).await;
            assert_eq!(answer.status, wanted, "{name}: {value}");
            if wanted == 426 {
                assert_eq!(answer.header("sec-websocket-version"), Some("13"));
            }
        }
    });
}
