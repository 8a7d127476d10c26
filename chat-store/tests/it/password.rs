//! Passwords: right, wrong, to be hashed anew, and nobody's.

use chat_domain::PasswordHash;
use chat_store::password::{PasswordHasher, PasswordParams, Verdict};

/// As cheap as Argon2 allows.
const CHEAP: PasswordParams = PasswordParams { memory_kib: 8, iterations: 1, lanes: 1 };

#[test]
fn a_password_is_right_or_wrong() {
    let hasher = PasswordHasher::new(CHEAP);
    let hash = hasher.hash("correct horse").unwrap();
    assert_eq!(hasher.verify("correct horse", &hash), Verdict::Right { rehash: false });
    assert_eq!(hasher.verify("correct horsf", &hash), Verdict::Wrong);
    assert_eq!(hasher.verify("", &hash), Verdict::Wrong);
    assert_ne!(hasher.hash("correct horse").unwrap(), hash, "each hash has its own salt");
}

#[test]
fn a_hash_with_other_parameters_is_right_and_to_be_made_anew() {
    let hash = PasswordHasher::new(CHEAP).hash("correct horse").unwrap();
    let stronger = PasswordHasher::new(PasswordParams { iterations: 2, ..CHEAP });
    assert_eq!(stronger.verify("correct horse", &hash), Verdict::Right { rehash: true });
    assert_eq!(stronger.verify("wrong", &hash), Verdict::Wrong);
}

#[test]
fn the_default_is_the_recommended_one_and_written_into_the_hash() {
    let hash = PasswordHasher::new(PasswordParams::default()).hash("correct horse").unwrap();
    assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
}

#[test]
fn what_is_no_hash_is_wrong_and_shows_nothing() {
    let hasher = PasswordHasher::new(CHEAP);
    assert_eq!(hasher.verify("correct horse", &PasswordHash::new("nonsense".to_owned())), Verdict::Wrong);
    hasher.verify_dummy("correct horse");
    let hash = hasher.hash("correct horse").unwrap();
    assert!(!format!("{hash:?} {hasher:?}").contains("argon2id"));
    let impossible = PasswordHasher::new(PasswordParams { memory_kib: 0, ..CHEAP });
    assert!(impossible.hash("correct horse").is_err());
}

#[test]
fn a_hash_of_the_reference_implementation_is_understood() {
    let hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let hash = PasswordHash::new(hash.to_owned());
    let hasher = PasswordHasher::new(PasswordParams::default());
    assert_eq!(hasher.verify("password", &hash), Verdict::Right { rehash: true });
    assert_eq!(hasher.verify("Password", &hash), Verdict::Wrong);
}
