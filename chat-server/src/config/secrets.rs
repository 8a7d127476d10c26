//! Settings that are secret come from a variable, or from a file that `NAME_FILE` names.

use std::path::PathBuf;

/// Reads a secret setting; notes what is wrong.
pub(super) fn read(
    name: &str,
    value: Option<&String>,
    file: Option<&PathBuf>,
    problems: &mut Vec<String>,
) -> Option<String> {
    match (value, file) {
        (Some(_), Some(_)) => {
            problems.push(format!("{name} and {name}_FILE are both set; one is enough"));
            None
        }
        (Some(value), None) => Some(value.clone()),
        (None, Some(path)) => match std::fs::read_to_string(path) {
            Ok(text) => Some(text.trim().to_owned()),
            Err(error) => {
                problems.push(format!("{name}_FILE {}: {error}", path.display()));
                None
            }
        },
        (None, None) => None,
    }
}
