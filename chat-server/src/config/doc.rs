//! `config doc`: a table of all settings, made from the definitions that read them.

use clap::{Arg, CommandFactory};

use super::Settings;
use super::invocation::variable;

/// Every setting in Markdown: variable, flag, default, meaning.
#[must_use]
pub fn settings_document() -> String {
    let rows: String =
        Settings::command().get_arguments().filter(|definition| !definition.is_hide_set()).map(row).collect();
    format!("| variable | flag | default | meaning |\n|---|---|---|---|\n{rows}")
}

fn row(definition: &Arg) -> String {
    let flag = definition.get_long().unwrap_or_default();
    let defaults: Vec<_> =
        definition.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let default = if defaults.is_empty() { "none".to_owned() } else { format!("`{}`", defaults.join(",")) };
    let help = definition.get_long_help().or(definition.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    let meaning = help.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    let choices: Vec<String> =
        definition.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    let choices = if choices.is_empty() { String::new() } else { format!(": {}", choices.join(" or ")) };
    format!("| `{}` | `--{flag}` | {default} | {meaning}{choices} |\n", variable(definition))
}
