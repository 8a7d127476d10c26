//! HTTP: the page, signing in and out, health, and the upgrade to a WebSocket.

mod address;
mod answer;
mod body;
mod credentials;
mod device;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod health;
mod login;
mod logout;
mod metrics;
mod page;
mod password;
mod policy;
mod register;
mod revoke_sessions;
mod sessions;
mod upgrade;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chat_protocol::ErrorCode;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::connection::socket::Stream;
use crate::failure::Failure;
use crate::node::metrics::Transport;
use crate::node::rates::Arrival;
use crate::node::{Node, RequestUnderWay};
use crate::shard::Shard;
use crate::survive::survive;

/// Bytes of a request's header, at most.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// Fields in a request's header, at most.
const HEADER_FIELDS_MAX: usize = 64;

/// The route that sends every message back, for conformance suites.
#[cfg(feature = "echo")]
const ECHO: &str = "/echo";

type Answer = Response<Full<Bytes>>;

/// What a connection gets for which there is no place.
const NO_PLACE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Serves the requests of one TCP connection, until it ends or becomes a WebSocket.
pub(crate) async fn serve<S: Stream>(shard: Rc<Shard<S::Writer>>, stream: S, peer: SocketAddr) {
    let node = Arc::clone(&shard.node);
    let stands_for_many = address::is_of_many(peer.ip(), &node.trusted_proxies);
    let Some(_visit) = node.visitors.enter(peer.ip().to_canonical(), stands_for_many) else {
        stream.write_once(NO_PLACE);
        return;
    };
    let header_timeout = Duration::from_millis(node.timers.header_timeout_ms);
    let service = service_fn(move |request| {
        let shard = Rc::clone(&shard);
        async move {
            let _under_way = RequestUnderWay::begin(&shard.node);
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let address = address::client(request.headers(), peer, &shard.node.trusted_proxies);
            let handled = survive("a request", route::<S>(&shard, request, peer)).await;
            let handled = handled.unwrap_or_else(|| Err(Failure::panicked().into()));
            if let Err(refused) = &handled {
                note_refusal(&shard.node, &path, &refused.failure, address);
            }
            count_sign_in(&shard.node, &method, &path, handled.as_ref().err());
            let mut answer = handled.unwrap_or_else(answer::refused);
            answer::secure(&mut answer, &shard.node);
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADER_FIELDS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let lifetime = Duration::from_millis(node.timers.http_lifetime_ms);
    if tokio::time::timeout(lifetime, connection.as_mut()).await.is_err() {
        // Whoever takes no answer, or keeps asking for ever, gives the place to others; a browser connects anew.
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(header_timeout, connection).await;
    }
}

/// Finds what a request asks for.
async fn route<S: Stream>(
    shard: &Rc<Shard<S::Writer>>,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Handled {
    policy::check(&request)?;
    let node = Arc::clone(&shard.node);
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    if asks_the_database(&path) {
        let address = address::client(request.headers(), peer, &node.trusted_proxies);
        node.rates.arrive(Arrival::Lookup, address, node.clock.now())?;
    }
    match (&method, path.as_str()) {
        (&Method::GET, "/ws") => upgrade::handle::<S>(shard, request, peer).await,
        #[cfg(feature = "echo")]
        (&Method::GET, ECHO) => upgrade::handle::<S>(shard, request, peer).await,
        (&Method::POST, "/api/v1/register") => register::handle(&node, request, peer).await,
        (&Method::POST, "/api/v1/login") => login::handle(&node, request, peer).await,
        (&Method::POST, "/api/v1/logout") => logout::handle(&node, request).await,
        (&Method::GET | &Method::HEAD, "/api/v1/sessions") => sessions::handle(&node, &request).await,
        (&Method::POST, "/api/v1/sessions/revoke") => revoke_sessions::handle(&node, request).await,
        (&Method::POST, "/api/v1/password") => password::handle(&node, request, peer).await,
        (&Method::GET | &Method::HEAD, "/") => Ok(answer::redirect("/chat")),
        (&Method::GET | &Method::HEAD, "/chat") => page::chat(&node, &request).await,
        (&Method::GET | &Method::HEAD, "/login") => Ok(page::login(&node)),
        (&Method::GET | &Method::HEAD, "/healthz") => Ok(answer::text("ok\n")),
        (&Method::GET | &Method::HEAD, "/readyz") => Ok(health::ready(&node).await),
        (&Method::GET | &Method::HEAD, "/metrics") => metrics::handle(&node, &request, peer),
        (&Method::GET | &Method::HEAD, asset) if asset.starts_with(page::ASSETS) => page::asset(asset),
        (_, known) => Err(not_there(known)),
    }
}

/// Whether a request to a path asks the database before it counts in a rate of its own.
fn asks_the_database(path: &str) -> bool {
    matches!(
        path,
        "/readyz"
            | "/chat"
            | "/api/v1/logout"
            | "/api/v1/password"
            | "/api/v1/sessions"
            | "/api/v1/sessions/revoke"
    )
}

/// Counts a refusal, and logs it where it concerns security.
fn note_refusal(node: &Node, path: &str, failure: &Failure, address: IpAddr) {
    node.metrics.refused(Transport::Http, failure.code);
    let now = node.clock.now();
    match failure.code {
        ErrorCode::RateLimited => node.refusal_log.address_limited(&failure.message, address, now),
        // Who calls up the page or the metrics without one is no attacker yet.
        ErrorCode::Unauthenticated if path == "/ws" || path.starts_with("/api/") => {
            node.refusal_log.token_refused(address, now);
        }
        _ => {}
    }
}

/// Counts what a sign-in or a registration came to.
fn count_sign_in(node: &Node, method: &Method, path: &str, refused: Option<&answer::Refused>) {
    let code = refused.map(|refused| refused.failure.code);
    match (method, path) {
        (&Method::POST, "/api/v1/login") => node.metrics.login(code),
        (&Method::POST, "/api/v1/register") => node.metrics.registration(code),
        _ => {}
    }
}

/// A path or a method that isn't there.
fn not_there(path: &str) -> answer::Refused {
    let methods = match path {
        "/ws" => "GET",
        #[cfg(feature = "echo")]
        ECHO => "GET",
        "/api/v1/register" | "/api/v1/login" | "/api/v1/logout" | "/api/v1/password" => "POST",
        "/api/v1/sessions" => "GET, HEAD",
        "/api/v1/sessions/revoke" => "POST",
        "/" | "/chat" | "/login" | "/healthz" | "/readyz" | "/metrics" => "GET, HEAD",
        asset if asset.starts_with(page::ASSETS) => "GET, HEAD",
        _ => return answer::Refused::not_found(),
    };
    answer::Refused::wrong_method(methods)
}

/// What a handler works with.
type Handled = Result<Answer, answer::Refused>;

/// Whether the page of this request may speak with a person's cookie, or there is no page at all.
fn refuse_foreign(node: &Node, request: &Request<Incoming>) -> Result<(), answer::Refused> {
    match node.origins.judge(request.headers()) {
        crate::origins::Provenance::Foreign => {
            Err(Failure::new(ErrorCode::Forbidden, "this origin may not speak with the chat").into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_panic_in_a_request_is_answered_with_500_and_the_connection_goes_on() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let shard = Shard::new(0, crate::defect::node());
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (server, peer) = listener.accept().await.unwrap();
            tokio::task::spawn_local(serve(shard, server, peer));
            let token = "t".repeat(43);
            let requests = format!(
                "GET /chat HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\r\n\
                 GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
            );
            client.write_all(requests.as_bytes()).await.unwrap();
            let mut answers = String::new();
            client.read_to_string(&mut answers).await.unwrap();
            assert!(answers.starts_with("HTTP/1.1 500"), "{answers}");
            assert!(answers.contains("\"code\":\"internal\"") && answers.contains("nosniff"), "{answers}");
            assert!(answers.ends_with("ok\n"), "{answers}");
        });
    }

    proptest::proptest! {
        #[test]
        fn no_header_panics(
            name in proptest::sample::select(vec![
                "x-forwarded-for", "origin", "host", "cookie", "authorization", "user-agent", "content-type",
                "sec-websocket-key", "sec-websocket-protocol",
            ]),
            values in proptest::collection::vec(
                "(chat_session=|Bearer |https?://|[0-9.:,\\[\\]/]{0,20})[\\x20-\\x7e\\xa0-\\u{ffff}]{0,40}", 0..4,
            ),
        ) {
            let mut headers = hyper::HeaderMap::new();
            for value in values {
                if let Ok(value) = hyper::header::HeaderValue::from_bytes(value.as_bytes()) {
                    headers.append(name, value);
                }
            }
            NODE.with(|node| {
                let peer = SocketAddr::from(([127, 0, 0, 1], 1));
                let _ = address::client(&headers, peer, &["127.0.0.0/8".parse().unwrap()]);
                let _ = credentials::read(node, &headers);
                let _ = node.origins.judge(&headers);
                let _ = device::name(&headers);
            });
        }
    }

    thread_local! {
        static NODE: Arc<Node> = crate::defect::node();
    }
}
