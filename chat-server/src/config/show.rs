//! `config show`: every setting, its value and where it comes from. Secrets are only said to be set.

use std::ffi::OsString;

use clap::ValueEnum;
use clap::parser::ValueSource;

use super::invocation::Found;
use super::{Invocation, database, registration};
use crate::printable::printable;

impl Invocation {
    /// A line for each setting: variable, value, source.
    #[must_use]
    pub fn show(&self) -> String {
        let rows: Vec<[String; 3]> = self
            .found
            .iter()
            .filter(|found| !found.definition.is_hide_set())
            .map(|found| [found.variable(), self.value(found), self.source(found)])
            .collect();
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let (variables, values) = (width(0), width(1));
        rows.iter()
            .map(|[variable, value, source]| format!("{variable:variables$}  {value:values$}  {source}\n"))
            .collect()
    }

    /// What a setting comes to.
    fn value(&self, found: &Found) -> String {
        let value = match found.definition.get_id().as_str() {
            "database_url" => match database(&self.settings, &mut Vec::new()) {
                Some(url) => url.to_string(),
                None => return "set, but not usable".to_owned(),
            },
            "registration" if !found.is_set() => registration(&self.settings)
                .to_possible_value()
                .map(|value| value.get_name().to_owned())
                .unwrap_or_default(),
            _ if found.definition.is_hide_env_values_set() => {
                let is_set = found.is_set() || self.file_of(found).is_some();
                return if is_set { "set" } else { "not set" }.to_owned();
            }
            _ if found.values.is_empty() => return "not set".to_owned(),
            _ => found.values.join(&OsString::from(",")).to_string_lossy().into_owned(),
        };
        printable(&value)
    }

    fn source(&self, found: &Found) -> String {
        match found.source {
            Some(ValueSource::CommandLine) => "flag",
            Some(ValueSource::EnvVariable) => "environment",
            _ if self.file_of(found).is_some() => "file",
            _ => "default",
        }
        .to_owned()
    }

    /// The setting that names the file of a secret, if it is set.
    fn file_of(&self, secret: &Found) -> Option<&Found> {
        let name = format!("{}_FILE", secret.variable());
        self.found.iter().find(|found| found.is_set() && found.variable() == name)
    }
}
