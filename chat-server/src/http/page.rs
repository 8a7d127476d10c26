//! The page: two HTML shells and the files that they load, all embedded in the binary.

use std::fmt::Write as _;
use std::sync::LazyLock;

use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Request, StatusCode};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use super::{Answer, Handled, answer, credentials};
use crate::config::Registration;
use crate::node::Node;

/// Where the page's files are served.
pub(super) const ASSETS: &str = "/assets/";

#[derive(RustEmbed)]
#[folder = "web/"]
struct Web;

/// The hash of all files: a new build has new addresses, so the old ones may be kept for ever.
static BUILD: LazyLock<String> = LazyLock::new(|| {
    let mut names: Vec<_> = Web::iter().collect();
    names.sort();
    let mut hash = Sha256::new();
    for name in names {
        if let Some(file) = Web::get(&name) {
            hash.update(name.as_bytes());
            hash.update(file.metadata.sha256_hash());
        }
    }
    let digest: Vec<u8> = hash.finalize().iter().take(8).copied().collect();
    data_encoding::HEXLOWER.encode(&digest)
});

/// `GET /chat`: the page, or the way to the form for whoever is not signed in.
pub(super) async fn chat(node: &Node, request: &Request<Incoming>) -> Handled {
    let credentials = credentials::read(node, request.headers());
    match credentials::sign_in(node, &credentials).await? {
        Some(_) => Ok(shell(node, "chat.html")),
        None => Ok(answer::redirect("/login")),
    }
}

/// `GET /login`: the forms.
pub(super) fn login(node: &Node) -> Answer {
    shell(node, "login.html")
}

/// A file of the page.
pub(super) fn asset(path: &str) -> Handled {
    let not_found = answer::Refused::not_found;
    let (build, name) =
        path.strip_prefix(ASSETS).and_then(|rest| rest.split_once('/')).ok_or_else(not_found)?;
    let content_type = content_type(name).ok_or_else(not_found)?;
    let file = Web::get(name).ok_or_else(not_found)?;
    let mut answer = answer::typed(StatusCode::OK, content_type, Bytes::from(file.data.into_owned()));
    if build == BUILD.as_str() {
        let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
        answer.headers_mut().insert(CACHE_CONTROL, forever);
    }
    Ok(answer)
}

fn shell(node: &Node, name: &str) -> Answer {
    let Some(file) = Web::get(name) else { return answer::empty(StatusCode::NOT_FOUND) };
    let registration = match node.registration {
        Registration::Open => "open",
        Registration::Closed => "closed",
    };
    let html = String::from_utf8_lossy(&file.data)
        .replace("{{assets}}", &format!("{ASSETS}{}", BUILD.as_str()))
        .replace("{{modulepreload}}", &module_preloads())
        .replace("{{registration}}", registration);
    answer::typed(StatusCode::OK, "text/html; charset=utf-8", html.into())
}

/// All modules at once instead of one round trip per import.
fn module_preloads() -> String {
    let mut names: Vec<_> = Web::iter().filter(|name| name.ends_with(".js")).collect();
    names.sort();
    names.iter().fold(String::new(), |mut links, name| {
        let _ = writeln!(links, "<link rel=\"modulepreload\" href=\"{ASSETS}{}/{name}\">", BUILD.as_str());
        links
    })
}

fn content_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "json" | "webmanifest" => "application/json; charset=utf-8",
        _ => return None,
    })
}
