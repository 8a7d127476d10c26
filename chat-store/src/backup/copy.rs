//! Copies all tables from one database to another, a page at a time, in an order that references allow.

use diesel::deserialize::Queryable;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::BigInt;

use crate::any_connection::{AnyConnection, MultiBackend, on_backend};
use crate::backup::Progress;
use crate::control::META_ID;
use crate::schema::{
    chat_control, chat_message, chat_meta, chat_participant, chat_room, chat_session, chat_user,
};

/// Rows of a page. With bodies at their limit a page has 4 MiB; with the columns of the widest table it stays below
/// the 32,766 parameters of a statement.
const PAGE_ROWS: i64 = 500;

/// The tables whose ids the database gives, which must go on above those that were given once.
const NUMBERED: [&str; 5] = ["chat_user", "chat_room", "chat_session", "chat_message", "chat_participant"];

/// Tables that a copy fills, so that they must be empty before. The schema's own tables come with the migrations.
pub(super) const COPIED: [&str; 6] =
    ["chat_user", "chat_room", "chat_session", "chat_message", "chat_participant", "chat_control"];

/// Copies all rows, and the numbers from which the ids go on. Both sides have the schema of this program; `to` is
/// empty. Each side is in a transaction of the caller's.
pub(super) fn copy_all(
    from: &mut AnyConnection,
    to: &mut AnyConnection,
    progress: &mut dyn FnMut(Progress),
) -> QueryResult<()> {
    copy_table::<UserCopy>(from, to, progress)?;
    copy_table::<RoomCopy>(from, to, progress)?;
    copy_table::<SessionCopy>(from, to, progress)?;
    copy_table::<MessageCopy>(from, to, progress)?;
    copy_table::<ParticipantCopy>(from, to, progress)?;
    copy_table::<ControlCopy>(from, to, progress)?;
    let (epoch, control_seq): (String, i64) =
        chat_meta::table.find(META_ID).select((chat_meta::epoch, chat_meta::control_seq)).get_result(from)?;
    diesel::delete(chat_meta::table).execute(to)?;
    diesel::insert_into(chat_meta::table)
        .values((
            chat_meta::id.eq(META_ID),
            chat_meta::epoch.eq(epoch),
            chat_meta::control_seq.eq(control_seq),
        ))
        .execute(to)?;
    for table in NUMBERED {
        let last = last_id(from, table)?;
        continue_ids(to, table, last)?;
    }
    Ok(())
}

fn copy_table<R: Copied>(
    from: &mut AnyConnection,
    to: &mut AnyConnection,
    progress: &mut dyn FnMut(Progress),
) -> QueryResult<()> {
    let (mut after, mut rows) = (i64::MIN, 0);
    loop {
        let page = R::page(from, after)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.key();
        rows += u64::try_from(page.len()).unwrap_or(u64::MAX);
        R::insert(to, &page)?;
        progress(Progress::Rows { table: R::TABLE, rows });
    }
}

/// A row of a table as it is, unchecked: what is stored is copied.
trait Copied: Sized {
    const TABLE: &'static str;
    fn key(&self) -> i64;
    fn page(from: &mut AnyConnection, after: i64) -> QueryResult<Vec<Self>>;
    fn insert(to: &mut AnyConnection, rows: &[Self]) -> QueryResult<usize>;
}

macro_rules! copied {
    ($row:ident: $table:ident by $key:ident { $($field:ident: $kind:ty),* $(,)? }) => {
        #[derive(Queryable, Selectable, Insertable)]
        #[diesel(table_name = $table)]
        #[diesel(treat_none_as_default_value = false)]
        struct $row { $($field: $kind),* }

        // A column of the schema that is not named above is an error of the compiler here.
        const _: fn() = || {
            fn is_complete<R: Queryable<$table::SqlType, MultiBackend>>() {}
            is_complete::<$row>();
        };

        impl Copied for $row {
            const TABLE: &'static str = stringify!($table);

            fn key(&self) -> i64 {
                self.$key
            }

            fn page(from: &mut AnyConnection, after: i64) -> QueryResult<Vec<Self>> {
                $table::table
                    .filter($table::$key.gt(after))
                    .order($table::$key)
                    .limit(PAGE_ROWS)
                    .select(Self::as_select())
                    .load(from)
            }

            fn insert(to: &mut AnyConnection, rows: &[Self]) -> QueryResult<usize> {
                on_backend!(to, |c| diesel::insert_into($table::table).values(rows).execute(c))
            }
        }
    };
}

