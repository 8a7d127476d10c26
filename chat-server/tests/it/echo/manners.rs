//! What a client may send and may not, and what comes back: the answers to what was good, then the close with its code.

use super::raw::{BINARY_BEGINS, Got, PONG, Way, answers_to, check, close, closed, fragments, pong, text};
use crate::support::frames::{
    BINARY, CLOSE, CONTINUES, CONTINUES_LAST, PING, TEXT, TEXT_BEGINS, frame, header, header_in, unmasked,
};
use crate::support::{Database, TestServer, run};

/// Bytes in a message of the server below.
const MESSAGE_BYTES: usize = 200;

fn server() -> TestServer {
    TestServer::start_with(Database::sqlite(), |config| config.limits.echo_message_bytes = MESSAGE_BYTES)
}

#[test]
fn a_frame_that_breaks_the_protocol_ends_with_1002_behind_the_answers_to_those_before_it() {
    let begun = || frame(TEXT_BEGINS, b"begun");
    let table = [
        ("the first reserved bit", frame(TEXT | 0x40, b"hi")),
        ("the second reserved bit", frame(TEXT | 0x20, b"hi")),
        ("the third reserved bit", frame(BINARY | 0x10, b"hi")),
        ("all reserved bits of a ping", frame(PING | 0x70, b"hi")),
        ("a reserved bit of a close", frame(CLOSE | 0x40, &[3, 0xE8])),
        ("a reserved bit of a continuation", [begun(), frame(CONTINUES_LAST | 0x40, b"")].concat()),
        ("a reserved bit, and nothing of what is announced", header(TEXT | 0x40, 200)),
        ("a ping in fragments", frame(0x09, b"hi")),
        ("a pong in fragments", frame(0x0A, b"hi")),
        ("a close in fragments", frame(0x08, &[3, 0xE8])),
        ("a ping in fragments, announced", header(0x09, 100)),
        ("a ping of 126 bytes", frame(PING, &[b'x'; 126])),
        ("a ping of 126 bytes, announced", header(PING, 126)),
        ("a pong of 126 bytes, announced", header(PONG, 126)),
        ("a close of 126 bytes, announced", header(CLOSE, 126)),
        ("a ping of more than a message may have, announced", header(PING, 1 << 40)),
        ("a text that is not masked", unmasked(TEXT, b"hi")),
        ("a ping that is not masked", unmasked(PING, b"")),
        ("a close that is not masked", unmasked(CLOSE, &[3, 0xE8])),
        ("the beginning of a text that is not masked", vec![TEXT, 100]),
        ("a continuation of nothing", frame(CONTINUES_LAST, b"hi")),
        ("an unfinished continuation of nothing", frame(CONTINUES, b"hi")),
        ("a continuation of nothing, announced", header(CONTINUES_LAST, 100)),
        ("a text inside a text", [begun(), frame(TEXT, b"hi")].concat()),
        ("a text inside a text, announced", [begun(), header(TEXT, 100)].concat()),
        ("the beginning of a text inside a text", [begun(), frame(TEXT_BEGINS, b"hi")].concat()),
        ("a binary message inside a text", [begun(), frame(BINARY, b"hi")].concat()),
        ("a length in two bytes that needs one", [header_in(TEXT, 2, 125), vec![b'x'; 125]].concat()),
        ("a length in eight bytes that needs one", header_in(TEXT, 8, 2)),
        ("a length in eight bytes that needs two", header_in(TEXT, 8, 0xFFFF)),
        ("a close with half a code", frame(CLOSE, &[3])),
    ];
    run(async {
        let server = server();
        let good = [frame(TEXT, b"good"), frame(PING, b"there?")].concat();
        let answers = [text("good"), pong(b"there?"), closed(1002)];
        let kinds = (0x03..=0x07).chain(0x0B..=0x0F).flat_map(|kind| [kind, 0x80 | kind]);
        for kind in kinds {
            let what = format!("the reserved kind {kind:#x}");
            check(&server, &what, &frame(kind, b"hi"), &answers[2..]).await;
            check(&server, &what, &header(kind, 100), &answers[2..]).await;
        }
        for (what, bad) in table {
            check(&server, what, &bad, &answers[2..]).await;
            check(&server, what, &[&good[..], &bad, &good].concat(), &answers).await;
        }
    });
}

/// Byte sequences that are no UTF-8, after the list of RFC 3629 and of every decoder's test.
const NO_UTF8: [&[u8]; 15] = [
    &[0x80],
    &[0xBF, 0xBF],
    &[0xC0, 0xAF],
    &[0xC1, 0xBF],
    &[0xE0, 0x9F, 0xBF],
    &[0xF0, 0x8F, 0xBF, 0xBF],
    &[0xED, 0xA0, 0x80],
    &[0xED, 0xBF, 0xBF],
    &[0xF4, 0x90, 0x80, 0x80],
    &[0xF5, 0x80, 0x80, 0x80],
    &[0xF8, 0x88, 0x80, 0x80, 0x80],
    &[0xFC, 0x84, 0x80, 0x80, 0x80, 0x80],
    &[0xFE],
    &[0xFF],
    &[0xE2, 0x28, 0xA1],
];

