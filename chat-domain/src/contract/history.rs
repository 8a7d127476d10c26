//! What members read: pages, catching up, unread counts.

use super::*;

pub(super) fn history_pages_are_whole<S: Store>(store: &mut S) {
    let general = room(store, "general");
    let ann = user(store, "ann");
    join(store, &general, &ann);
    for n in 1..=12 {
        send(store, &general, &ann, &format!("m{n}"), &format!("k{n}")).unwrap();
    }
    let mut numbered = |before: i64, limit: u32| {
        let page = page(store, &general, &ann, before, limit).unwrap();
        (page.messages.iter().map(|message| message.seq.get()).collect::<Vec<_>>(), page.has_more)
    };
    assert_eq!(numbered(13, 5), (vec![8, 9, 10, 11, 12], true));
    assert_eq!(numbered(8, 5), (vec![3, 4, 5, 6, 7], true));
    assert_eq!(numbered(3, 5), (vec![1, 2], false));
    assert_eq!(numbered(3, 2), (vec![1, 2], false));
    assert_eq!(numbered(1, 5), (vec![], false));
    assert_eq!(numbered(i64::MAX, 100).0.len(), 12);
}

pub(super) fn a_page_ends_at_its_bytes<S: Store>(store: &mut S) {
    let general = room(store, "general");
    let ann = user(store, "ann");
    join(store, &general, &ann);
    for n in 1..=30 {
        send(store, &general, &ann, &"x".repeat(8_000), &format!("k{n}")).unwrap();
    }
    let page = page(store, &general, &ann, 31, 100).unwrap();
    assert!(page.has_more && page.messages.len() < 30, "{}", page.messages.len());
    assert!(page.messages.iter().map(|message| message.body.len()).sum::<usize>() <= 128 * 1024);
    assert_eq!(page.messages.last().unwrap().seq, Seq::new(30));
    let position = Position { epoch: None, after: Seq::ZERO };
    let snapshot = look(store, &general, &ann, Some(position)).unwrap();
    assert!(snapshot.reset, "240 KB do not fit into one answer");
    assert_eq!(snapshot.messages, page.messages);
}

pub(super) fn a_resume_is_whole_or_a_reset<S: Store>(store: &mut S) {
    let general = room(store, "general");
    let ann = user(store, "ann");
    join(store, &general, &ann);
    let commands: Vec<Command> = (1..=501)
        .map(|n| Command::SendMessage(sending(general.id, ann.id, &format!("m{n}"), &format!("k{n}"))))
        .collect();
    run(store, |repository| commit_batch(repository, at(4), &commands)).unwrap();
    let epoch = run(store, |repository| repository.database_state()).unwrap().epoch;
    assert!(!epoch.is_empty());
    let mut resume = |epoch: Option<&str>, after: i64| {
        let position = Position { epoch: epoch.map(str::to_owned), after: Seq::new(after) };
        look(store, &general, &ann, Some(position)).unwrap()
    };
    let numbers = |messages: &[crate::Message]| messages.iter().map(|m| m.seq.get()).collect::<Vec<_>>();

    let some = resume(Some(&epoch), 498);
    assert_eq!((numbers(&some.messages), some.reset, some.has_more), (vec![499, 500, 501], false, true));
    let nothing = resume(Some(&epoch), 501);
    assert_eq!((nothing.messages.len(), nothing.reset, nothing.has_more), (0, false, true));
    let no_epoch = resume(None, 500);
    assert_eq!((numbers(&no_epoch.messages), no_epoch.reset), (vec![501], false));
    for (epoch, after) in [(Some("other"), 500), (Some(epoch.as_str()), 502), (None, 0), (None, -1)] {
        let reset = resume(epoch, after);
        assert!(reset.reset, "after {after}");
        assert_eq!(numbers(&reset.messages), (452..=501).collect::<Vec<_>>());
    }
}

