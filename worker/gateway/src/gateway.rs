//! What the handlers share.

use crate::{asked::Asked, market::Market, places::Places, settings::Settings};
use std::sync::Arc;

/// What the handlers share.
pub(crate) struct Gateway {
	pub(crate) settings: Settings,
	pub(crate) market: Arc<dyn Market>,
	pub(crate) places: Places,
	pub(crate) asked: Asked,
}
