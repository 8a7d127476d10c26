//! What is committed together: numbers, keys, and whole transactions.

use super::*;

pub(super) fn numbers_are_dense<S: Store>(store: &mut S) {
    let (general, other) = (room(store, "general"), room(store, "other"));
    let (ann, bob) = (user(store, "ann"), user(store, "bob"));
    for person in [&ann, &bob] {
        join(store, &general, person);
        join(store, &other, person);
    }
    let commands: Vec<Command> = (0..20)
        .map(|n| {
            let place = if n % 3 == 0 { other.id } else { general.id };
            let sender = if n % 2 == 0 { ann.id } else { bob.id };
            Command::SendMessage(sending(place, sender, &format!("message {n}"), &format!("key {n}")))
        })
        .collect();
    for half in commands.chunks(7) {
        let results = run(store, |repository| commit_batch(repository, at(5), half)).unwrap();
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    }
    for place in [&general, &other] {
        let mut messages = run(store, |repository| repository.list_messages(place.id, None, 100)).unwrap();
        messages.reverse();
        let numbers: Vec<i64> = messages.iter().map(|message| message.seq.get()).collect();
        let dense: Vec<i64> = (1..=i64::try_from(messages.len()).unwrap()).collect();
        assert_eq!(numbers, dense);
        let found = run(store, |repository| repository.find_room(place.id)).unwrap().unwrap();
        assert_eq!(found.last_seq.get(), *dense.last().unwrap());
        let spoken: Vec<u32> =
            messages.iter().map(|message| message.body.replace("message ", "").parse().unwrap()).collect();
        assert!(spoken.is_sorted(), "{spoken:?}");
    }
    let twice = store.write(&mut |repository| {
        let new = crate::NewMessage {
            room_id: general.id,
            seq: Seq::new(1),
            user_id: Some(ann.id),
            body: "again".to_owned(),
            kind: MessageKind::Text,
            created_at: at(6),
            key: None,
        };
        repository.insert_messages(&[new]).map(|_| ())
    });
    assert!(matches!(twice, Err(RepositoryError::Conflict(_))), "a number was given twice: {twice:?}");
}

pub(super) fn a_key_makes_one_message<S: Store>(store: &mut S) {
    let (general, other) = (room(store, "general"), room(store, "other"));
    let (ann, bob) = (user(store, "ann"), user(store, "bob"));
    for person in [&ann, &bob] {
        join(store, &general, person);
        join(store, &other, person);
    }
    let first = send(store, &general, &ann, "hi", "k").unwrap();
    assert!(first.is_new);
    assert_eq!(first.message.seq, Seq::new(1));
    let again = send(store, &general, &ann, "hi", "k").unwrap();
    assert_eq!(again, MessageSent { is_new: false, ..first.clone() });
    for (place, body) in [(&general, "other words"), (&other, "hi")] {
        let error = send(store, place, &ann, body, "k").unwrap_err();
        assert!(matches!(error, SendMessageError::KeyConflict), "{error:?}");
    }
    assert!(send(store, &general, &bob, "hi", "k").unwrap().is_new, "keys are each person's own");

    let leave = LeaveRoom { user_id: ann.id, room_id: general.id };
    run(store, |repository| leave_room(repository, at(9), leave)).unwrap();
    assert_eq!(send(store, &general, &ann, "hi", "k").unwrap().message.id, first.message.id);

    let twice = [
        Command::SendMessage(sending(general.id, bob.id, "twice", "t")),
        Command::SendMessage(sending(general.id, bob.id, "twice", "t")),
        Command::SendMessage(sending(general.id, bob.id, "else", "t")),
    ];
    let results = run(store, |repository| commit_batch(repository, at(9), &twice)).unwrap();
    let [Ok(Outcome::MessageSent(one)), Ok(Outcome::MessageSent(two)), Err(CommandError::SendMessage(error))] =
        &results[..]
    else {
        panic!("{results:?}")
    };
    assert!(one.is_new && !two.is_new && one.message == two.message);
    assert!(matches!(error, SendMessageError::KeyConflict));
    let conflict = store.write(&mut |repository| {
        let last_seq = repository.find_room(other.id)?.unwrap().last_seq;
        let new = crate::NewMessage {
            room_id: other.id,
            seq: last_seq.next(),
            user_id: Some(bob.id),
            body: "twice".to_owned(),
            kind: MessageKind::Text,
            created_at: at(9),
            key: Some(MessageKey::new("t").unwrap()),
        };
        repository.insert_messages(&[new]).map(|_| ())
    });
    assert!(matches!(conflict, Err(RepositoryError::Conflict(_))), "a key was stored twice: {conflict:?}");
}

pub(super) fn one_bad_command_does_not_sink_a_batch<S: Store>(store: &mut S) {
    let general = room(store, "general");
    let (ann, stranger) = (user(store, "ann"), user(store, "stranger"));
    join(store, &general, &ann);
    let commands = [
        Command::SendMessage(sending(general.id, ann.id, "one", "1")),
        Command::SendMessage(sending(general.id, stranger.id, "no member", "2")),
        Command::SendMessage(sending(RoomId::new(999_999), ann.id, "no room", "3")),
        Command::SendMessage(sending(general.id, UserId::new(999_999), "nobody", "4")),
        Command::SendMessage(sending(general.id, ann.id, "two", "5")),
    ];
    let results = run(store, |repository| commit_batch(repository, at(5), &commands)).unwrap();
    assert!(results[0].is_ok() && results[4].is_ok(), "{results:?}");
    let access = |result: &Result<Outcome, CommandError>| match result {
        Err(CommandError::SendMessage(SendMessageError::Access(error))) => *error,
        other => panic!("{other:?}"),
    };
    assert_eq!(access(&results[1]), AccessError::NotAMember);
    assert_eq!(access(&results[2]), AccessError::UnknownRoom);
    assert_eq!(access(&results[3]), AccessError::Forbidden);
    let room = run(store, |repository| repository.find_room(general.id)).unwrap().unwrap();
    assert_eq!(room.last_seq, Seq::new(2), "only a stored row takes a number");
}

pub(super) fn a_failed_transaction_leaves_nothing<S: Store>(store: &mut S) {
    let general = room(store, "general");
    let ann = user(store, "ann");
    join(store, &general, &ann);
    let failed = store.write(&mut |repository| {
        send_message(repository, at(3), sending(general.id, ann.id, "lost", "k")).unwrap();
        Err(RepositoryError::Unavailable("pulled the plug".to_owned()))
    });
    assert!(failed.is_err());
    let room = run(store, |repository| repository.find_room(general.id)).unwrap().unwrap();
    assert_eq!(room.last_seq, Seq::ZERO);
    assert!(send(store, &general, &ann, "kept", "k").unwrap().is_new);
}