pub(super) fn reading_together_is_reading_alone<S: Store>(store: &mut S) {
    let general = room(store, "general");
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| user(store, name));
    for member in [&ann, &bob] {
        join(store, &general, member);
    }
    for n in 1..=60 {
        send(store, &general, &ann, &format!("m{n}"), &format!("k{n}")).unwrap();
    }
    let after = |after| Some(Position { epoch: None, after: Seq::new(after) });
    let readers: Vec<RoomReader> = [
        (&ann, None),
        (&eve, None),
        (&bob, after(57)),
        (&ann, after(57)),
        (&eve, after(57)),
        (&bob, None),
        (&bob, after(61)),
    ]
    .map(|(who, position)| RoomReader { user_id: who.id, position })
    .into();
    let mut kept = KeptRoom::default();
    let mut together = |store: &mut S, room_id| {
        run(store, |repository| read_room_together(repository, at(0), room_id, &readers, &mut kept)).unwrap()
    };
    // At first nothing is kept, then all of it; the third time something changed.
    for n in 0..3 {
        if n == 2 {
            send(store, &general, &bob, "more", "more").unwrap();
        }
        let read = together(store, general.id);
        assert_eq!(read.len(), readers.len());
        for (RoomReader { user_id, position }, together) in readers.iter().cloned().zip(read) {
            let request = ReadRoom { user_id, room_id: general.id, position };
            match (run(store, |repository| read_room(repository, &request)), together) {
                (Ok(alone), Ok(together)) => assert_eq!(alone, *together),
                (Err(ReadRoomError::Access(alone)), Err(together)) => {
                    assert_eq!((user_id, alone), (eve.id, together));
                }
                (alone, together) => panic!("{request:?}: {alone:?} alone, {together:?} together"),
            }
        }
    }
    let read = together(store, RoomId::new(1_000));
    assert!(read.iter().all(|read| matches!(read, Err(AccessError::UnknownRoom))), "{read:?}");
}

pub(super) fn unread_counts_are_derived<S: Store>(store: &mut S) {
    let general = room(store, "general");
    let (ann, bob) = (user(store, "ann"), user(store, "bob"));
    join(store, &general, &ann);
    for n in 1..=3 {
        send(store, &general, &ann, &format!("before {n}"), &format!("b{n}")).unwrap();
    }
    join(store, &general, &bob);
    let listing = |store: &mut S, who: &UserSummary| {
        let rooms = run(store, |repository| get_rooms(repository, who.id)).unwrap();
        (rooms[0].unread, rooms[0].participant.as_ref().unwrap().read_seq.get())
    };
    assert_eq!(listing(store, &bob), (0, 3), "what was said before joining is not unread");
    for n in 1..=5 {
        send(store, &general, &ann, &format!("after {n}"), &format!("a{n}")).unwrap();
    }
    assert_eq!(listing(store, &bob), (5, 3));
    assert_eq!(listing(store, &ann), (0, 8), "sending reads");
    let mark = |store: &mut S, seq: i64| {
        let request = MarkRead { user_id: bob.id, room_id: general.id, seq: Seq::new(seq) };
        let marked = run(store, |repository| mark_read(repository, at(9), request)).unwrap();
        (marked.read_seq.get(), marked.unread)
    };
    assert_eq!(mark(store, 6), (6, 2));
    assert_eq!(mark(store, 4), (6, 2), "a read position never falls");
    assert_eq!(mark(store, 1_000), (8, 0), "nor passes the end");
    for n in 0..120 {
        send(store, &general, &ann, &format!("many {n}"), &format!("m{n}")).unwrap();
    }
    assert_eq!(listing(store, &bob), (100, 8), "counting stops");
}

pub(super) fn texts_come_back_as_they_went_in<S: Store>(store: &mut S) {
    let general = room(store, "general");
    let ann = user(store, "ann");
    join(store, &general, &ann);
    let texts = [
        "<script>alert(1)</script>",
        "'; DROP TABLE chat_message; --",
        "שלום 安 👩‍🦰",
        "a\tb\nc",
        "$1 ? %s \\x00",
    ];
    for (n, text) in texts.iter().enumerate() {
        send(store, &general, &ann, text, &format!("k{n}")).unwrap();
    }
    let snapshot = look(store, &general, &ann, None).unwrap();
    assert_eq!(snapshot.messages.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), texts);
    assert_eq!(snapshot.messages[0].key.as_ref().unwrap().as_str(), "k0");
    assert_eq!(snapshot.messages[0].created_at, at(3));
}
