//! Receipts: what comes with an answer, and `GET /v1/receipts/{id}`.
//!
//! A receipt's id is that of its request, in hexadecimal with `0x`. Amounts are decimal strings in
//! plancks: they do not fit a JavaScript number.

use crate::{
	errors::{ApiError, Kind},
	market::{AuditProgress, Delivery, Placement, ReceiptProgress, Settlement},
	receipt_id::id,
};
use infergrid_primitives::{
	Hash,
	audit::Verdict,
	market::Shares,
	request::{Finish, Receipt},
};
use serde_json::{Value, json};

/// Parses a receipt's id.
pub(crate) fn parse_id(text: &str) -> Result<Hash, ApiError> {
	let mut hash = Hash::default();
	hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut hash).map_err(|_| {
		let message =
			"A receipt's id is 64 hexadecimal digits, as in the header x-infergrid-receipt.";
		ApiError::about(Kind::InvalidValue, "id", message)
	})?;
	Ok(hash)
}

/// The extension field of an answer.
pub(crate) fn extension(placement: &Placement, delivery: &Delivery) -> Value {
	let mut fields = json!({
		"receipt_id": id(&placement.request_id),
		"request_id": hex0x(&placement.request_id),
		"task": placement.task,
		"miner": placement.miner,
		"status": "delivered",
		"signature": hex0x(&delivery.signature),
	});
	merge(&mut fields, receipt(&delivery.receipt));
	fields
}

/// How far a receipt has come.
pub(crate) fn progress(progress: &ReceiptProgress) -> Value {
	let placement = &progress.placement;
	let (fee, shares, reason) = match &progress.settlement {
		Settlement::Queued | Settlement::Assigned => (None, None, None),
		Settlement::Escrowed { fee } => (Some(*fee), None, None),
		Settlement::Settled { fee, shares } => (Some(*fee), Some(shares), None),
		Settlement::Refunded { reason } => (None, None, Some(reason)),
	};
	json!({
		"object": "infergrid.receipt",
		"receipt_id": id(&placement.request_id),
		"request_id": hex0x(&placement.request_id),
		"task": placement.task,
		"miner": Some(&placement.miner).filter(|miner| !miner.is_empty()),
		"status": match progress.settlement {
			Settlement::Queued => "queued",
			Settlement::Assigned => "assigned",
			Settlement::Escrowed { .. } => "escrowed",
			Settlement::Settled { .. } => "settled",
			Settlement::Refunded { .. } => "refunded",
		},
		"fee": fee.map(|fee| fee.to_string()),
		"shares": shares.map(shares_json),
		"transaction_fee": progress.transaction_fee.map(|fee| fee.to_string()),
		"refund_reason": reason,
		"audit": progress.audit.as_ref().map(audit),
		"receipt": progress.receipt.as_ref().map(receipt),
		"block": progress.block,
	})
}

fn receipt(receipt: &Receipt) -> Value {
	json!({
		"worker_key": hex0x(&receipt.worker_key),
		"n_prompt": receipt.n_prompt,
		"n_out": receipt.n_out,
		"finish": match receipt.finish {
			Finish::EndOfSequence => "end_of_sequence",
			Finish::StopString => "stop_string",
			Finish::Length => "length",
		},
		"output_commit": hex0x(&receipt.output_commit),
		"trace_root": hex0x(&receipt.trace_root),
		"fee": receipt.fee.to_string(),
		"ttft_ms": receipt.ttft_ms,
		"total_ms": receipt.total_ms,
	})
}

fn shares_json(shares: &Shares) -> Value {
	json!({
		"miner": shares.miner.to_string(),
		"creator": shares.creator.to_string(),
		"treasury": shares.treasury.to_string(),
	})
}

fn audit(audit: &AuditProgress) -> Value {
	json!({
		"id": audit.audit,
		"phase": audit.phase,
		"verdict": audit.verdict.map(|verdict| match verdict {
			Verdict::Valid => "valid",
			Verdict::Invalid => "invalid",
			Verdict::Unproven => "unproven",
			Verdict::Unavailable => "unavailable",
		}),
	})
}

fn merge(into: &mut Value, from: Value) {
	if let (Value::Object(into), Value::Object(from)) = (into, from) {
		into.extend(from);
	}
}

fn hex0x(bytes: &[u8]) -> String {
	format!("0x{}", hex::encode(bytes))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn ids_are_read_with_and_without_prefix() {
		let hash = [0xab; 32];
		assert_eq!(parse_id(&id(&hash)), Ok(hash));
		assert_eq!(parse_id(&"ab".repeat(32)), Ok(hash));
		for bad in ["", "0x", "zz", "ab", &"ab".repeat(33), &"0x".repeat(32)] {
			assert_eq!(
				parse_id(bad).map_err(|error| error.kind),
				Err(Kind::InvalidValue),
				"{bad}"
			);
		}
	}
}
