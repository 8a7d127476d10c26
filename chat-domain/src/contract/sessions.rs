//! Sessions: how they end, and who may end them.

use super::*;
use crate::limits::SESSIONS_PER_USER_MAX;
use crate::{
    ChangeOwnPassword, ChangeOwnPasswordError, DeviceName, OpenSessionError, RevokeSessions,
    RevokeSessionsError, Revoked, change_own_password, change_password, list_sessions, revoke_sessions,
    sign_out_everywhere,
};

/// After how many milliseconds a session of these checks ends that is not seen.
const IDLE_MS: i64 = 1_000;
/// How long a session of these checks lasts, in milliseconds.
const LIFETIME_MS: i64 = 10_000;

fn token(number: u8) -> TokenHash {
    TokenHash::new([number; 32])
}

fn opening(who: &UserSummary, number: u8, now: i64) -> OpenSession {
    OpenSession {
        user_id: who.id,
        verified: None,
        token_hash: token(number),
        device: DeviceName::cleaned(&format!("device {number}")),
        seen_at: at(now),
        lifetime_ms: LIFETIME_MS,
        idle_ms: IDLE_MS,
    }
}

fn open_at<S: Store>(store: &mut S, who: &UserSummary, number: u8, now: i64) -> Session {
    run(store, |repository| open_session(repository, at(now), &opening(who, number, now))).unwrap()
}

/// Who is signed in with a token.
fn signed_in<S: Store>(store: &mut S, number: u8, now: i64) -> Option<String> {
    let found =
        run(store, |repository| find_signed_in(repository, at(now), IDLE_MS, &token(number))).unwrap();
    found.map(|found| found.user.summary.username.to_string())
}

/// The ids of a person's sessions, those seen last first.
fn listed<S: Store>(store: &mut S, who: &UserSummary, now: i64) -> Vec<SessionId> {
    let list = run(store, |repository| list_sessions(repository, at(now), IDLE_MS, who.id)).unwrap();
    list.iter().map(|listed| listed.session.id).collect()
}

fn touch<S: Store>(store: &mut S, ids: &[SessionId], now: i64) {
    run(store, |repository| repository.touch_sessions(ids, at(now))).unwrap();
}

fn control<S: Store>(store: &mut S) -> Vec<ControlAction> {
    let entries = run(store, |repository| repository.list_control(ControlSeq::ZERO, 1_000)).unwrap();
    entries.into_iter().map(|entry| entry.action.unwrap()).collect()
}

pub(super) fn sessions_end<S: Store>(store: &mut S) {
    let (ann, bob) = (user(store, "ann"), user(store, "bob"));
    let first = open_at(store, &ann, 1, 10);
    open_at(store, &ann, 2, 10);
    open_at(store, &bob, 3, 10);
    assert_eq!(signed_in(store, 1, 10).as_deref(), Some("ann"));
    assert_eq!(signed_in(store, 9, 20), None, "an unknown token");
    let is_in_at = |store: &mut S, now: i64| {
        run(store, |repository| find_signed_in(repository, at(now), i64::MAX, &token(1))).unwrap().is_some()
    };
    assert!(is_in_at(store, 10 + LIFETIME_MS - 1));
    assert!(!is_in_at(store, 10 + LIFETIME_MS), "a session expires");
    assert!(run(store, |repository| sign_out(repository, at(20), ann.id, first.id)).unwrap());
    assert!(!run(store, |repository| sign_out(repository, at(20), ann.id, first.id)).unwrap());
    assert_eq!(signed_in(store, 1, 20), None, "signed out");
    assert_eq!(signed_in(store, 2, 20).as_deref(), Some("ann"));
    run(store, |repository| disable_user(repository, at(30), &bob.username)).unwrap();
    assert_eq!(signed_in(store, 3, 30), None, "shut out");
    let refused = run(store, |repository| open_session(repository, at(31), &opening(&bob, 4, 31)));
    assert!(matches!(refused, Err(OpenSessionError::Forbidden)), "{refused:?}");
    let hash = PasswordHash::new("better".to_owned());
    run(store, |repository| change_password(repository, at(40), &ann.username, &hash)).unwrap();
    assert_eq!(signed_in(store, 2, 40), None, "a new password signs out");
    assert_eq!(run(store, |repository| repository.find_password_hash(ann.id)).unwrap(), Some(hash));
    let late = OpenSession { verified: Some(PasswordHash::new("hash".to_owned())), ..opening(&ann, 5, 41) };
    let refused = run(store, |repository| open_session(repository, at(41), &late));
    assert!(matches!(refused, Err(OpenSessionError::PasswordChanged)), "found right before it changed");
    open_at(store, &ann, 6, 50);
    open_at(store, &ann, 7, 50);
    let (who, ended) =
        run(store, |repository| sign_out_everywhere(repository, at(51), &ann.username)).unwrap();
    assert_eq!((who.summary, ended), (ann.clone(), 2));
    assert_eq!((signed_in(store, 6, 51), signed_in(store, 7, 51)), (None, None));
    let user_id = ann.id;
    assert_eq!(
        control(store),
        [
            ControlAction::SessionClosed { user_id, session_id: first.id },
            ControlAction::UserDisabled { user_id: bob.id },
            ControlAction::SessionsClosed { user_id },
            ControlAction::SessionsClosed { user_id },
        ]
    );
}

