//! HTTP: the page, signing in and out, health, and the upgrade to a WebSocket.

mod address;
mod answer;
mod body;
mod credentials;
mod health;
mod login;
mod logout;
mod page;
mod register;
mod upgrade;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chat_protocol::ErrorCode;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use crate::failure::Failure;
use crate::node::Node;
use crate::shard::Shard;

/// Bytes of a request's header, at most.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// Fields in a request's header, at most.
const HEADER_FIELDS_MAX: usize = 64;

type Answer = Response<Full<Bytes>>;

/// Serves the requests of one TCP connection, until it ends or becomes a WebSocket.
pub(crate) async fn serve(shard: Rc<Shard<OwnedWriteHalf>>, stream: TcpStream, peer: SocketAddr) {
    let header_timeout = Duration::from_millis(shard.node.timers.header_timeout_ms);
    let service = service_fn(move |request| {
        let shard = Rc::clone(&shard);
        async move { Ok::<_, Infallible>(route(&shard, request, peer).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADER_FIELDS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "an HTTP connection ended");
    }
}

/// Finds what a request asks for. Every answer carries the security headers.
async fn route(shard: &Rc<Shard<OwnedWriteHalf>>, request: Request<Incoming>, peer: SocketAddr) -> Answer {
    let node = Arc::clone(&shard.node);
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let answer = match (&method, path.as_str()) {
        (&Method::GET, "/ws") => upgrade::handle(shard, request).await,
        (&Method::POST, "/api/v1/register") => register::handle(&node, request, peer).await,
        (&Method::POST, "/api/v1/login") => login::handle(&node, request, peer).await,
        (&Method::POST, "/api/v1/logout") => logout::handle(&node, request).await,
        (&Method::GET | &Method::HEAD, "/") => Ok(answer::redirect("/chat")),
        (&Method::GET | &Method::HEAD, "/chat") => page::chat(&node, &request).await,
        (&Method::GET | &Method::HEAD, "/login") => Ok(page::login(&node)),
        (&Method::GET | &Method::HEAD, "/healthz") => Ok(answer::text("ok\n")),
        (&Method::GET | &Method::HEAD, "/readyz") => Ok(health::ready(&node).await),
        (&Method::GET | &Method::HEAD, asset) if asset.starts_with(page::ASSETS) => page::asset(asset),
        (_, known) => Err(not_there(known)),
    };
    let mut answer = answer.unwrap_or_else(answer::refused);
    answer::secure(&mut answer, &node);
    answer
}

/// A path or a method that isn't there.
fn not_there(path: &str) -> answer::Refused {
    let is_known = matches!(
        path,
        "/" | "/ws"
            | "/chat"
            | "/login"
            | "/healthz"
            | "/readyz"
            | "/api/v1/register"
            | "/api/v1/login"
            | "/api/v1/logout"
    );
    if is_known {
        let failure = Failure::new(ErrorCode::UnknownType, "this path doesn't have that method");
        return answer::Refused { status: hyper::StatusCode::METHOD_NOT_ALLOWED, failure };
    }
    answer::Refused::not_found()
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
