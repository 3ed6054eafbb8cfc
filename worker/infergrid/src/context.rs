//! What every command is given.

use crate::settings::{Common, File};
use tokio_util::sync::CancellationToken;

/// What every command is given.
#[derive(Clone, Debug)]
pub(crate) struct Context {
	/// Settings that all commands share.
	pub(crate) common: Common,
	/// The settings file.
	pub(crate) file: File,
	/// Print the settings and do nothing.
	pub(crate) show_settings: bool,
	/// Fires on the first Ctrl-C or SIGTERM.
	pub(crate) stop: CancellationToken,
}
