//! What every repository must keep to: call [`check_all`] from a test of the crate that implements the traits.
//!
//! Each check gets an empty store and speaks to it through use cases wherever there is one, so that a store that
//! passes is one on which the chat's promises hold.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests that other crates run"
)]

use crate::batch::{Command, CommandError, Outcome, commit_batch};
use crate::history::Position;
use crate::{
    AccessError, AddRoom, Body, ControlAction, ControlSeq, DisplayName, JoinRoom, JoinRoomError, LeaveRoom,
    MarkRead, MessageKey, MessageKind, MessageSent, OpenSession, PasswordHash, PresenceRecord, RegisterUser,
    RegisterUserError, Repository, RepositoryError, Room, RoomDescription, RoomId, RoomName, SendMessage,
    SendMessageError, Seq, Timestamp, TokenHash, UserId, UserSummary, Username, add_default_rooms, add_room,
    archive_room, disable_user, find_signed_in, get_history, get_rooms, join_room, leave_room, mark_read,
    open_session, register_user, room_snapshot, send_message, sign_out,
};

/// Something to be done in a transaction.
pub type Work<'w> = &'w mut dyn FnMut(&mut dyn Repository) -> Result<(), RepositoryError>;

/// A store that runs work in write transactions: whole if it returns `Ok`, not at all if it returns an error.
pub trait Store {
    /// Runs `work` in a write transaction.
    ///
    /// # Errors
    /// The error of `work`, or of the store.
    fn write(&mut self, work: Work<'_>) -> Result<(), RepositoryError>;
}

impl Store for crate::MemoryRepository {
    fn write(&mut self, work: Work<'_>) -> Result<(), RepositoryError> {
        self.transaction(|repository| work(repository))
    }
}

/// A part of the contract, and what checks it.
type Check<S> = (&'static str, fn(&mut S));

/// Runs every check, each on a store of its own, which must be empty: no users, no rooms.
///
/// # Panics
/// If the store breaks the contract; the message says which part.
pub fn check_all<S: Store>(mut new_store: impl FnMut() -> S) {
    let checks: [Check<S>; 15] = [
        ("names are unique", names_are_unique),
        ("numbers are dense and in commit order", numbers_are_dense),
        ("a key makes one message", a_key_makes_one_message),
        ("one bad command does not sink a batch", one_bad_command_does_not_sink_a_batch),
        ("a failed transaction leaves nothing", a_failed_transaction_leaves_nothing),
        ("only members get in", only_members_get_in),
        ("membership is announced and counted", membership_is_announced_and_counted),
        ("history pages are whole", history_pages_are_whole),
        ("a page ends at its bytes", a_page_ends_at_its_bytes),
        ("a resume is whole or a reset", a_resume_is_whole_or_a_reset),
        ("unread counts are derived", unread_counts_are_derived),
        ("sessions end", sessions_end),
        ("the control log is numbered", the_control_log_is_numbered),
        ("presence is a projection", presence_is_a_projection),
        ("texts come back as they went in", texts_come_back_as_they_went_in),
    ];
    for (name, check) in checks {
        let mut store = new_store();
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&mut store)));
        assert!(checked.is_ok(), "the store breaks the contract: {name}");
    }
}

const fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

/// Runs work that gives a value in a transaction that commits.
fn run<S: Store, T>(store: &mut S, mut work: impl FnMut(&mut dyn Repository) -> T) -> T {
    let mut value = None;
    store
        .write(&mut |repository| {
            value = Some(work(repository));
            Ok(())
        })
        .unwrap();
    value.unwrap()
}

fn user<S: Store>(store: &mut S, name: &str) -> UserSummary {
    let username = Username::new(name).unwrap();
    let request = RegisterUser {
        display_name: DisplayName::from(&username),
        username,
        password_hash: Some(PasswordHash::new("hash".to_owned())),
    };
    run(store, |repository| register_user(repository, at(1), &request)).unwrap().summary
}

fn room<S: Store>(store: &mut S, name: &str) -> Room {
    let request = AddRoom {
        name: RoomName::new(name).unwrap(),
        description: RoomDescription::default(),
        announces_members: false,
    };
    run(store, |repository| add_room(repository, at(1), request.clone())).unwrap()
}

fn join<S: Store>(store: &mut S, room: &Room, user: &UserSummary) {
    let request = JoinRoom { user_id: user.id, room_id: room.id };
    run(store, |repository| join_room(repository, at(2), request)).unwrap();
}

fn sending(room_id: RoomId, user_id: UserId, body: &str, key: &str) -> SendMessage {
    SendMessage { user_id, room_id, body: Body::new(body).unwrap(), key: MessageKey::new(key).unwrap() }
}

fn send<S: Store>(
    store: &mut S,
    room: &Room,
    user: &UserSummary,
    body: &str,
    key: &str,
) -> Result<MessageSent, SendMessageError> {
    let request = sending(room.id, user.id, body, key);
    run(store, |repository| send_message(repository, at(3), request.clone()))
}

