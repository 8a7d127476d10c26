//! Settings that are secret come from a variable, or from a file that `NAME_FILE` names.

use std::path::PathBuf;

/// Reads a secret setting; notes what is wrong.
pub(super) fn read(
    name: &str,
    value: Option<&String>,
    file: Option<&PathBuf>,
    problems: &mut Vec<String>,
) -> Option<String> {
    let (from, text) = match (value, file) {
        (Some(_), Some(_)) => {
            problems.push(format!("{name} and {name}_FILE are both set; one is enough"));
            return None;
        }
        (Some(value), None) => (name.to_owned(), value.clone()),
        (None, Some(path)) => {
            let from = format!("{name}_FILE {}", path.display());
            match std::fs::read_to_string(path) {
                Ok(text) => (from, text),
                Err(error) => {
                    problems.push(format!("{from}: {error}"));
                    return None;
                }
            }
        }
        (None, None) => return None,
    };
    let text = text.trim();
    if text.is_empty() {
        problems.push(format!("{from}: there is nothing in it"));
        return None;
    }
    Some(text.to_owned())
}
