//! What is asked of the person at the terminal, or read from standard input: passwords and consent.

use std::io::{BufRead, IsTerminal, Write};

use chat_domain::limits::PASSWORD_BYTES;

use crate::args::PasswordSource;
use crate::error::CliError;

/// Gets a new password of 8 to 1,024 bytes: asked for twice, or one line of standard input.
pub(crate) fn new_password(source: &PasswordSource) -> Result<String, CliError> {
    let password = if source.password_stdin {
        first_line(std::io::stdin().lock())?
    } else if std::io::stdin().is_terminal() {
        ask_twice()?
    } else {
        return Err(CliError::usage(
            "there is no terminal to ask for the password",
            "pipe the password in and say --password-stdin",
        ));
    };
    check_length(&password)?;
    Ok(password)
}

/// Asks whether to go on. Without a terminal nobody can be asked.
pub(crate) fn confirm(question: &str) -> Result<(), CliError> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(CliError::usage("there is no terminal to ask for consent", "say --yes to go on unasked"));
    }
    let mut stderr = std::io::stderr();
    write!(stderr, "{question} [yes/no] ").and_then(|()| stderr.flush()).map_err(unreadable)?;
    let answer = first_line(stdin.lock())?;
    if matches!(answer.trim(), "y" | "yes") { Ok(()) } else { Err(CliError::Declined) }
}

fn ask_twice() -> Result<String, CliError> {
    let password = rpassword::prompt_password("New password: ").map_err(unreadable)?;
    check_length(&password)?;
    let again = rpassword::prompt_password("The same again: ").map_err(unreadable)?;
    if password == again {
        Ok(password)
    } else {
        Err(CliError::usage("the two passwords differ", "run the command again"))
    }
}

/// Reads a line without its end, and no more than the longest password needs.
fn first_line(input: impl BufRead) -> Result<String, CliError> {
    let line_bytes_max = PASSWORD_BYTES.end() + "\r\n".len();
    let mut line = Vec::new();
    input
        .take(u64::try_from(line_bytes_max).unwrap_or(u64::MAX))
        .read_until(b'\n', &mut line)
        .map_err(unreadable)?;
    if line.pop_if(|byte| *byte == b'\n').is_some() {
        line.pop_if(|byte| *byte == b'\r');
    }
    if line.len() > *PASSWORD_BYTES.end() {
        return Err(too_long());
    }
    String::from_utf8(line)
        .map_err(|_| CliError::usage("standard input is not UTF-8", "a password must be UTF-8 text"))
}

fn check_length(password: &str) -> Result<(), CliError> {
    let (min, max) = (PASSWORD_BYTES.start(), PASSWORD_BYTES.end());
    match password.len() {
        bytes if bytes < *min => Err(CliError::usage(
            format!("the password has {bytes} bytes; {min} to {max} are allowed"),
            "choose a longer one",
        )),
        bytes if bytes > *max => Err(too_long()),
        _ => Ok(()),
    }
}

fn too_long() -> CliError {
    let (min, max) = (PASSWORD_BYTES.start(), PASSWORD_BYTES.end());
    CliError::usage(
        format!("the password has more than {max} bytes; {min} to {max} are allowed"),
        "choose a shorter one",
    )
}

fn unreadable(error: std::io::Error) -> CliError {
    CliError::failed(format!("could not read the answer: {error}"), "run the command at a terminal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_at_its_line_feed() {
        for (input, expected) in [
            ("secret 1", "secret 1"),
            ("secret 1\n", "secret 1"),
            ("secret 1\r\nmore\n", "secret 1"),
            (" spaces stay \n", " spaces stay "),
            ("", ""),
        ] {
            assert_eq!(first_line(input.as_bytes()).unwrap(), expected, "{input:?}");
        }
    }

    #[test]
    fn reading_stops_beyond_the_longest_password() {
        let longest = "x".repeat(1_024);
        assert!(check_length(&first_line(format!("{longest}\r\n").as_bytes()).unwrap()).is_ok());
        let endless = std::io::BufReader::new(std::io::repeat(b'x'));
        assert!(first_line(endless).is_err());
    }

    #[test]
    fn passwords_have_8_to_1024_bytes() {
        assert!(check_length("1234567").is_err());
        assert!(check_length("12345678").is_ok());
        assert!(check_length("ääää").is_ok(), "bytes, not characters");
        assert!(check_length(&"x".repeat(1_025)).is_err());
    }
}