#[test]
fn a_text_that_is_not_utf8_ends_with_1007_however_it_is_cut() {
    run(async {
        let server = server();
        let wanted = [closed(1007)];
        let good = "κόσμε".as_bytes();
        for bytes in NO_UTF8 {
            let whole = [good, bytes, b"edited"].concat();
            let what = format!("{bytes:x?}");
            check(&server, &what, &frame(TEXT, &whole), &wanted).await;
            check(&server, &what, &fragments(TEXT_BEGINS, whole.chunks(1)), &wanted).await;
            // What is wrong is told at once: the rest of the message never comes.
            let begun = [frame(TEXT_BEGINS, good), frame(CONTINUES, &whole[good.len()..])].concat();
            check(&server, &what, &begun, &wanted).await;
        }
        for bytes in ["κ", "€", "𝄞"].map(str::as_bytes) {
            for cut in 1..bytes.len() {
                let what = format!("{bytes:x?} without its end");
                check(&server, &what, &frame(TEXT, &bytes[..cut]), &wanted).await;
                check(&server, &what, &fragments(TEXT_BEGINS, [&bytes[..cut], b""]), &wanted).await;
            }
        }
    });
}

#[test]
fn a_text_comes_back_whole_wherever_it_was_cut() {
    run(async {
        let server = server();
        let said = "a κόσμε € 𝄞 \u{0}\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{fffe}\u{ffff}\u{10ffff}";
        let answers = [text(said), closed(1000)];
        let end = close(1000, b"");
        for bytes in 1..=5 {
            let sent = [fragments(TEXT_BEGINS, said.as_bytes().chunks(bytes)), end.clone()].concat();
            check(&server, &format!("in fragments of {bytes}"), &sent, &answers).await;
        }
        for cut in 0..=said.len() {
            let (head, tail) = said.as_bytes().split_at(cut);
            let sent = [fragments(TEXT_BEGINS, [head, b"", tail]), end.clone()].concat();
            check(&server, &format!("cut at {cut}"), &sent, &answers).await;
        }
        let bytes = [0xFF, 0x00, 0xC0];
        let sent = [fragments(BINARY_BEGINS, bytes.chunks(1)), end.clone()].concat();
        check(&server, "binary", &sent, &[Got::Binary(bytes.to_vec()), closed(1000)]).await;
        let empty = [frame(TEXT, b""), frame(BINARY, b""), fragments(TEXT_BEGINS, [&b""[..], b"", b""]), end];
        let answers = [text(""), Got::Binary(Vec::new()), text(""), closed(1000)];
        check(&server, "nothing", &empty.concat(), &answers).await;
    });
}

