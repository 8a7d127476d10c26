//! People.

use chat_domain::repository::{Result, Users};
use chat_domain::{NewUser, PasswordHash, User, UserId, Username};
use diesel::prelude::*;

use crate::any_connection::{AnyConnection, on_backend};
use crate::rows::UserRow;
use crate::schema::chat_user;
use crate::transaction::StoreTransaction;

impl Users for StoreTransaction<'_> {
    fn add_user(&mut self, user: &NewUser) -> Result<User> {
        let row: UserRow = self.query(|connection| {
            on_backend!(connection, |c| diesel::insert_into(chat_user::table)
                .values((
                    chat_user::username.eq(user.username.as_str()),
                    chat_user::display_name.eq(user.display_name.as_str()),
                    chat_user::password_hash.eq(user.password_hash.as_ref().map(PasswordHash::as_str)),
                    chat_user::created_at.eq(user.created_at.unix_ms()),
                ))
                .returning(UserRow::as_returning())
                .get_result(c))
        })?;
        self.noted(row.try_into())
    }

    fn find_user(&mut self, id: UserId) -> Result<Option<User>> {
        let found: Option<UserRow> = self.query(|connection| {
            chat_user::table.find(id.get()).select(UserRow::as_select()).get_result(connection).optional()
        })?;
        self.noted(found.map(User::try_from).transpose())
    }

    fn lock_user(&mut self, id: UserId) -> Result<Option<User>> {
        // Nobody else writes while a transaction is open on SQLite, so that reading is locking. On PostgreSQL it is
        // the lock that a change of the row takes; messages, which only name the row, don't wait for it.
        let user = chat_user::table.find(id.get());
        let found: Option<UserRow> = self.query(|connection| match connection {
            AnyConnection::Sqlite(sqlite) => user.select(UserRow::as_select()).get_result(sqlite).optional(),
            AnyConnection::Postgres(postgres) => {
                user.for_no_key_update().select(UserRow::as_select()).get_result(postgres).optional()
            }
        })?;
        self.noted(found.map(User::try_from).transpose())
    }

    fn find_user_by_name(&mut self, username: &Username) -> Result<Option<User>> {
        let found: Option<UserRow> = self.query(|connection| {
            chat_user::table
                .filter(chat_user::username.eq(username.as_str()))
                .select(UserRow::as_select())
                .get_result(connection)
                .optional()
        })?;
        self.noted(found.map(User::try_from).transpose())
    }

    fn list_users(&mut self, after: Option<UserId>, limit: u32) -> Result<Vec<User>> {
        let rows: Vec<UserRow> = self.query(|connection| {
            chat_user::table
                .filter(chat_user::id.gt(after.map_or(i64::MIN, UserId::get)))
                .order(chat_user::id)
                .limit(i64::from(limit))
                .select(UserRow::as_select())
                .load(connection)
        })?;
        self.noted(rows.into_iter().map(User::try_from).collect())
    }

    fn find_password_hash(&mut self, id: UserId) -> Result<Option<PasswordHash>> {
        let found: Option<Option<String>> = self.query(|connection| {
            chat_user::table.find(id.get()).select(chat_user::password_hash).get_result(connection).optional()
        })?;
        Ok(found.flatten().map(PasswordHash::new))
    }

    fn set_password_hash(&mut self, id: UserId, hash: &PasswordHash) -> Result<()> {
        self.query(|connection| {
            diesel::update(chat_user::table.find(id.get()))
                .set(chat_user::password_hash.eq(hash.as_str()))
                .execute(connection)
        })
        .map(drop)
    }

    fn set_user_disabled(&mut self, id: UserId, is_disabled: bool) -> Result<()> {
        self.query(|connection| {
            diesel::update(chat_user::table.find(id.get()))
                .set(chat_user::is_disabled.eq(is_disabled))
                .execute(connection)
        })
        .map(drop)
    }
}
