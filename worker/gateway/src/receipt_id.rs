//! A receipt's id: that of its request.

use axum::http::HeaderName;
use infergrid_primitives::Hash;

/// The response header that carries the receipt's id.
pub(crate) const RECEIPT_HEADER: HeaderName = HeaderName::from_static("x-infergrid-receipt");

/// The id under which a request's receipt is found.
pub(crate) fn id(request_id: &Hash) -> String {
	format!("0x{}", hex::encode(request_id))
}
