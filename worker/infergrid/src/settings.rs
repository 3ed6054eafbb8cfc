//! Settings: flags, then environment variables, then the settings file, then defaults, merged once
//! into a struct that can be printed.

use crate::failure::Failure;
use anyhow::Context;
use clap::{Args, ValueEnum};
use infergrid_keys::Secret;
use serde::{Deserialize, Serialize};
use std::{
	fs,
	path::{Path, PathBuf},
};

/// Where a node of this machine listens.
pub(crate) const LOCAL_NODE: &str = "ws://127.0.0.1:9944";

/// Flags that every command takes.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct CommonArgs {
	/// Settings file in TOML; flags and environment variables take precedence over it
	#[arg(long, value_name = "FILE", env = "INFERGRID_CONFIG", global = true)]
	pub config: Option<PathBuf>,
	/// Node to use; repeat for more, they replace each other when one fails
	#[arg(
		long = "node",
		value_name = "URL",
		env = "INFERGRID_NODE",
		value_delimiter = ',',
		global = true
	)]
	pub node: Vec<String>,
	/// What to log, such as `info` or `warn,infergrid=debug`
	#[arg(long, value_name = "FILTER", env = "INFERGRID_LOG", global = true)]
	pub log: Option<String>,
	/// How to log
	#[arg(
		long,
		value_name = "FORMAT",
		env = "INFERGRID_LOG_FORMAT",
		global = true
	)]
	pub log_format: Option<LogFormat>,
	/// Print the merged settings as JSON and exit
	#[arg(long, global = true)]
	pub show_settings: bool,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
	/// For people.
	#[default]
	Text,
	/// One JSON object a line.
	Json,
}

/// What all commands share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Common {
	/// Nodes to use, in turn.
	pub node: Vec<String>,
	/// What to log.
	pub log: String,
	/// How to log.
	pub log_format: LogFormat,
}

impl Common {
	/// Merges flags and file.
	pub(crate) fn merge(args: &CommonArgs, file: &File) -> Self {
		let nodes = if args.node.is_empty() {
			file.node.clone()
		} else {
			Some(args.node.clone())
		};
		Self {
			node: nodes.unwrap_or_else(|| vec![LOCAL_NODE.to_owned()]),
			log: args
				.log
				.clone()
				.or_else(|| file.log.clone())
				.unwrap_or_else(|| "warn,infergrid=info".to_owned()),
			log_format: args.log_format.or(file.log_format).unwrap_or_default(),
		}
	}
}

/// The settings file. Every command reads its own section and refuses names it does not know.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
	/// Nodes to use, in turn.
	pub node: Option<Vec<String>>,
	/// What to log.
	pub log: Option<String>,
	/// How to log.
	pub log_format: Option<LogFormat>,
	/// Of `infergrid mine`.
	#[serde(default)]
	pub mine: WorkerFile,
	/// Of `infergrid verify`.
	#[serde(default)]
	pub verify: WorkerFile,
	/// Of `infergrid gateway`.
	#[serde(default)]
	pub gateway: GatewayFile,
}

/// The sections `mine` and `verify`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkerFile {
	/// The worker's directory.
	pub data: Option<PathBuf>,
	/// The worker key.
	pub key: Option<Secret>,
	/// A file with the worker key.
	pub key_file: Option<PathBuf>,
	/// The operator's key.
	pub operator_key: Option<Secret>,
	/// A file with the operator's key.
	pub operator_key_file: Option<PathBuf>,
	/// The model's directory.
	pub model: Option<PathBuf>,
	/// The profile's identifier.
	pub profile: Option<String>,
	/// Plancks per 1,000 prompt tokens.
	pub price_input: Option<u128>,
	/// Plancks per 1,000 answer tokens.
	pub price_output: Option<u128>,
	/// Tasks at the same time.
	pub capacity: Option<u32>,
	/// Multiaddresses to listen on.
	pub listen: Option<Vec<String>>,
	/// The multiaddress that others dial.
	pub announce: Option<String>,
	/// How long to wait at a stop for what was assigned or drawn, in seconds.
	pub drain_seconds: Option<u64>,
	/// Announce and dial addresses of this machine and of private networks.
	pub allow_local: Option<bool>,
	/// Where to serve metrics.
	pub metrics: Option<String>,
	/// Where to compute.
	pub device: Option<String>,
}

