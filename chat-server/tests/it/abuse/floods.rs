//! A lot of what is allowed once: bounded memory, and in the end a close code.

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::Target;
use crate::support::Client;
use crate::support::frames::{CONTINUES, PING, TEXT, TEXT_BEGINS, frame, header};

/// Frames in a flood.
const FLOOD: usize = 100_000;
/// Connections that do the same at once.
const CROWD: usize = 100;

pub(super) async fn all(target: &Target) {
    empty_fragments_end_with_1008(target).await;
    tiny_fragments_end_at_the_size_of_a_message(target).await;
    pings_that_nobody_needs_end_with_1008(target).await;
    frames_that_nobody_can_read_end_with_1008(target).await;
    tokens_of_nobody_end_with_1008(target).await;
    announced_lengths_cost_nothing(target).await;
    half_requests_cost_little(target).await;
}

async fn empty_fragments_end_with_1008(target: &Target) {
    let mut client = Client::with_bearer(target.address, &target.token).await;
    let flood = [frame(TEXT_BEGINS, b""), frame(CONTINUES, b"").repeat(FLOOD)].concat();
    let _ = client.socket.get_mut().write_all(&flood).await;
    assert_eq!(client.closed().await, Some(1008));
}

async fn tiny_fragments_end_at_the_size_of_a_message(target: &Target) {
    let mut client = Client::with_bearer(target.address, &target.token).await;
    let flood = [frame(TEXT_BEGINS, b"x"), frame(CONTINUES, b"x").repeat(FLOOD)].concat();
    let _ = client.socket.get_mut().write_all(&flood).await;
    assert_eq!(client.closed().await, Some(1009));
}

async fn pings_that_nobody_needs_end_with_1008(target: &Target) {
    let client = Client::with_bearer(target.address, &target.token).await;
    flood_ends_with_1008(client, &frame(PING, b"ping")).await;
}

async fn frames_that_nobody_can_read_end_with_1008(target: &Target) {
    let client = Client::with_bearer(target.address, &target.token).await;
    flood_ends_with_1008(client, &frame(TEXT, b"?")).await;
}

/// Nobody is signed in on such a connection, in whose rate the questions for the tokens would count.
async fn tokens_of_nobody_end_with_1008(target: &Target) {
    let client = Client::open(target.address, &[]).await.unwrap();
    let connect = json!({"type": "connect", "token": "t".repeat(43)}).to_string();
    flood_ends_with_1008(client, &frame(TEXT, connect.as_bytes())).await;
}

/// Sends a frame again and again, and takes what comes: the server reads on only while its answers are read.
async fn flood_ends_with_1008(mut client: Client, frame: &[u8]) {
    let (mut reader, mut writer) = tokio::io::split(client.socket.get_mut());
    let flood = frame.repeat(FLOOD);
    let drain = async {
        let mut answer = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut answer).await;
        answer
    };
    let (_, answer) = tokio::join!(writer.write_all(&flood), drain);
    let end = [0x88, 8, 0x03, 0xF0].iter().chain(b"policy").copied().collect::<Vec<u8>>();
    assert!(answer.ends_with(&end), "it ends with a close 1008: {:?}", answer.rchunks(16).next());
}

async fn announced_lengths_cost_nothing(target: &Target) {
    // Each is just below what is refused, and never comes.
    let waiting = join_all((0..CROWD / 10).map(async |_| {
        let mut client = Client::with_bearer(target.address, &target.token).await;
        client.socket.get_mut().write_all(&header(TEXT, 64 * 1024)).await.unwrap();
        client
    }))
    .await;
    let mut prompt = Client::with_bearer(target.address, &target.token).await;
    prompt.ask(serde_json::json!({"type": "ping"})).await;
    drop(waiting);
}

async fn half_requests_cost_little(target: &Target) {
    let half = "POST /api/v1/login HTTP/1.1\r\nHost: h\r\nX-Half: ";
    let waiting = join_all((0..CROWD).map(async |_| {
        let mut stream = TcpStream::connect(target.address).await.unwrap();
        stream.write_all(half.as_bytes()).await.unwrap();
        stream
    }))
    .await;
    let answer = crate::support::http::get(target.address, "/healthz", &[]).await;
    assert_eq!(answer.status, 200);
    drop(waiting);
}
