//! People, their sessions, and the control log.

use super::*;

pub(super) fn names_are_unique<S: Store>(store: &mut S) {
    let ann = user(store, "ann");
    let again = RegisterUser {
        username: ann.username.clone(),
        display_name: DisplayName::new("Other").unwrap(),
        password_hash: None,
    };
    let error = run(store, |repository| register_user(repository, at(2), &again)).unwrap_err();
    assert!(matches!(error, RegisterUserError::NameTaken));
    let found = run(store, |repository| repository.find_user_by_name(&ann.username)).unwrap().unwrap();
    assert_eq!(found.summary, ann);
    let conflict = store.write(&mut |repository| {
        repository
            .add_user(&crate::NewUser {
                username: ann.username.clone(),
                display_name: ann.display_name.clone(),
                password_hash: None,
                created_at: at(2),
            })
            .map(|_| ())
    });
    assert!(matches!(conflict, Err(RepositoryError::Conflict(_))), "{conflict:?}");

    let added = run(store, |repository| add_default_rooms(repository, at(1))).unwrap();
    assert_eq!(added.len(), 4);
    assert_eq!(run(store, |repository| add_default_rooms(repository, at(1))).unwrap(), []);
}

pub(super) fn sessions_end<S: Store>(store: &mut S) {
    let (ann, bob) = (user(store, "ann"), user(store, "bob"));
    let mut open = |who: &UserSummary, byte: u8, lifetime_ms: i64| {
        let request = OpenSession { user_id: who.id, token_hash: TokenHash::new([byte; 32]), lifetime_ms };
        run(store, |repository| open_session(repository, at(10), &request)).unwrap()
    };
    let (first, _second) = (open(&ann, 1, 100), open(&ann, 2, 1_000));
    let _bobs = open(&bob, 3, 1_000);
    let is_in = |store: &mut S, byte: u8, now: i64| {
        let hash = TokenHash::new([byte; 32]);
        let found = run(store, |repository| find_signed_in(repository, at(now), &hash)).unwrap();
        found.map(|found| found.user.summary.username.to_string())
    };
    assert_eq!(is_in(store, 1, 109).as_deref(), Some("ann"));
    assert_eq!(is_in(store, 1, 110), None, "a session expires");
    assert_eq!(is_in(store, 9, 20), None, "an unknown token");
    run(store, |repository| sign_out(repository, at(20), ann.id, first.id)).unwrap();
    assert_eq!(is_in(store, 1, 20), None, "signed out");
    assert_eq!(is_in(store, 2, 20).as_deref(), Some("ann"));
    run(store, |repository| disable_user(repository, at(30), &bob.username)).unwrap();
    assert_eq!(is_in(store, 3, 30), None, "shut out");
    let forbidden = OpenSession { user_id: bob.id, token_hash: TokenHash::new([4; 32]), lifetime_ms: 9 };
    assert!(run(store, |repository| open_session(repository, at(31), &forbidden)).is_err());
    let hash = PasswordHash::new("better".to_owned());
    run(store, |repository| crate::change_password(repository, at(40), &ann.username, &hash)).unwrap();
    assert_eq!(is_in(store, 2, 40), None, "a new password signs out");
    assert_eq!(run(store, |repository| repository.find_password_hash(ann.id)).unwrap(), Some(hash));
    let removed = run(store, |repository| repository.remove_expired_sessions(at(9_999), 10)).unwrap();
    assert_eq!(removed, 0);
}

pub(super) fn the_control_log_is_numbered<S: Store>(store: &mut S) {
    let general = room(store, "general");
    let ann = user(store, "ann");
    join(store, &general, &ann);
    run(store, |repository| {
        leave_room(repository, at(3), LeaveRoom { user_id: ann.id, room_id: general.id })
    })
    .unwrap();
    run(store, |repository| disable_user(repository, at(4), &ann.username)).unwrap();
    run(store, |repository| archive_room(repository, at(5), &general.name)).unwrap();
    let entries = run(store, |repository| repository.list_control(ControlSeq::ZERO, 100)).unwrap();
    let (user_id, room_id) = (ann.id, general.id);
    let actions: Vec<ControlAction> = entries.iter().map(|entry| entry.action.unwrap()).collect();
    assert_eq!(
        actions,
        [
            ControlAction::RoomAdded { room_id },
            ControlAction::MemberLeft { room_id, user_id },
            ControlAction::UserDisabled { user_id },
            ControlAction::RoomArchived { room_id },
        ]
    );
    assert_eq!(entries.iter().map(|entry| entry.seq.get()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(entries[3].created_at, at(5));
    let later = run(store, |repository| repository.list_control(ControlSeq::new(2), 1)).unwrap();
    assert_eq!(later[0].seq, ControlSeq::new(3));
    assert_eq!(run(store, |repository| repository.last_control_seq()).unwrap(), ControlSeq::new(4));
}
