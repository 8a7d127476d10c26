//! What is told of commits that seemed to fail.

use chat_domain::repository::Messages;
use chat_domain::{
    Body, MemoryRepository, MessageId, MessageKey, MessageKind, MessageSent, NewMessage, Repository,
    SendMessage, UserId, add_default_rooms,
};

use super::*;
use crate::defect::node;

const ROOM: RoomId = RoomId::new(1);

/// A database in which a commit that seemed to fail has stored so many messages, or one that can't be read.
struct Doubtful(Option<i64>);

impl Transactions for Doubtful {
    fn read<T, E: From<RepositoryError>>(
        &self,
        work: impl FnOnce(&mut dyn Repository) -> Result<T, E>,
    ) -> Result<T, E> {
        let messages = self.0.ok_or_else(away)?;
        let mut repository = MemoryRepository::new("epoch");
        let room_id = add_default_rooms(&mut repository, Timestamp::default()).unwrap()[0].id;
        assert_eq!(room_id, ROOM);
        let message = |seq| NewMessage {
            room_id,
            seq: Seq::new(seq),
            user_id: None,
            body: "hi".to_owned(),
            kind: MessageKind::System,
            created_at: Timestamp::default(),
            key: None,
        };
        repository.insert_messages(&(1..=messages).map(message).collect::<Vec<_>>())?;
        work(&mut repository)
    }

    fn write_retrying<T, E: From<RepositoryError>>(
        &self,
        _: impl FnMut(&mut dyn Repository) -> Result<T, E>,
    ) -> Result<T, E> {
        Err(away().into())
    }
}

fn away() -> RepositoryError {
    RepositoryError::Unavailable("away".to_owned())
}

/// A message that a commit stored as that number.
fn stored(seq: i64) -> Completed<Ticket> {
    let (body, key) = (Body::new("hi").unwrap(), MessageKey::new(seq.to_string()).unwrap());
    let message = Message {
        id: MessageId::new(seq),
        room_id: ROOM,
        seq: Seq::new(seq),
        changed_seq: Seq::new(seq),
        author: None,
        body: body.as_str().to_owned(),
        kind: MessageKind::Text,
        created_at: Timestamp::default(),
        edited_at: None,
        key: Some(key.clone()),
    };
    let command = SendMessage { user_id: UserId::new(1), room_id: ROOM, body, key };
    Completed {
        ticket: Ticket::Nobody,
        command: Command::SendMessage(command),
        result: Ok(Outcome::MessageSent(MessageSent { message, is_new: true })),
    }
}

#[test]
fn a_hole_that_is_filled_in_part_stays_in_doubt() {
    let node = node();
    let committed = Committed::new(Arc::clone(&node), Doubtful(Some(i64::from(HEALED_MAX) + 1)));
    node.tops.see(ROOM, Seq::ZERO);
    node.tops.doubt(ROOM);
    let empty = || Completed {
        ticket: Ticket::Nobody,
        command: Command::RecordPresence(Vec::new()),
        result: Ok(Outcome::Done),
    };
    committed.tell(vec![empty()], &Credit::of_nobody());
    assert!(node.tops.has_doubts());
    committed.tell(vec![empty()], &Credit::of_nobody());
    assert!(!node.tops.has_doubts());
    assert_eq!(node.tops.tell(ROOM, Seq::new(502), Seq::new(502)), None, "501 of 501 were told");
}

#[test]
fn a_hole_that_could_not_be_read_stays_in_doubt() {
    let node = node();
    let committed = Committed::new(Arc::clone(&node), Doubtful(None));
    committed.tell(vec![stored(1)], &Credit::of_nobody());
    assert!(!node.tops.has_doubts());
    committed.tell(vec![stored(3)], &Credit::of_nobody());
    assert!(node.tops.has_doubts());
    // The next commit looks again, and as long as nothing can be read the doubt stays.
    committed.tell(vec![stored(4)], &Credit::of_nobody());
    assert!(node.tops.has_doubts());
}
