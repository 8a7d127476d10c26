//! Makes cargo compile the crate again when a migration was added: the macro that embeds them sees files, not folders.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
