//! The statements that a store sends to its database.

use std::cell::RefCell;

use diesel::connection::{InstrumentationEvent, set_default_instrumentation};

/// A statement as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    /// The values of its question marks, as Diesel writes them.
    pub(crate) values: String,
}

thread_local! {
    /// The statements of this thread, while it listens.
    static HEARD: RefCell<Option<Vec<Statement>>> = const { RefCell::new(None) };
}

/// Lets [`heard`] hear the connections that are opened from now on.
pub(crate) fn listen() {
    set_default_instrumentation(|| Some(Box::new(hear))).unwrap();
}

/// The statements that some work sends from this thread.
pub(crate) fn heard(work: impl FnOnce()) -> Vec<Statement> {
    HEARD.set(Some(Vec::new()));
    work();
    HEARD.take().unwrap()
}

fn hear(event: InstrumentationEvent<'_>) {
    if let InstrumentationEvent::StartQuery { query, .. } = event {
        let text = query.to_string();
        let (sql, values) = text.split_once(" -- binds: ").unwrap_or((&text, "[]"));
        let statement = Statement { sql: sql.to_owned(), values: values.to_owned() };
        HEARD.with_borrow_mut(|heard| heard.iter_mut().for_each(|heard| heard.push(statement.clone())));
    }
}
