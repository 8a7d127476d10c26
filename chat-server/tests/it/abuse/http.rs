//! Bad requests over plain HTTP.

use super::{Target, answer_to, status};

/// A request to the letter, the status that it must get, and the name in the error object (or nothing, where the HTTP
/// library answers before anything of ours is asked).
type Case = (String, u16, &'static str);

pub(super) async fn all(target: &Target) -> usize {
    let cases: Vec<Case> = [heads(target), bodies(target), policy(target)].concat();
    for (request, wanted, code) in &cases {
        let answer = answer_to(target.address, request.as_bytes()).await;
        let shown: String = request.chars().take(300).collect();
        assert_eq!(status(&answer), *wanted, "{shown:?} got {answer:?}");
        if !code.is_empty() {
            assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{shown:?} got {answer:?}");
            for header in
                ["x-content-type-options: nosniff", "cache-control: no-store", "content-security-policy"]
            {
                assert!(answer.contains(header), "{shown:?} got an answer without {header}: {answer:?}");
            }
        }
    }
    cases.len()
}

/// What is wrong with the request line and the header.
fn heads(Target { address, .. }: &Target) -> Vec<Case> {
    let get = |path: &str, fields: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{fields}\r\n")
    };
    vec![
        ("GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), 400, "bad_field"),
        (get("/healthz", "Host: other.example\r\n"), 400, "bad_field"),
        (
            "GET /healthz HTTP/1.1\r\nHost: two names\r\nConnection: close\r\n\r\n".to_owned(),
            400,
            "bad_field",
        ),
        ("GET /healthz HTTP/1.1\r\nHost: h/path\r\nConnection: close\r\n\r\n".to_owned(), 400, "bad_field"),
        (get("/healthz", "Bad Field: x\r\n"), 400, ""),
        (get("/healthz", "X-Folded: a\r\n b\r\n"), 400, ""),
        (get("/healthz", "X-Nul: a\0b\r\n"), 400, ""),
        (get("/healthz", &format!("X-Long: {}\r\n", "x".repeat(20_000))), 431, ""),
        (get("/healthz", &(0..100).map(|n| format!("X-{n}: x\r\n")).collect::<String>()), 431, ""),
        (get(&format!("/{}", "x".repeat(3_000)), ""), 414, "bad_field"),
        (get(&format!("/healthz?{}", "x".repeat(3_000)), ""), 414, "bad_field"),
        (get("/nothing-here", ""), 404, "unknown_type"),
        (get("/assets/../../etc/passwd", ""), 404, "unknown_type"),
        (get("/assets/x/..%2f..%2fsecret_key", ""), 404, "unknown_type"),
        (get("/api/v1/login", ""), 405, "unknown_type"),
        (get("//evil.example/chat", ""), 404, "unknown_type"),
        ("GET /healthz\r\n\r\n".to_owned(), 400, ""),
        ("G@T /healthz HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 400, ""),
        ("GET /heal thz HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 400, ""),
        // HTTP/2 without having agreed on it: it would not understand an answer in HTTP/1.1, and gets none.
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 0, ""),
        ("\u{16}\u{3}\u{1}\u{2}\0 a TLS hello\r\n\r\n".to_owned(), 400, ""),
        (
            format!("TRACE /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"),
            405,
            "unknown_type",
        ),
        (
            format!("DELETE /chat HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"),
            405,
            "unknown_type",
        ),
    ]
}

/// What is wrong with a body or how it is sent.
fn bodies(Target { address, .. }: &Target) -> Vec<Case> {
    let raw = |fields: &str, body: &str| {
        format!("POST /api/v1/login HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{fields}\r\n{body}")
    };
    let sized = |kind: &str, body: &str| raw(&format!("{kind}Content-Length: {}\r\n", body.len()), body);
    let json = |body: &str| sized("Content-Type: application/json\r\n", body);
    let chunked = "Transfer-Encoding: chunked\r\n";
    let typed = "Content-Type: application/json\r\n";
    vec![
        (raw(&format!("{typed}Content-Length: 2\r\n{chunked}"), "0\r\n\r\n"), 400, "bad_field"),
        (raw(&format!("{typed}{chunked}Content-Length: 2\r\n"), "0\r\n\r\n"), 400, "bad_field"),
        (raw(&format!("{typed}{chunked}"), "2\r\n{}\r\n0\r\n\r\n"), 400, "bad_field"),
        (raw(&format!("{typed}Transfer-Encoding: gzip, identity\r\n"), "{}"), 400, ""),
        (raw(&format!("{typed}Content-Length: 2\r\nContent-Length: 3\r\n"), "{}"), 400, ""),
        (raw(&format!("{typed}Content-Length: -1\r\n"), ""), 400, ""),
        (raw(&format!("{typed}Content-Length: two\r\n"), "{}"), 400, ""),
        (raw(&format!("{typed}Content-Length: 99999999999999\r\n"), "{"), 413, "message_too_long"),
        (raw(&format!("{typed}Content-Length: 99999999999999999999999\r\n"), "{"), 400, ""),
        (json(&format!("{{\"username\":\"{}\"}}", "x".repeat(9_000))), 413, "message_too_long"),
        (sized("", "{}"), 415, "bad_json"),
        (sized("Content-Type: text/plain\r\n", "{}"), 415, "bad_json"),
        (
            sized("Content-Type: application/x-www-form-urlencoded\r\n", "username=ann&password=x"),
            415,
            "bad_json",
        ),
        (sized(&format!("{typed}Content-Encoding: gzip\r\n"), "{}"), 415, "bad_field"),
        (json(""), 400, "bad_json"),
        (json("{"), 400, "bad_json"),
        (json("\u{feff}{}"), 400, "bad_json"),
        (json("[]"), 400, "bad_field"),
        (json("null"), 400, "bad_field"),
        (json("{\"username\":\"ann\"}"), 400, "bad_field"),
        (json("{\"username\":5,\"password\":\"x\"}"), 400, "bad_field"),
        (json("{\"username\":\"ann\",\"username\":\"bob\",\"password\":\"x\"}"), 400, "bad_field"),
        (json(&"[".repeat(8_000)), 400, "bad_field"),
        (json("{\"username\":\"\\ud800\",\"password\":\"x\"}"), 400, "bad_json"),
        (json("{\"username\":\"ann\",\"password\":\"wrong as can be\"}"), 401, "wrong_credentials"),
        (json("{\"username\":\"' OR 1=1 --\",\"password\":\"wrong as can be\"}"), 401, "wrong_credentials"),
        (json("{\"username\":\"ann\\u0000\",\"password\":\"wrong as can be\"}"), 401, "wrong_credentials"),
        (json("{\"username\":\"ann\",\"password\":\"short\"}"), 401, "wrong_credentials"),
    ]
}

/// What is well formed and not allowed.
fn policy(Target { address, token }: &Target) -> Vec<Case> {
    let post = |path: &str, fields: &str, body: &str| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n{fields}\r\n{body}"
        )
    };
    let register = |username: &str, password: &str, display_name: &str| {
        let body =
            serde_json::json!({"username": username, "password": password, "display_name": display_name});
        post("/api/v1/register", "", &body.to_string())
    };
    let right = "{\"username\":\"ann\",\"password\":\"password of ann\"}";
    let good = "a good password";
    vec![
        (post("/api/v1/login", "Origin: https://evil.example\r\n", right), 403, "forbidden"),
        (post("/api/v1/login", "Origin: null\r\n", right), 403, "forbidden"),
        (post("/api/v1/register", "Origin: https://evil.example\r\n", right), 403, "forbidden"),
        (post("/api/v1/logout", &format!("Cookie: chat_session={token}\r\n"), "{}"), 403, "forbidden"),
        (
            post("/api/v1/logout", &format!("Cookie: chat_session={token}\r\nOrigin: null\r\n"), "{}"),
            403,
            "forbidden",
        ),
        (post("/api/v1/logout", "", "{}"), 401, "unauthenticated"),
        (post("/api/v1/logout", "Authorization: Bearer nobody\r\n", "{}"), 401, "unauthenticated"),
        (register("a", good, "A"), 400, "invalid_name"),
        (register("Ann Smith", good, "A"), 400, "invalid_name"),
        (register("<script>", good, "A"), 400, "invalid_name"),
        (register("аnn", good, "A"), 400, "invalid_name"), // a Cyrillic а
        (register(&"z".repeat(33), good, "A"), 400, "invalid_name"),
        (register("new", good, "Ann\u{202e}nnA"), 400, "invalid_name"),
        (register("new", good, "a\u{200b}"), 400, "invalid_name"),
        (register("new", good, "a\nb"), 400, "invalid_name"),
        (register("new", good, ""), 400, "invalid_name"),
        (register("new", good, &"x".repeat(65)), 400, "invalid_name"),
        (register("new", "1234567", "New"), 400, "weak_password"),
        (register("new", &"x".repeat(1_025), "New"), 400, "weak_password"),
        (register("ann", good, "Ann"), 409, "name_taken"),
    ]
}
