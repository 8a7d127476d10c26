//! Messages. History and changes are read by keyset, along the unique indexes of their numbers.

use std::collections::HashMap;

use chat_domain::repository::{Messages, RepositoryError, Result};
use chat_domain::{Message, MessageId, MessageKey, MessageKind, NewMessage, RoomId, Seq, UserId};
use diesel::prelude::*;

use crate::any_connection::AnyConnection;
use crate::rows::{AuthorRow, MessageRow, WrittenRow, written};
use crate::schema::{chat_message, chat_user};
use crate::transaction::StoreTransaction;
use crate::{batch_postgres, batch_sqlite};

/// The kinds that count as unread, as they are stored.
const UNREAD_KINDS: [&str; 2] = [MessageKind::Text.as_str(), MessageKind::System.as_str()];

impl Messages for StoreTransaction<'_> {
    fn find_sent(&mut self, keys: &[(UserId, MessageKey)]) -> Result<Vec<Option<Message>>> {
        let rows = self.query(|connection| match connection {
            AnyConnection::Sqlite(sqlite) => batch_sqlite::find_sent(sqlite, keys),
            AnyConnection::Postgres(postgres) => batch_postgres::find_sent(postgres, keys),
        })?;
        let sent = in_order_of(keys, rows);
        self.noted(sent)
    }

    fn insert_messages(&mut self, messages: &[NewMessage]) -> Result<Vec<MessageId>> {
        let ids = self.query(|connection| match connection {
            AnyConnection::Sqlite(sqlite) => batch_sqlite::insert_messages(sqlite, messages),
            AnyConnection::Postgres(postgres) => batch_postgres::insert_messages(postgres, messages),
        })?;
        if ids.len() == messages.len() {
            return Ok(ids.into_iter().map(MessageId::new).collect());
        }
        self.noted(Err(RepositoryError::Internal("an insert answered fewer ids than rows".to_owned())))
    }

    fn list_messages(&mut self, room_id: RoomId, before: Option<Seq>, limit: u32) -> Result<Vec<Message>> {
        let before = before.map_or(i64::MAX, Seq::get);
        let rows: Vec<WrittenRow> = self.query(|connection| {
            chat_message::table
                .left_join(chat_user::table)
                .filter(chat_message::room_id.eq(room_id.get()))
                .filter(chat_message::seq.lt(before))
                .order(chat_message::seq.desc())
                .limit(i64::from(limit))
                .select((MessageRow::as_select(), Option::<AuthorRow>::as_select()))
                .load(connection)
        })?;
        self.noted(rows.into_iter().map(written).collect())
    }

    fn list_changes(&mut self, room_id: RoomId, after: Seq, limit: u32) -> Result<Vec<Message>> {
        let rows: Vec<WrittenRow> = self.query(|connection| {
            chat_message::table
                .left_join(chat_user::table)
                .filter(chat_message::room_id.eq(room_id.get()))
                .filter(chat_message::changed_seq.gt(after.get()))
                .order(chat_message::changed_seq)
                .limit(i64::from(limit))
                .select((MessageRow::as_select(), Option::<AuthorRow>::as_select()))
                .load(connection)
        })?;
        self.noted(rows.into_iter().map(written).collect())
    }

    fn count_unread(&mut self, room_id: RoomId, user_id: UserId, after: Seq, limit: u32) -> Result<u32> {
        // Rows up to the limit instead of a count: a count would read the whole rest of the room.
        let unread: Vec<i64> = self.query(|connection| {
            chat_message::table
                .filter(chat_message::room_id.eq(room_id.get()))
                .filter(chat_message::seq.gt(after.get()))
                .filter(chat_message::message_type.eq_any(UNREAD_KINDS))
                .filter(chat_message::user_id.is_null().or(chat_message::user_id.ne(user_id.get())))
                .order(chat_message::seq)
                .limit(i64::from(limit))
                .select(chat_message::seq)
                .load(connection)
        })?;
        Ok(u32::try_from(unread.len()).unwrap_or(limit))
    }
}

/// Brings what was found into the order of the keys.
fn in_order_of(keys: &[(UserId, MessageKey)], rows: Vec<WrittenRow>) -> Result<Vec<Option<Message>>> {
    let mut sent: HashMap<(UserId, MessageKey), Message> = HashMap::with_capacity(rows.len());
    for row in rows {
        let message = written(row)?;
        if let (Some(author), Some(key)) = (&message.author, &message.key) {
            sent.insert((author.id, key.clone()), message);
        }
    }
    Ok(keys.iter().map(|key| sent.get(key).cloned()).collect())
}
