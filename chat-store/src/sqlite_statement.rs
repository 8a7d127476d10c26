//! Statements with a constant text on SQLite: prepared once per connection, and found again by their type.
//!
//! A batch runs the same few statements for each of its messages. Diesel's own updates are prepared anew each time,
//! and what it builds for an insert or a select is walked several times per run; both cost more than the statement.

use std::marker::PhantomData;

use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::Sqlite;

/// The text of a statement, cut at its question marks.
pub(crate) trait Statement: 'static {
    /// What stands before the first question mark, between two of them, and behind the last.
    const TEXT: &'static [&'static str];
    /// The columns of its rows.
    type Row;
}

/// A value in the place of a question mark.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'v> {
    Number(i64),
    PerhapsNumber(Option<i64>),
    Text(&'v str),
    PerhapsText(Option<&'v str>),
}

/// A statement with a value for each of its question marks.
pub(crate) struct Bound<'v, S> {
    values: &'v [Value<'v>],
    statement: PhantomData<S>,
}

/// Fills the question marks of a statement.
pub(crate) fn bind<'v, S: Statement>(values: &'v [Value<'v>]) -> Bound<'v, S> {
    debug_assert_eq!(values.len() + 1, S::TEXT.len(), "a value for each question mark");
    Bound { values, statement: PhantomData }
}

impl<S: Statement> QueryFragment<Sqlite> for Bound<'_, S> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let mut values = self.values.iter();
        for text in S::TEXT {
            pass.push_sql(text);
            match values.next() {
                Some(Value::Number(number)) => pass.push_bind_param::<BigInt, i64>(number)?,
                Some(Value::PerhapsNumber(number)) => {
                    pass.push_bind_param::<Nullable<BigInt>, Option<i64>>(number)?;
                }
                Some(Value::Text(text)) => pass.push_bind_param::<Text, &str>(text)?,
                Some(Value::PerhapsText(text)) => {
                    pass.push_bind_param::<Nullable<Text>, Option<&str>>(text)?
                }
                None => {}
            }
        }
        Ok(())
    }
}

impl<S: Statement> QueryId for Bound<'_, S> {
    type QueryId = Bound<'static, S>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<S: Statement> Query for Bound<'_, S> {
    type SqlType = S::Row;
}

impl<S: Statement> RunQueryDsl<SqliteConnection> for Bound<'_, S> {}