pub(super) fn a_session_that_is_seen_goes_on<S: Store>(store: &mut S) {
    let ann = user(store, "ann");
    let (first, second) = (open_at(store, &ann, 1, 10), open_at(store, &ann, 2, 10));
    assert_eq!(first.last_seen_at, at(10));
    assert_eq!(signed_in(store, 1, 10 + IDLE_MS - 1).as_deref(), Some("ann"));
    assert_eq!(signed_in(store, 1, 10 + IDLE_MS), None, "not seen for too long");
    assert_eq!(listed(store, &ann, 10), [second.id, first.id], "of several seen at once the newest first");
    touch(store, &[first.id, SessionId::new(999_999)], 500);
    assert_eq!(signed_in(store, 1, 500 + IDLE_MS - 1).as_deref(), Some("ann"));
    assert_eq!(signed_in(store, 2, 500 + IDLE_MS - 1), None, "only what was seen goes on");
    assert_eq!(listed(store, &ann, 501), [first.id, second.id], "those seen last first");
    assert_eq!(listed(store, &ann, 10 + IDLE_MS), [first.id], "what has ended is not listed");
    touch(store, &[second.id, first.id], 400);
    assert_eq!(signed_in(store, 1, 500 + IDLE_MS - 1).as_deref(), Some("ann"), "never seen earlier again");
    let list = run(store, |repository| repository.list_sessions(ann.id, 1)).unwrap();
    assert_eq!(list.len(), 1, "a list is bounded");
    assert_eq!(list[0].session, Session { last_seen_at: at(500), ..first });
    assert_eq!(list[0].device.as_ref().map(DeviceName::as_str), Some("device 1"));
    let nameless = OpenSession { device: None, ..opening(&ann, 3, 600) };
    run(store, |repository| open_session(repository, at(600), &nameless)).unwrap();
    let list = run(store, |repository| repository.list_sessions(ann.id, 9)).unwrap();
    assert_eq!(list[0].device, None);
    touch(store, &[], 700);
}

pub(super) fn one_too_many_ends_the_unseen<S: Store>(store: &mut S) {
    let (ann, bob) = (user(store, "ann"), user(store, "bob"));
    let bobs = open_at(store, &bob, 255, 1);
    let opened: Vec<Session> = (0..u8::try_from(SESSIONS_PER_USER_MAX).unwrap())
        .map(|number| open_at(store, &ann, number, 10 + i64::from(number)))
        .collect();
    assert_eq!(listed(store, &ann, 200).len(), opened.len());
    touch(store, &[opened[0].id], 300);
    let user_id = ann.id;
    for (number, gone) in [(200, 1), (201, 2)] {
        open_at(store, &ann, number, 300);
        assert_eq!(signed_in(store, gone, 300), None, "the one not seen longest gives way");
        assert!(signed_in(store, gone + 1, 300).is_some() && signed_in(store, number, 300).is_some());
    }
    assert!(signed_in(store, 0, 300).is_some(), "it is the oldest, but was seen");
    assert_eq!(listed(store, &ann, 300).len(), opened.len());
    assert_eq!(listed(store, &bob, 300), [bobs.id], "nobody else's are counted");
    assert_eq!(
        control(store),
        [opened[1].id, opened[2].id].map(|session_id| ControlAction::SessionClosed { user_id, session_id })
    );
}

