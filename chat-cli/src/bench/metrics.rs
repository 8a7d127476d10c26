//! What the server itself counts: its reads of the database, from `/metrics`.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long the server may take for a part of its answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of its answer, at most.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// What stands in front of the reads of a kind.
const STORE_READS: &str = r#"chat_store_reads_total{what=""#;

/// Reads of the database, by what they were for.
pub(super) type StoreReads = BTreeMap<String, u64>;

/// The reads since the server began; `None` where it doesn't tell, because it is another one or keeps them for itself.
pub(super) fn store_reads(address: SocketAddr, authority: &str) -> Option<StoreReads> {
    let mut socket = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(socket, "GET /metrics HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    socket.take(ANSWER_BYTES_MAX).read_to_string(&mut answer).ok()?;
    let reads: StoreReads = answer.lines().filter_map(reads_of_a_kind).collect();
    (!reads.is_empty()).then_some(reads)
}

fn reads_of_a_kind(line: &str) -> Option<(String, u64)> {
    let (kind, count) = line.strip_prefix(STORE_READS)?.split_once(r#""} "#)?;
    Some((kind.to_owned(), count.trim().parse().ok()?))
}

/// What lies between two readings, but for what was not read meanwhile.
pub(super) fn since(now: StoreReads, before: &StoreReads) -> StoreReads {
    let less = |(kind, count): (String, u64)| {
        let before = before.get(&kind).copied().unwrap_or(0);
        (kind, count.saturating_sub(before))
    };
    now.into_iter().map(less).filter(|&(_, count)| count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_counted_by_kind_and_only_those_in_between() {
        let text = |rooms: u64| {
            let of_rooms = format!("chat_store_reads_total{{what=\"room\"}} {rooms}");
            let other = "chat_rooms{state=\"active\"} 4\nchat_store_reads_total{what=\"session\"} 7";
            format!("# TYPE chat_store_reads counter\n{other}\n{of_rooms}\n")
        };
        let read = |text: String| text.lines().filter_map(reads_of_a_kind).collect::<StoreReads>();
        let before = read(text(2));
        assert_eq!(before, [("room".to_owned(), 2), ("session".to_owned(), 7)].into());
        assert_eq!(since(read(text(12)), &before), [("room".to_owned(), 10)].into());
    }
}
