//! Statements with a constant text on PostgreSQL, with a column of values for each question mark: `unnest` makes rows
//! of them again, so that the text is the same for any number of rows.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text};

use crate::statement::{Bound, Statement};

/// The values of one column, in the place of a question mark.
#[derive(Debug)]
pub(crate) enum Column<'v> {
    Numbers(Vec<i64>),
    PerhapsNumbers(Vec<Option<i64>>),
    Flags(Vec<bool>),
    Texts(Vec<&'v str>),
    PerhapsTexts(Vec<Option<&'v str>>),
}

/// Fills the question marks of a statement.
pub(crate) fn bind<'v, S: Statement>(columns: &'v [Column<'v>]) -> Bound<'v, S, Column<'v>> {
    Bound::new(columns)
}

impl<S: Statement> QueryFragment<Pg> for Bound<'_, S, Column<'_>> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut columns = self.values.iter();
        for text in S::TEXT {
            pass.push_sql(text);
            match columns.next() {
                Some(Column::Numbers(numbers)) => pass.push_bind_param::<Array<BigInt>, _>(numbers)?,
                Some(Column::PerhapsNumbers(numbers)) => {
                    pass.push_bind_param::<Array<Nullable<BigInt>>, _>(numbers)?;
                }
                Some(Column::Flags(flags)) => pass.push_bind_param::<Array<Bool>, _>(flags)?,
                Some(Column::Texts(texts)) => pass.push_bind_param::<Array<Text>, _>(texts)?,
                Some(Column::PerhapsTexts(texts)) => {
                    pass.push_bind_param::<Array<Nullable<Text>>, _>(texts)?;
                }
                None => {}
            }
        }
        Ok(())
    }
}

impl<S: Statement> RunQueryDsl<PgConnection> for Bound<'_, S, Column<'_>> {}
