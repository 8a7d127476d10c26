//! Who gets into a room, who is in it, and who is there.

use super::*;
use crate::limits::{ROOMS_JOINED_MAX, ROOMS_LISTED_MAX, usize_of};

pub(super) fn only_members_get_in<S: Store>(store: &mut S) {
    let general = room(store, "general");
    let (ann, bob) = (user(store, "ann"), user(store, "bob"));
    join(store, &general, &ann);
    let denied = |result: Result<(), ReadRoomError>, wanted: AccessError| {
        assert!(matches!(&result, Err(ReadRoomError::Access(error)) if *error == wanted), "{result:?}");
    };
    denied(look(store, &general, &bob, None).map(drop), AccessError::NotAMember);
    denied(page(store, &general, &bob, 9, 5).map(drop), AccessError::NotAMember);
    let mark = MarkRead { user_id: bob.id, room_id: general.id, seq: Seq::new(1) };
    assert!(run(store, |repository| mark_read(repository, at(3), mark)).is_err());
    look(store, &general, &ann, None).unwrap();

    run(store, |repository| disable_user(repository, at(4), &ann.username)).unwrap();
    denied(look(store, &general, &ann, None).map(drop), AccessError::Forbidden);
    assert!(send(store, &general, &ann, "still here", "k").is_err());

    join(store, &general, &bob);
    run(store, |repository| archive_room(repository, at(5), &general.name)).unwrap();
    denied(look(store, &general, &bob, None).map(drop), AccessError::RoomArchived);
    denied(page(store, &general, &bob, 9, 5).map(drop), AccessError::RoomArchived);
    assert!(send(store, &general, &bob, "too late", "k").is_err());
    assert_eq!(run(store, |repository| get_rooms(repository, bob.id)).unwrap(), []);
    let memberships = run(store, |repository| repository.list_participations(bob.id, 10)).unwrap();
    assert_eq!(memberships, [], "a room that is gone counts among nobody's");
}

pub(super) fn membership_is_announced_and_counted<S: Store>(store: &mut S) {
    let request = AddRoom {
        name: RoomName::new("loud").unwrap(),
        description: RoomDescription::new("says who comes").unwrap(),
        announces_members: true,
    };
    let loud = run(store, |repository| add_room(repository, at(1), request.clone())).unwrap();
    let (ann, bob) = (user(store, "ann"), user(store, "bob"));
    let request = JoinRoom { user_id: ann.id, room_id: loud.id };
    let joined = run(store, |repository| join_room(repository, at(2), request)).unwrap();
    assert!(joined.is_new && joined.members == 1);
    let message = joined.message.unwrap();
    assert_eq!((message.kind, message.seq, message.key), (MessageKind::Join, Seq::new(1), None));
    assert_eq!(message.author.unwrap(), ann);
    let again = run(store, |repository| join_room(repository, at(3), request)).unwrap();
    assert!(!again.is_new && again.message.is_none() && again.members == 1);
    assert_eq!(again.participant.joined_at, at(2));
    join(store, &loud, &bob);

    let left = run(store, |repository| {
        leave_room(repository, at(4), LeaveRoom { user_id: bob.id, room_id: loud.id })
    })
    .unwrap();
    assert_eq!((left.members, left.message.unwrap().kind), (1, MessageKind::Leave));
    assert!(
        run(store, |repository| {
            leave_room(repository, at(5), LeaveRoom { user_id: bob.id, room_id: loud.id })
        })
        .is_err()
    );
    let snapshot = look(store, &loud, &ann, None).unwrap();
    assert_eq!(snapshot.room.members, 1);
    assert_eq!(snapshot.participants.len(), 1);
    assert_eq!(snapshot.messages.iter().map(|message| message.seq.get()).collect::<Vec<_>>(), [1, 2, 3]);
    let come_and_go = [
        Command::JoinRoom(JoinRoom { user_id: bob.id, room_id: loud.id }),
        Command::SendMessage(sending(loud.id, bob.id, "hi", "k")),
        Command::LeaveRoom(LeaveRoom { user_id: bob.id, room_id: loud.id }),
        Command::SendMessage(sending(loud.id, bob.id, "gone", "l")),
    ];
    let results = run(store, |repository| commit_batch(repository, at(6), &come_and_go)).unwrap();
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, true, false]);
    let room = run(store, |repository| repository.find_room(loud.id)).unwrap().unwrap();
    assert_eq!((room.members, room.last_seq), (1, Seq::new(6)));
}

