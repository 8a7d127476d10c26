//! What the command line asks for, and each setting as it was found: its value, where it comes from, what is wrong.

use std::ffi::{OsStr, OsString};

use clap::builder::{OsStringValueParser, Resettable};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches, Subcommand};

use super::{Config, ConfigError, Settings};

/// What is asked for instead of serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum ConfigTask {
    /// Shows every setting, its value and where it comes from; no secrets
    Show,
    /// Says whether the settings can be used, or all that is wrong with them; exit code 0 or 2
    Check,
    /// Prints a table of all settings in Markdown
    Doc,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Shows, checks or documents the settings
    #[command(subcommand)]
    Config(ConfigTask),
}

/// A command line that was read, together with the environment.
#[derive(Debug)]
pub struct Invocation {
    /// What to do; `None` is to serve.
    pub task: Option<ConfigTask>,
    /// The settings; what can't be read has its default here, and is told by [`Invocation::config`].
    pub settings: Settings,
    pub(super) found: Vec<Found>,
}

/// A setting as it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) definition: Arg,
    /// `None` where nothing is set and there is no default.
    pub(super) source: Option<ValueSource>,
    pub(super) values: Vec<OsString>,
    /// What is wrong with the values by themselves.
    pub(super) problem: Option<String>,
}

impl Invocation {
    /// Reads the arguments and the environment. A variable that is set to nothing counts as not set.
    ///
    /// # Errors
    /// An unknown argument; or the help that was asked for. `exit` prints it.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let definitions = Settings::command().mut_args(|argument| {
            let is_empty =
                argument.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
            let argument = argument.global(true);
            if is_empty { argument.env(Resettable::Reset) } else { argument }
        });
        // Any text is taken at first, so that everything that is wrong can be told, not only the first thing.
        let lenient =
            definitions.clone().mut_args(|argument| argument.value_parser(OsStringValueParser::new()));
        let matches =
            Task::augment_subcommands(lenient).subcommand_required(false).try_get_matches_from(arguments)?;
        let task = match matches.subcommand_name() {
            Some(_) => Some(Task::from_arg_matches(&matches)?),
            None => None,
        };
        let found: Vec<Found> =
            Settings::command().get_arguments().map(|definition| Found::new(definition, &matches)).collect();
        Ok(Self {
            task: task.map(|Task::Config(task)| task),
            settings: settings(definitions, &found)?,
            found,
        })
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`ConfigError`] names everything that is wrong.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let mut problems: Vec<String> = self.found.iter().filter_map(|found| found.problem.clone()).collect();
        match Config::from_settings(&self.settings) {
            Ok(config) if problems.is_empty() => Ok(config),
            Ok(_) => Err(ConfigError(problems)),
            Err(ConfigError(more)) => {
                problems.extend(more);
                Err(ConfigError(problems))
            }
        }
    }
}

/// The settings out of what can be read; the rest has its default.
fn settings(definitions: Command, found: &[Found]) -> Result<Settings, clap::Error> {
    let usable = found.iter().filter(|found| found.is_set() && found.problem.is_none());
    let arguments = usable.flat_map(|found| arguments(&found.definition, &found.values));
    let without_environment = definitions.mut_args(|argument| argument.env(Resettable::Reset));
    Settings::from_arg_matches(&without_environment.try_get_matches_from(with_name(arguments))?)
}

impl Found {
    fn new(definition: &Arg, matches: &ArgMatches) -> Self {
        let id = definition.get_id().as_str();
        let values: Vec<OsString> =
            matches.get_raw(id).into_iter().flatten().map(OsStr::to_os_string).collect();
        let mut found =
            Self { definition: definition.clone(), source: matches.value_source(id), values, problem: None };
        if found.is_set() {
            found.problem = problem(definition, &found.values);
        }
        found
    }

    /// Whether somebody set it.
    pub(super) fn is_set(&self) -> bool {
        self.source.is_some_and(|source| source != ValueSource::DefaultValue)
    }

    /// The name of its variable.
    pub(super) fn variable(&self) -> String {
        variable(&self.definition)
    }
}

/// The name of a setting's variable.
pub(super) fn variable(definition: &Arg) -> String {
    definition.get_env().unwrap_or_default().to_string_lossy().into_owned()
}

/// What is wrong with the values of one setting.
fn problem(definition: &Arg, values: &[OsString]) -> Option<String> {
    let alone = Command::new("chat-server").arg(definition.clone().env(Resettable::Reset));
    let error = alone.try_get_matches_from(with_name(arguments(definition, values))).err()?.to_string();
    // The lines up to the first empty one say what is wrong; the others are advice for a command line.
    let lines: Vec<&str> = error.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let text = lines.join(" ");
    Some(format!("{}: {}", variable(definition), text.strip_prefix("error: ").unwrap_or(&text)))
}

/// A setting as flags.
fn arguments(definition: &Arg, values: &[OsString]) -> Vec<OsString> {
    let flag = format!("--{}=", definition.get_long().unwrap_or_default());
    let argument = |value| {
        let mut argument = OsString::from(&flag);
        argument.push(value);
        argument
    };
    values.iter().map(argument).collect()
}

fn with_name(arguments: impl IntoIterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    std::iter::once(OsString::from("chat-server")).chain(arguments)
}