pub(super) fn people_end_their_own_sessions<S: Store>(store: &mut S) {
    let (ann, bob) = (user(store, "ann"), user(store, "bob"));
    let own: Vec<Session> = (1..=4).map(|number| open_at(store, &ann, number, 10)).collect();
    let bobs = open_at(store, &bob, 9, 10);
    let mut revoke = |by: &Session, which: Revoked| {
        let request = RevokeSessions { user_id: ann.id, by: by.id, which };
        run(store, |repository| revoke_sessions(repository, at(20), &request))
    };
    for unknown in [bobs.id, SessionId::new(999_999)] {
        let refused = revoke(&own[0], Revoked::One(unknown));
        assert!(matches!(refused, Err(RevokeSessionsError::UnknownSession)), "{refused:?}");
    }
    revoke(&own[0], Revoked::One(own[1].id)).unwrap();
    for ended_or_anothers in [&own[1], &bobs] {
        for which in [Revoked::Others, Revoked::One(own[0].id)] {
            let refused = revoke(ended_or_anothers, which);
            assert!(matches!(refused, Err(RevokeSessionsError::SignedOut)), "{refused:?}");
        }
    }
    revoke(&own[2], Revoked::Others).unwrap();
    revoke(&own[2], Revoked::Others).unwrap();
    assert_eq!(listed(store, &ann, 20), [own[2].id]);
    assert_eq!(listed(store, &bob, 20), [bobs.id], "nobody else is touched");
    assert_eq!((signed_in(store, 1, 20), signed_in(store, 3, 20).as_deref()), (None, Some("ann")));
    let user_id = ann.id;
    let mut closed = control(store);
    assert_eq!(closed.remove(0), ControlAction::SessionClosed { user_id, session_id: own[1].id });
    let others = [own[3].id, own[0].id];
    assert_eq!(closed, others.map(|session_id| ControlAction::SessionClosed { user_id, session_id }));
}

pub(super) fn a_new_password_ends_the_others<S: Store>(store: &mut S) {
    let ann = user(store, "ann");
    let (kept, other) = (open_at(store, &ann, 1, 10), open_at(store, &ann, 2, 10));
    let hash = |text: &str| PasswordHash::new(text.to_owned());
    let mut change = |by: &Session, verified: &str, new: &str| {
        let request =
            ChangeOwnPassword { user_id: ann.id, by: by.id, verified: hash(verified), hash: hash(new) };
        run(store, |repository| change_own_password(repository, at(20), &request))
    };
    let refused = change(&kept, "another hash", "new");
    assert!(matches!(refused, Err(ChangeOwnPasswordError::PasswordChanged)), "{refused:?}");
    change(&kept, "hash", "new").unwrap();
    let refused = change(&kept, "hash", "newer");
    assert!(matches!(refused, Err(ChangeOwnPasswordError::PasswordChanged)), "{refused:?}");
    let refused = change(&other, "new", "newer");
    assert!(matches!(refused, Err(ChangeOwnPasswordError::SignedOut)), "{refused:?}");
    assert_eq!(run(store, |repository| repository.find_password_hash(ann.id)).unwrap(), Some(hash("new")));
    assert_eq!(listed(store, &ann, 20), [kept.id]);
    let (user_id, session_id) = (ann.id, other.id);
    assert_eq!(control(store), [ControlAction::SessionClosed { user_id, session_id }]);
}

pub(super) fn ended_sessions_are_removed<S: Store>(store: &mut S) {
    let ann = user(store, "ann");
    for number in 0..6 {
        open_at(store, &ann, number, 10 + i64::from(number));
    }
    let mut remove = |now: i64, unseen_since: i64, limit: u32| {
        run(store, |r| r.remove_ended_sessions(at(now), at(unseen_since), limit)).unwrap()
    };
    assert_eq!(remove(10, 9, 10), 0);
    assert_eq!(remove(10 + LIFETIME_MS, 9, 10), 1, "at its end");
    assert_eq!(remove(0, 12, 10), 2, "not seen since");
    assert_eq!(remove(i64::MAX, 0, 2), 2, "a few at a time");
    open_at(store, &ann, 7, 10 + IDLE_MS * 2);
    let left = run(store, |repository| repository.list_sessions(ann.id, 10)).unwrap();
    assert_eq!(left.len(), 1, "who signs in clears up");
    let mut open_by_a_clock_that_jumped = |number: u8, now: i64| {
        let request = opening(&ann, number, 10 + IDLE_MS * 2);
        let opened = run(store, |repository| open_session(repository, at(now), &request)).unwrap();
        (opened.last_seen_at, opened.expires_at)
    };
    let seen_at = at(10 + IDLE_MS * 2);
    assert_eq!(open_by_a_clock_that_jumped(8, 0), (seen_at, seen_at.plus_ms(LIFETIME_MS)));
    assert_eq!(open_by_a_clock_that_jumped(9, 1_000_000), (at(1_000_000), at(1_000_000 + LIFETIME_MS)));
    let left = run(store, |repository| repository.list_sessions(ann.id, 10)).unwrap();
    assert_eq!(left.len(), 3, "it ends no session");
}