pub(super) fn presence_is_a_projection<S: Store>(store: &mut S) {
    let general = room(store, "general");
    let people: Vec<UserSummary> = ["ann", "bob", "cleo"].into_iter().map(|name| user(store, name)).collect();
    for person in &people {
        join(store, &general, person);
    }
    let record = |user: &UserSummary, is_online, ms| PresenceRecord {
        room_id: general.id,
        user_id: user.id,
        is_online,
        last_active: at(ms),
    };
    let records = [
        record(&people[0], false, 50),
        record(&people[1], true, 40),
        record(&people[2], false, 60),
        PresenceRecord { user_id: UserId::new(999_999), ..record(&people[0], true, 1) },
    ];
    run(store, |repository| repository.record_presence(&records)).unwrap();
    let names = |store: &mut S, limit| {
        let listed = run(store, |repository| repository.list_participants(general.id, limit)).unwrap();
        listed
            .into_iter()
            .map(|participant| (participant.user.username.to_string(), participant.is_online))
            .collect::<Vec<_>>()
    };
    let entry = |name: &str, is_online| (name.to_owned(), is_online);
    assert_eq!(names(store, 10), [entry("bob", true), entry("cleo", false), entry("ann", false)]);
    assert_eq!(names(store, 1), [entry("bob", true)]);
    run(store, |repository| repository.clear_presence()).unwrap();
    assert!(names(store, 10).iter().all(|(_, is_online)| !is_online));
}

/// So many rooms, in one transaction.
fn rooms<S: Store>(store: &mut S, count: u32) -> Vec<RoomId> {
    run(store, |repository| {
        let add = |n: u32| {
            let name = RoomName::new(format!("room-{n}")).unwrap();
            let (description, announces_members) = (RoomDescription::default(), false);
            add_room(repository, at(1), AddRoom { name, description, announces_members }).unwrap().id
        };
        (0..count).map(add).collect()
    })
}

pub(super) fn ones_own_rooms_are_in_a_full_list<S: Store>(store: &mut S) {
    let rooms = rooms(store, ROOMS_LISTED_MAX + 10);
    let ann = user(store, "ann");
    let listed = |store: &mut S| -> Vec<RoomId> {
        let listings = run(store, |repository| get_rooms(repository, ann.id)).unwrap();
        listings.into_iter().map(|listing| listing.room.id).collect()
    };
    let max = usize_of(ROOMS_LISTED_MAX);
    assert_eq!(listed(store), rooms[..max]);
    let own = [rooms[max - 1], rooms[max], rooms[max + 9]];
    for room_id in own {
        let request = JoinRoom { user_id: ann.id, room_id };
        run(store, |repository| join_room(repository, at(2), request)).unwrap();
    }
    assert_eq!(listed(store), [&rooms[..max - 3], &own].concat());
}

pub(super) fn nobody_is_in_more_rooms_than_allowed<S: Store>(store: &mut S) {
    let rooms = rooms(store, ROOMS_JOINED_MAX + 1);
    let ann = user(store, "ann");
    let joins: Vec<Command> =
        rooms.iter().map(|&room_id| Command::JoinRoom(JoinRoom { user_id: ann.id, room_id })).collect();
    let is_refused = |result: &Result<Outcome, CommandError>| {
        matches!(result, Err(CommandError::JoinRoom(JoinRoomError::TooManyRooms)))
    };
    let results = run(store, |repository| commit_batch(repository, at(2), &joins)).unwrap();
    let (last, others) = results.split_last().unwrap();
    assert!(is_refused(last) && others.iter().all(Result::is_ok), "{results:?}");
    let again = run(store, |repository| commit_batch(repository, at(3), &joins[others.len()..])).unwrap();
    assert!(is_refused(&again[0]), "{again:?}");
    // A room that is archived counts no more.
    let name = RoomName::new("room-0").unwrap();
    run(store, |repository| archive_room(repository, at(4), &name)).unwrap();
    let again = run(store, |repository| commit_batch(repository, at(5), &joins[others.len()..])).unwrap();
    assert!(again[0].is_ok(), "{again:?}");
}
