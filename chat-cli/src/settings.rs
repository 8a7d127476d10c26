//! Settings that are secret: a variable of the environment, or a file that `NAME_FILE` names, as for the server.

use chat_store::secret_key::SecretKey;
use chat_store::tokens::Tokens;

use crate::args::Global;
use crate::database::Database;
use crate::error::CliError;

/// A setting; `None` if it is not set. An empty variable counts as not set.
pub(crate) fn secret_setting(name: &str) -> Result<Option<String>, CliError> {
    let file_name = format!("{name}_FILE");
    match (variable(name)?, variable(&file_name)?) {
        (Some(_), Some(_)) => {
            Err(CliError::usage(format!("{name} and {file_name} are both set"), "unset one of them"))
        }
        (None, Some(file)) => std::fs::read_to_string(&file).map(Some).map_err(|error| {
            let what = format!("could not read {file}, which {file_name} names: {error}");
            CliError::usage(what, "correct the variable")
        }),
        (value, None) => Ok(value),
    }
}

/// What makes tokens that the server knows: under its secret, from where the server takes it.
pub(crate) fn tokens(global: &Global, database: &Database) -> Result<Tokens, CliError> {
    const ADVICE: &str = "give this program the same SECRET_KEY or SECRET_KEY_FILE as the server";
    if let Some(secret) = secret_setting("SECRET_KEY")? {
        let key = SecretKey::new(&secret);
        return key
            .map(Tokens::new)
            .ok_or_else(|| CliError::usage("there is nothing in the SECRET_KEY", ADVICE));
    }
    if database.is_shared() {
        return Err(CliError::usage("SECRET_KEY is required with PostgreSQL", ADVICE));
    }
    SecretKey::of_data_dir(&global.data_dir).map(Tokens::new).map_err(|error| {
        let what = format!("could not read the secret of the data folder: {error}");
        CliError::failed(what, "name the server's data folder with --data-dir, and run as the server's user")
    })
}

/// A variable of the environment; an empty one is none.
fn variable(name: &str) -> Result<Option<String>, CliError> {
    let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    let value = value.into_string();
    value.map(Some).map_err(|_| CliError::usage(format!("{name} is not UTF-8"), "correct the variable"))
}