fn names_are_unique<S: Store>(store: &mut S) {
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

fn numbers_are_dense<S: Store>(store: &mut S) {
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

fn a_key_makes_one_message<S: Store>(store: &mut S) {
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

fn one_bad_command_does_not_sink_a_batch<S: Store>(store: &mut S) {
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

fn a_failed_transaction_leaves_nothing<S: Store>(store: &mut S) {
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

fn only_members_get_in<S: Store>(store: &mut S) {
    let general = room(store, "general");
    let (ann, bob) = (user(store, "ann"), user(store, "bob"));
    join(store, &general, &ann);
    let (inside, outside) = (
        JoinRoom { user_id: ann.id, room_id: general.id },
        JoinRoom { user_id: bob.id, room_id: general.id },
    );
    let denied = |result: Result<(), JoinRoomError>, wanted: AccessError| {
        assert!(matches!(&result, Err(JoinRoomError::Access(error)) if *error == wanted), "{result:?}");
    };
    let look = |store: &mut S, request| {
        run(store, |repository| room_snapshot(repository, request, None)).map(|_| ())
    };
    let page = |store: &mut S, request| {
        run(store, |repository| get_history(repository, request, Seq::new(9), 5)).map(|_| ())
    };
    denied(look(store, outside), AccessError::NotAMember);
    denied(page(store, outside), AccessError::NotAMember);
    let mark = MarkRead { user_id: bob.id, room_id: general.id, seq: Seq::new(1) };
    assert!(run(store, |repository| mark_read(repository, at(3), mark)).is_err());
    look(store, inside).unwrap();

    run(store, |repository| disable_user(repository, at(4), &ann.username)).unwrap();
    denied(look(store, inside), AccessError::Forbidden);
    assert!(send(store, &general, &ann, "still here", "k").is_err());

    join(store, &general, &bob);
    run(store, |repository| archive_room(repository, at(5), &general.name)).unwrap();
    denied(look(store, outside), AccessError::RoomArchived);
    denied(page(store, outside), AccessError::RoomArchived);
    assert!(send(store, &general, &bob, "too late", "k").is_err());
    assert_eq!(run(store, |repository| get_rooms(repository, bob.id)).unwrap(), []);
}

fn membership_is_announced_and_counted<S: Store>(store: &mut S) {
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
    let snapshot = run(store, |repository| room_snapshot(repository, request, None)).unwrap();
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

fn history_pages_are_whole<S: Store>(store: &mut S) {
    let general = room(store, "general");
    let ann = user(store, "ann");
    join(store, &general, &ann);
    for n in 1..=12 {
        send(store, &general, &ann, &format!("m{n}"), &format!("k{n}")).unwrap();
    }
    let request = JoinRoom { user_id: ann.id, room_id: general.id };
    let mut page = |before: i64, limit: u32| {
        let page =
            run(store, |repository| get_history(repository, request, Seq::new(before), limit)).unwrap();
        (page.messages.iter().map(|message| message.seq.get()).collect::<Vec<_>>(), page.has_more)
    };
    assert_eq!(page(13, 5), (vec![8, 9, 10, 11, 12], true));
    assert_eq!(page(8, 5), (vec![3, 4, 5, 6, 7], true));
    assert_eq!(page(3, 5), (vec![1, 2], false));
    assert_eq!(page(3, 2), (vec![1, 2], false));
    assert_eq!(page(1, 5), (vec![], false));
    assert_eq!(page(i64::MAX, 100).0.len(), 12);
}

fn a_page_ends_at_its_bytes<S: Store>(store: &mut S) {
    let general = room(store, "general");
    let ann = user(store, "ann");
    join(store, &general, &ann);
    for n in 1..=30 {
        send(store, &general, &ann, &"x".repeat(8_000), &format!("k{n}")).unwrap();
    }
    let request = JoinRoom { user_id: ann.id, room_id: general.id };
    let page = run(store, |repository| get_history(repository, request, Seq::new(31), 100)).unwrap();
    assert!(page.has_more && page.messages.len() < 30, "{}", page.messages.len());
    assert!(page.messages.iter().map(|message| message.body.len()).sum::<usize>() <= 128 * 1024);
    assert_eq!(page.messages.last().unwrap().seq, Seq::new(30));
    let position = Position { epoch: None, after: Seq::ZERO };
    let snapshot = run(store, |repository| room_snapshot(repository, request, Some(&position))).unwrap();
    assert!(snapshot.reset, "240 KB do not fit into one answer");
    assert_eq!(snapshot.messages, page.messages);
}

fn a_resume_is_whole_or_a_reset<S: Store>(store: &mut S) {
    let general = room(store, "general");
    let ann = user(store, "ann");
    join(store, &general, &ann);
    let commands: Vec<Command> = (1..=501)
        .map(|n| Command::SendMessage(sending(general.id, ann.id, &format!("m{n}"), &format!("k{n}"))))
        .collect();
    run(store, |repository| commit_batch(repository, at(4), &commands)).unwrap();
    let request = JoinRoom { user_id: ann.id, room_id: general.id };
    let epoch = run(store, |repository| repository.epoch()).unwrap();
    assert!(!epoch.is_empty());
    let mut resume = |epoch: Option<&str>, after: i64| {
        let position = Position { epoch: epoch.map(str::to_owned), after: Seq::new(after) };
        run(store, |repository| room_snapshot(repository, request, Some(&position))).unwrap()
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

fn unread_counts_are_derived<S: Store>(store: &mut S) {
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

fn sessions_end<S: Store>(store: &mut S) {
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

fn the_control_log_is_numbered<S: Store>(store: &mut S) {
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

fn presence_is_a_projection<S: Store>(store: &mut S) {
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

fn texts_come_back_as_they_went_in<S: Store>(store: &mut S) {
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
    let request = JoinRoom { user_id: ann.id, room_id: general.id };
    let snapshot = run(store, |repository| room_snapshot(repository, request, None)).unwrap();
    assert_eq!(snapshot.messages.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), texts);
    assert_eq!(snapshot.messages[0].key.as_ref().unwrap().as_str(), "k0");
    assert_eq!(snapshot.messages[0].created_at, at(3));
}
