//! Memberships.

use std::collections::HashMap;

use chat_domain::participant::ListedParticipant;
use chat_domain::repository::{Participants, Result};
use chat_domain::{Member, Participant, PresenceRecord, RoomId, Seq, User, UserId};
use diesel::prelude::*;

use crate::any_connection::AnyConnection;
use crate::rows::{AuthorRow, ListedRow, ParticipantRow, UserRow, listed};
use crate::schema::{chat_participant, chat_room, chat_user};
use crate::transaction::StoreTransaction;
use crate::{batch_postgres, batch_sqlite};

impl Participants for StoreTransaction<'_> {
    fn find_members(&mut self, keys: &[(RoomId, UserId)]) -> Result<Vec<Option<Member>>> {
        let (users, participants) = self.query(|connection| match connection {
            AnyConnection::Sqlite(sqlite) => batch_sqlite::find_members(sqlite, keys),
            AnyConnection::Postgres(postgres) => batch_postgres::find_members(postgres, keys),
        })?;
        let members = members(keys, users, participants);
        self.noted(members)
    }

    fn add_participant(&mut self, participant: &Participant) -> Result<()> {
        self.query(|connection| {
            diesel::insert_into(chat_participant::table)
                .values((
                    chat_participant::room_id.eq(participant.room_id.get()),
                    chat_participant::user_id.eq(participant.user_id.get()),
                    chat_participant::joined_at.eq(participant.joined_at.unix_ms()),
                    chat_participant::last_active.eq(participant.last_active.unix_ms()),
                    chat_participant::is_online.eq(participant.is_online),
                    chat_participant::read_seq.eq(participant.read_seq.get()),
                ))
                .execute(connection)
        })
        .map(drop)
    }

    fn remove_participant(&mut self, room_id: RoomId, user_id: UserId) -> Result<()> {
        self.query(|connection| {
            diesel::delete(
                chat_participant::table
                    .filter(chat_participant::room_id.eq(room_id.get()))
                    .filter(chat_participant::user_id.eq(user_id.get())),
            )
            .execute(connection)
        })
        .map(drop)
    }

    fn raise_read_seqs(&mut self, read: &[(RoomId, UserId, Seq)]) -> Result<()> {
        self.query(|connection| match connection {
            AnyConnection::Sqlite(sqlite) => batch_sqlite::raise_read_seqs(sqlite, read),
            AnyConnection::Postgres(postgres) => batch_postgres::raise_read_seqs(postgres, read),
        })
    }

    fn list_participants(&mut self, room_id: RoomId, limit: u32) -> Result<Vec<ListedParticipant>> {
        let rows: Vec<ListedRow> = self.query(|connection| {
            chat_participant::table
                .inner_join(chat_user::table)
                .filter(chat_participant::room_id.eq(room_id.get()))
                .order((
                    chat_participant::is_online.desc(),
                    chat_participant::last_active.desc(),
                    chat_participant::user_id,
                ))
                .limit(i64::from(limit))
                .select((ParticipantRow::as_select(), AuthorRow::as_select()))
                .load(connection)
        })?;
        self.noted(rows.into_iter().map(listed).collect())
    }

    fn list_participations(&mut self, user_id: UserId, limit: u32) -> Result<Vec<Participant>> {
        let rows: Vec<ParticipantRow> = self.query(|connection| {
            chat_participant::table
                .inner_join(chat_room::table)
                .filter(chat_participant::user_id.eq(user_id.get()))
                .filter(chat_room::is_active.eq(true))
                .order(chat_participant::room_id)
                .limit(i64::from(limit))
                .select(ParticipantRow::as_select())
                .load(connection)
        })?;
        Ok(rows.into_iter().map(Participant::from).collect())
    }

    fn record_presence(&mut self, records: &[PresenceRecord]) -> Result<()> {
        self.query(|connection| match connection {
            AnyConnection::Sqlite(sqlite) => batch_sqlite::record_presence(sqlite, records),
            AnyConnection::Postgres(postgres) => batch_postgres::record_presence(postgres, records),
        })
    }

    fn clear_presence(&mut self) -> Result<()> {
        self.query(|connection| {
            diesel::update(chat_participant::table.filter(chat_participant::is_online.eq(true)))
                .set(chat_participant::is_online.eq(false))
                .execute(connection)
        })
        .map(drop)
    }
}

/// Brings what was found into the order of the keys.
fn members(
    keys: &[(RoomId, UserId)],
    users: Vec<UserRow>,
    participants: Vec<ParticipantRow>,
) -> Result<Vec<Option<Member>>> {
    let users: HashMap<UserId, User> = users
        .into_iter()
        .map(|row| User::try_from(row).map(|user| (user.id(), user)))
        .collect::<Result<_>>()?;
    let participants: HashMap<(RoomId, UserId), Participant> = participants
        .into_iter()
        .map(Participant::from)
        .map(|participant| ((participant.room_id, participant.user_id), participant))
        .collect();
    let member = |key: &(RoomId, UserId)| {
        let user = users.get(&key.1)?.clone();
        Some(Member { user, participant: participants.get(key).cloned() })
    };
    Ok(keys.iter().map(member).collect())
}
