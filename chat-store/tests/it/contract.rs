//! The contract of the repositories, and the promises of a transaction.

use chat_domain::repository::RepositoryError;
use chat_domain::{contract, send_message};
use chat_store::Store;

use crate::chat::{NOW, bodies, room_with_member, sending, user};
use crate::database::{Database, on_each_backend};

struct Kept {
    store: Store,
    _database: Database,
}

impl Kept {
    fn new(database: Database) -> Self {
        Self { store: database.migrated(), _database: database }
    }
}

impl contract::Store for Kept {
    fn write(&mut self, work: contract::Work<'_>) -> Result<(), RepositoryError> {
        self.store.write(|repository| work(repository))
    }
}

#[test]
fn sqlite_keeps_the_contract() {
    contract::check_all(|| Kept::new(Database::sqlite()));
}

#[test]
fn postgres_keeps_the_contract() {
    if Database::postgres().is_some() {
        contract::check_all(|| Kept::new(Database::postgres().unwrap()));
    }
}

#[test]
fn a_failed_transaction_leaves_nothing_and_a_reader_cannot_write() {
    on_each_backend(|database| {
        let store = database.migrated();
        let (room_id, user_id) = room_with_member(&store);
        let chat_domain::Command::SendMessage(request) = sending(room_id, user_id, "lost", "k") else {
            panic!("not a message")
        };
        let failed: Result<(), RepositoryError> = store.write(|repository| {
            send_message(repository, NOW, request.clone()).unwrap();
            Err(RepositoryError::Unavailable("pulled the plug".to_owned()))
        });
        assert!(failed.is_err());
        let written = store.read(|repository| send_message(repository, NOW, request.clone()));
        assert!(written.is_err());
        assert_eq!(bodies(&store, room_id), Vec::<String>::new());
    });
}

#[test]
fn work_that_passes_over_a_failure_is_not_committed() {
    on_each_backend(|database| {
        let store = database.migrated();
        user(&store, "ann");
        let taken = chat_domain::NewUser {
            username: chat_domain::Username::new("ann").unwrap(),
            display_name: chat_domain::DisplayName::new("Ann").unwrap(),
            password_hash: None,
            created_at: NOW,
        };
        let free =
            chat_domain::NewUser { username: chat_domain::Username::new("bob").unwrap(), ..taken.clone() };
        let written: Result<(), RepositoryError> = store.write(|repository| {
            repository.add_user(&free)?;
            assert!(repository.add_user(&taken).is_err());
            Ok(())
        });
        assert!(matches!(written, Err(RepositoryError::Conflict(_))), "{written:?}");
        assert!(store.read(|repository| repository.find_user_by_name(&free.username)).unwrap().is_none());
    });
}

#[test]
fn a_panic_rolls_back_and_the_store_works_on() {
    on_each_backend(|database| {
        let store = database.migrated();
        let ann = user(&store, "ann");
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            store.write(|repository| -> Result<(), RepositoryError> {
                repository.set_user_disabled(ann, true)?;
                panic!("on purpose")
            })
        }));
        assert!(panicked.is_err());
        let found = store.write(|repository| repository.find_user(ann)).unwrap().unwrap();
        assert!(!found.is_disabled);
    });
}

#[test]
fn a_snapshot_does_not_move() {
    on_each_backend(|database| {
        let store = database.migrated();
        user(&store, "ann");
        let (before, after) = store
            .read(|repository| {
                let before = repository.list_users(None, 10)?.len();
                user(&store, "bob");
                Ok::<_, RepositoryError>((before, repository.list_users(None, 10)?.len()))
            })
            .unwrap();
        assert_eq!((before, after), (1, 1));
        assert_eq!(store.read(|repository| repository.list_users(None, 10)).unwrap().len(), 2);
    });
}

#[test]
fn a_store_keeps_its_epoch_and_answers_about_its_health() {
    on_each_backend(|database| {
        let store = database.migrated();
        let state = store.read(|repository| repository.database_state()).unwrap();
        assert_eq!(state.epoch.len(), 32);
        assert_eq!(database.open().read(|repository| repository.database_state()).unwrap(), state);
        store.health().unwrap();
        assert_eq!(store.backend(), database.backend());
    });
}

#[test]
fn an_impossible_row_is_corrupt_and_its_content_is_not_told() {
    on_each_backend(|database| {
        let store = database.migrated();
        user(&store, "ann");
        database.execute("UPDATE chat_user SET username = 'not A name'");
        let found = store.read(|repository| repository.list_users(None, 1));
        let Err(RepositoryError::Corrupt(text)) = found else { panic!("{found:?}") };
        assert!(text.contains("chat_user 1") && !text.contains("not A name"), "{text}");
    });
}
