//! Makes cargo compile the crate again when a migration was added: the macro that embeds them sees files, not folders.
#![expect(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
