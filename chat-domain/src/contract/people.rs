//! People and the control log.

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
    let state = run(store, |repository| repository.database_state()).unwrap();
    assert_eq!(state.control_seq, ControlSeq::new(4));
}
