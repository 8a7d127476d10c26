//! What two people and a stranger ask one after the other: every question has one answer, every acknowledged message
//! is stored, and no number is missing.
//!
//! Each line begins with what it does: `1`, `2` and `3` send the rest as a frame (ann, bob, the stranger) and wait for
//! what follows, `A`, `B` and `C` don't wait; `-1` lets ann's socket take nothing more, `+1` all again, `.1` ends it;
//! `w4` waits for 4 × 250 ms.
#![no_main]

use chat_fuzz::listener::{Ledger, Listener};
use chat_server::fuzzing::{Chat, Person};
use libfuzzer_sys::fuzz_target;

/// Lines that are looked at, at most.
const LINES_MAX: usize = 100;
/// Milliseconds after which every request is answered.
const ANSWERED_MS: u64 = 3_000;
/// Milliseconds after which a silent connection is gone.
const GONE_MS: u64 = 50_000;

fuzz_target!(|script: &str| {
    Chat::run(async |chat| {
        let mut listeners = Vec::new();
        for who in [Some(Person::Ann), Some(Person::Bob), None] {
            listeners.push(Listener::new(chat.socket(who).await));
        }
        let mut ledger = Ledger::default();
        for line in script.split('\n').take(LINES_MAX) {
            act(chat, &mut listeners, line).await;
            listeners.iter_mut().for_each(|listener| listener.listen(&mut ledger));
        }
        listeners.iter().for_each(Listener::unblock);
        chat.wait_ms(ANSWERED_MS).await;
        for listener in &mut listeners {
            listener.listen(&mut ledger);
            listener.check_end(chat);
        }
        ledger.check(chat);
        listeners.iter_mut().for_each(Listener::leave);
        chat.settle().await;
        if !have_ended(&listeners) {
            chat.wait_ms(GONE_MS).await;
        }
        assert!(have_ended(&listeners), "the connections stay");
    });
});

fn have_ended(listeners: &[Listener]) -> bool {
    listeners.iter().all(Listener::has_ended)
}

async fn act(chat: &Chat, listeners: &mut [Listener], line: &str) {
    let mut chars = line.chars();
    let (Some(act), rest) = (chars.next(), chars.as_str()) else { return };
    let whom = rest.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    match act {
        '1'..='3' => {
            listeners[usize::from(line.as_bytes()[0] - b'1')].ask(rest);
            chat.settle().await;
        }
        'A'..='C' => listeners[usize::from(line.as_bytes()[0] - b'A')].ask(rest),
        'w' => {
            let quarters = rest.parse::<u64>().unwrap_or(1).min(20);
            chat.wait_ms(quarters * 250).await;
        }
        _ => {
            let Some(listener) = whom.and_then(|number| listeners.get_mut(number)) else { return };
            match act {
                '-' => listener.block(),
                '+' => listener.unblock(),
                '.' => listener.leave(),
                _ => {}
            }
            chat.settle().await;
        }
    }
}
