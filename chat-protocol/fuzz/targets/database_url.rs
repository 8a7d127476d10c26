//! Where the database lies: a file, a server, or a named error; and no password is shown.
#![no_main]

use chat_store::{Backend, DatabaseUrl};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let url: DatabaseUrl = match text.parse() {
        Ok(url) => url,
        Err(error) => {
            let error: chat_store::DatabaseUrlError = error;
            assert!(error.to_string().contains("accepted are"), "{error}");
            return;
        }
    };
    assert_eq!(url.sqlite_path().is_some(), url.backend() == Backend::Sqlite);
    let shown = url.to_string();
    if url.backend() == Backend::Postgres {
        let rest = text.split_once("//").expect("an address").1;
        let password = rest.split(['/', '?', '#']).next().and_then(|authority| authority.split_once('@'));
        let password =
            password.and_then(|(user, _)| user.split_once(':')).map_or("", |(_, password)| password);
        // A password that also stands elsewhere can't be told from what stands there.
        let without = format!("postgres://{}", rest.replacen(&format!(":{password}@"), "@", 1));
        assert!(password.len() < 3 || without.contains(password) || !shown.contains(password), "{shown}");
    }
});
