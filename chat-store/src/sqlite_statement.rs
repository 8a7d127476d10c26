//! Statements with a constant text on SQLite, with a value for each question mark.

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::Sqlite;

use crate::statement::{Bound, Statement};

/// A value in the place of a question mark.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'v> {
    Number(i64),
    PerhapsNumber(Option<i64>),
    Text(&'v str),
    PerhapsText(Option<&'v str>),
}

/// Fills the question marks of a statement.
pub(crate) fn bind<'v, S: Statement>(values: &'v [Value<'v>]) -> Bound<'v, S, Value<'v>> {
    Bound::new(values)
}

impl<S: Statement> QueryFragment<Sqlite> for Bound<'_, S, Value<'_>> {
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

impl<S: Statement> RunQueryDsl<SqliteConnection> for Bound<'_, S, Value<'_>> {}
