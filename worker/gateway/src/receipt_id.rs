//! A receipt's id: that of its request.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use infergrid_primitives::Hash;

/// The response header that carries the receipts' ids.
const RECEIPT_HEADER: HeaderName = HeaderName::from_static("x-infergrid-receipt");

/// The id under which a request's receipt is found.
pub(crate) fn id(request_id: &Hash) -> String {
	format!("0x{}", hex::encode(request_id))
}

/// Names the receipts of `requests` in a response's headers, if there are any.
pub(crate) fn name(headers: &mut HeaderMap, requests: &[Hash]) {
	let ids: Vec<_> = requests.iter().map(id).collect();
	if let (false, Ok(ids)) = (ids.is_empty(), HeaderValue::from_str(&ids.join(", "))) {
		headers.insert(RECEIPT_HEADER, ids);
	}
}