/// The section `gateway`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GatewayFile {
	/// The gateway's directory.
	pub data: Option<PathBuf>,
	/// The payer's key.
	pub key: Option<Secret>,
	/// A file with the payer's key.
	pub key_file: Option<PathBuf>,
	/// Models' directories.
	pub model: Option<Vec<PathBuf>>,
	/// Where to serve HTTP.
	pub listen: Option<String>,
	/// Blocks to wait for an answer.
	pub patience: Option<u32>,
	/// Orders under way at once.
	pub max_orders: Option<usize>,
	/// How long to wait at a stop for orders under way, in seconds.
	pub drain_seconds: Option<u64>,
	/// Host names by which clients may call.
	pub allow_host: Option<Vec<String>>,
	/// Web origins whose pages may call.
	pub allow_origin: Option<Vec<String>>,
	/// Where to serve metrics.
	pub metrics: Option<String>,
	/// Ask for an audit of every answer.
	pub always_audit: Option<bool>,
	/// Dial addresses of this machine and of private networks.
	pub allow_local: Option<bool>,
	/// Let messages spell control tokens.
	pub allow_control_tokens: Option<bool>,
	/// Keys that clients must show.
	pub api_key: Option<Vec<Secret>>,
}

impl File {
	/// Reads the settings file, if one is named.
	pub(crate) fn read(path: Option<&Path>) -> Result<Self, Failure> {
		let Some(path) = path else {
			return Ok(Self::default());
		};
		let text = fs::read_to_string(path)
			.with_context(|| format!("cannot read the settings file {}", path.display()))
			.map_err(Failure::config)?;
		toml::from_str(&text)
			.with_context(|| format!("the settings file {} is wrong", path.display()))
			.map_err(Failure::config)
	}
}

/// The directory of a role where none is given.
#[expect(
	clippy::disallowed_methods,
	reason = "the program's settings are read here"
)]
pub(crate) fn default_data(role: &str) -> PathBuf {
	let base = std::env::var_os("XDG_DATA_HOME")
		.map(PathBuf::from)
		.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")))
		.unwrap_or_else(|| PathBuf::from("."));
	base.join("infergrid").join(role)
}

/// Prints merged settings on the standard output.
pub(crate) fn show(settings: &impl Serialize) -> Result<(), Failure> {
	let text = serde_json::to_string_pretty(settings).map_err(Failure::internal)?;
	crate::output::line(text);
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;

	fn file(text: &str) -> Result<File, Failure> {
		let directory = tempfile::tempdir().unwrap();
		let path = directory.path().join("infergrid.toml");
		fs::write(&path, text).unwrap();
		File::read(Some(&path))
	}

	#[test]
	fn flags_win_over_the_file_and_the_file_over_defaults() {
		let file = file("node = [\"ws://file:1\"]\nlog = \"debug\"").unwrap();
		let args = CommonArgs {
			node: vec!["ws://flag:2".into()],
			..CommonArgs::default()
		};
		let merged = Common::merge(&args, &file);
		assert_eq!(merged.node, ["ws://flag:2"]);
		assert_eq!(merged.log, "debug");
		assert_eq!(merged.log_format, LogFormat::Text);
		assert_eq!(
			Common::merge(&CommonArgs::default(), &File::default()).node,
			[LOCAL_NODE]
		);
	}

	#[test]
	fn a_misspelt_name_is_refused_with_the_file_named() {
		let failure = file("[mine]\ncapacty = 3").unwrap_err().to_string();
		assert!(
			failure.contains("infergrid.toml") && failure.contains("capacty"),
			"{failure}"
		);
	}

	#[test]
	fn a_missing_file_is_an_error() {
		assert!(File::read(Some(Path::new("/nonexistent/infergrid.toml"))).is_err());
	}
}