#[test]
fn a_close_is_answered_with_its_own_code_and_one_that_is_never_sent_with_1002() {
    run(async {
        let server = server();
        let good = (1000..=1003).chain(1007..=1013).chain([3000, 3999, 4000, 4999]);
        for code in good {
            check(&server, &format!("{code}"), &close(code, b"because"), &[closed(code)]).await;
        }
        // 1004 to 1006 and 1015 never stand in a frame. 1014 is of gateways, and no client is one.
        let bad = [0, 1, 999, 1004, 1005, 1006, 1014, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
        for code in bad {
            check(&server, &format!("{code}"), &close(code, b""), &[closed(1002)]).await;
        }
        check(&server, "no code", &frame(CLOSE, b""), &[Got::Close(None)]).await;
        check(&server, "the longest reason", &close(1000, &[b'x'; 123]), &[closed(1000)]).await;
        check(&server, "a reason of characters", &close(1000, "κόσμε".as_bytes()), &[closed(1000)]).await;
        for bytes in NO_UTF8 {
            check(&server, &format!("the reason {bytes:x?}"), &close(1000, bytes), &[closed(1007)]).await;
        }
        check(&server, "half a character", &close(1000, &[0xE2, 0x82]), &[closed(1007)]).await;
    });
}

#[test]
fn nothing_is_answered_behind_a_close() {
    run(async {
        let server = server();
        let end = close(1000, b"");
        let table = [
            ("another close", close(1001, b"")),
            ("a ping", frame(PING, b"there?")),
            ("a text", frame(TEXT, b"still here")),
            ("a frame that breaks the protocol", frame(0x83, b"")),
            ("a text that is not UTF-8", frame(TEXT, &[0xFF])),
            ("more than a message may have", frame(BINARY, &[0; 10_000])),
            ("no frame at all", vec![0xFF; 100]),
        ];
        for (what, behind) in table {
            check(&server, what, &[&end[..], &behind].concat(), &[closed(1000)]).await;
        }
        let torn = [frame(TEXT_BEGINS, b"begun"), end.clone(), frame(CONTINUES_LAST, b"ended")].concat();
        check(&server, "the rest of a message", &torn, &[closed(1000)]).await;
        let begun = [frame(TEXT, b"all of it"), frame(PING, b"and this"), end].concat();
        check(&server, "what came before", &begun, &[text("all of it"), pong(b"and this"), closed(1000)])
            .await;
    });
}

#[test]
fn pings_of_every_length_come_back_in_order_and_pongs_that_nobody_asked_for_are_passed_over() {
    run(async {
        let server = server();
        let end = close(1000, b"");
        let payloads: Vec<Vec<u8>> =
            (0..=125_u8).map(|bytes| (0..bytes).map(|n| n ^ 0xC3).collect()).collect();
        let pings = payloads.iter().flat_map(|payload| [frame(PONG, payload), frame(PING, payload)].concat());
        let mut answers: Vec<Got> = payloads.iter().map(|payload| pong(payload)).collect();
        answers.push(closed(1000));
        check(&server, "pings", &pings.chain(end.clone()).collect::<Vec<u8>>(), &answers).await;
        for payload in &payloads {
            let what = format!("{} bytes", payload.len());
            let sent = [frame(PONG, payload), frame(PING, payload), end.clone()].concat();
            check(&server, &what, &sent, &[pong(payload), closed(1000)]).await;
        }
        let between =
            [frame(TEXT_BEGINS, b"one "), frame(PING, b"1"), frame(CONTINUES, b"two "), frame(PONG, b"")];
        let rest = [frame(PING, b"2"), frame(CONTINUES_LAST, b"three"), end];
        let sent = [between.concat(), rest.concat()].concat();
        let answers = [pong(b"1"), pong(b"2"), text("one two three"), closed(1000)];
        check(&server, "between fragments", &sent, &answers).await;
    });
}

#[test]
fn a_message_may_have_its_bytes_and_one_more_is_1009_as_soon_as_it_is_announced() {
    let all = u64::try_from(MESSAGE_BYTES).unwrap();
    let full = "x".repeat(MESSAGE_BYTES);
    let begun = |bytes: usize| frame(TEXT_BEGINS, &full.as_bytes()[..bytes]);
    let whole =
        [frame(TEXT, full.as_bytes()), begun(1), frame(CONTINUES_LAST, &full.as_bytes()[1..])].concat();
    let table = [
        ("one byte more", frame(TEXT, &[b'x'; MESSAGE_BYTES + 1])),
        ("one byte more, announced", header(TEXT, all + 1)),
        ("one binary byte more, announced", header(BINARY, all + 1)),
        ("the first fragment, announced", header(TEXT_BEGINS, all + 1)),
        ("the rest, announced", [begun(1), header(CONTINUES_LAST, all)].concat()),
        ("one byte behind all", [begun(MESSAGE_BYTES), header(CONTINUES, 1)].concat()),
        ("with a ping between", [begun(100), frame(PONG, b""), header(CONTINUES, all - 99)].concat()),
        ("the longest length in two bytes", header(TEXT, 0xFFFF)),
        ("a GiB", header(BINARY, 1 << 30)),
        ("the longest length", header(TEXT, (1 << 63) - 1)),
        ("a length that is none", header(TEXT, 1 << 63)),
        ("lengths whose sum is beyond all numbers", [begun(2), header(CONTINUES, u64::MAX)].concat()),
    ];
    run(async {
        let server = server();
        let sent = [whole.clone(), close(1000, b"")].concat();
        check(&server, "all that it may have", &sent, &[text(&full), text(&full), closed(1000)]).await;
        for (what, bad) in table {
            check(&server, what, &bad, &[closed(1009)]).await;
            let sent = [whole.clone(), bad].concat();
            check(&server, what, &sent, &[text(&full), text(&full), closed(1009)]).await;
        }
    });
}

#[test]
fn frames_that_ask_for_nothing_end_with_1008_when_they_are_too_many() {
    run(async {
        let server = server();
        for (what, flood) in [
            ("empty fragments", [frame(TEXT_BEGINS, b""), frame(CONTINUES, b"").repeat(20_000)].concat()),
            ("messages of empty fragments", fragments(TEXT_BEGINS, [&b""[..], b"", b"x"]).repeat(20_000)),
            ("pongs", frame(PONG, b"").repeat(20_000)),
            ("pings", frame(PING, b"").repeat(20_000)),
        ] {
            let got = answers_to(&server, what, &flood, Way::AtOnce).await;
            assert_eq!(got.last(), Some(&closed(1008)), "{what}");
            assert!(got.len() < 20_000, "{what}: all were taken");
        }
    });
}
