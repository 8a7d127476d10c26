//! Statements with a constant text: prepared once per connection, and found again by their type.
//!
//! A batch runs the same few statements again and again. Diesel's inserts of many rows, its updates and its raw queries
//! are prepared anew each time, and what it builds for a statement is walked several times per run; both cost more than
//! the statement.

use std::marker::PhantomData;

use diesel::query_builder::{Query, QueryId};

/// The text of a statement, cut at its question marks.
pub(crate) trait Statement: 'static {
    /// What stands before the first question mark, between two of them, and behind the last.
    const TEXT: &'static [&'static str];
    /// The columns of its rows.
    type Row;
}

/// A statement with something for each of its question marks; what that may be is the backend's affair.
pub(crate) struct Bound<'v, S, V> {
    pub(crate) values: &'v [V],
    statement: PhantomData<S>,
}

impl<'v, S: Statement, V> Bound<'v, S, V> {
    pub(crate) fn new(values: &'v [V]) -> Self {
        debug_assert_eq!(values.len() + 1, S::TEXT.len(), "a value for each question mark");
        Self { values, statement: PhantomData }
    }
}

impl<S: Statement, V> QueryId for Bound<'_, S, V> {
    type QueryId = S;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<S: Statement, V> Query for Bound<'_, S, V> {
    type SqlType = S::Row;
}