copied!(UserCopy: chat_user by id {
    id: i64, username: String, display_name: String, password_hash: Option<String>, is_disabled: bool,
    created_at: i64,
});
copied!(RoomCopy: chat_room by id {
    id: i64, name: String, description: String, created_at: i64, is_active: bool, last_seq: i64, members: i64,
    announces_members: bool,
});
copied!(SessionCopy: chat_session by id {
    id: i64, user_id: i64, token_hash: Vec<u8>, created_at: i64, expires_at: i64, last_seen_at: i64,
    device: Option<String>,
});
copied!(MessageCopy: chat_message by id {
    id: i64, room_id: i64, user_id: Option<i64>, message: String, message_type: String, created_at: i64,
    is_edited: bool, edited_at: Option<i64>, seq: i64, changed_seq: i64, client_key: Option<String>,
});
copied!(ParticipantCopy: chat_participant by id {
    id: i64, room_id: i64, user_id: i64, joined_at: i64, last_active: i64, is_online: bool, read_seq: i64,
});
copied!(ControlCopy: chat_control by seq {
    seq: i64, created_at: i64, action: String, user_id: Option<i64>, room_id: Option<i64>,
    session_id: Option<i64>,
});

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

/// The last id that a table gave, 0 before the first.
fn last_id(connection: &mut AnyConnection, table: &str) -> QueryResult<i64> {
    let number: Number = match connection {
        AnyConnection::Sqlite(sqlite) => sql_query(format!(
            "SELECT coalesce(max(seq), 0) AS value FROM sqlite_sequence WHERE name = '{table}'"
        ))
        .get_result(sqlite)?,
        AnyConnection::Postgres(postgres) => sql_query(format!(
            "SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS value FROM {table}_id_seq"
        ))
        .get_result(postgres)?,
    };
    Ok(number.value)
}

/// Lets the ids of a table go on above `last`, and above those it has.
fn continue_ids(connection: &mut AnyConnection, table: &str, last: i64) -> QueryResult<()> {
    match connection {
        AnyConnection::Sqlite(sqlite) => {
            sql_query(format!("DELETE FROM sqlite_sequence WHERE name = '{table}'")).execute(sqlite)?;
            sql_query(format!(
                "INSERT INTO sqlite_sequence (name, seq) \
                 SELECT '{table}', max({last}, coalesce(max(id), 0)) FROM {table}"
            ))
            .execute(sqlite)?;
        }
        AnyConnection::Postgres(postgres) => {
            // Not undone by a rollback, which does no harm: ids may have holes.
            sql_query(format!(
                "SELECT setval('{table}_id_seq', greatest(n, 1), n > 0) \
                 FROM (SELECT greatest({last}, coalesce(max(id), 0)) AS n FROM {table}) AS highest"
            ))
            .execute(postgres)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new table is copied too, or named here with the reason why not.
    #[test]
    fn every_table_of_the_schema_is_copied() {
        let source = include_str!("../schema.rs");
        let tables: Vec<&str> = source
            .lines()
            .filter_map(|line| line.strip_prefix("    chat_")?.split_once(" ("))
            .map(|(name, _)| name)
            .collect();
        let mut copied: Vec<&str> = COPIED.iter().map(|table| table.trim_start_matches("chat_")).collect();
        // One row of its own; made by the migrations.
        copied.extend(["meta", "schema_requirement"]);
        copied.sort_unstable();
        let mut declared = tables;
        declared.sort_unstable();
        assert_eq!(declared, copied);
    }
}
